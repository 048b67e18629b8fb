//! Accounts, and who signs their events: made, shown, set. What people do at an edge, the command line and the API alike.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::access::{self, NAME_CHARS_MAX};
use crate::cause::Code;
use crate::issue;
use crate::model::account::{Account, AccountNote, Connection, SchemaModes, Source};
use crate::model::id::{AccountId, DeliveryId, EventId, SourceId};
use crate::model::lane::PauseScope;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::schema::event_type_names;
use crate::signature::Secret;
use crate::store::{self, CreateAccount, NewSource, RotateSecret, Store, StoreError};

/// How long the old secret of a source may count beside the new one: after a week it is only a risk.
pub const OVERLAP_HOURS_MAX: u64 = 7 * 24;
/// Of a note on an account: a few sentences.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Notes on one account: beyond that nobody reads them.
pub const NOTES_MAX: u32 = 200;
/// What people type of an account.
const SLUG_CHARS_MAX: usize = 64;

/// Why an account or a source cannot be made or set.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("`{0}` is no slug: lower-case letters, digits and `-`, {SLUG_CHARS_MAX} at most")]
    Slug(String),
    #[error("there is an account `{0}` already")]
    Taken(String),
    #[error("a name has 1 to {NAME_CHARS_MAX} characters, on one line")]
    Name,
    #[error("a tolerance of {0} s is not between 60 and 900")]
    Tolerance(i64),
    #[error("a rate is a whole number from 0 to {max}, not {0}", max = Source::RATE_MAX)]
    Rate(i64),
    #[error("an overlap of {0} hours is not between 0 and {OVERLAP_HOURS_MAX}")]
    Overlap(u64),
    #[error("the secret of source `{0}` was changed meanwhile")]
    Meanwhile(SourceId),
    #[error("there is no event type `{0}`")]
    EventType(String),
    #[error("a note has 1 to {NOTE_CHARS_MAX} characters, not {0}")]
    Note(usize),
    #[error("there are {NOTES_MAX} notes on this account already")]
    ManyNotes,
    #[error("there is no note {0} on this account")]
    NoNote(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account with what it owns.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownAccount {
    #[serde(flatten)]
    pub account: Account,
    /// Since when nothing of it is planned or delivered, because somebody paused it, or everything.
    pub paused_since: Option<Timestamp>,
    pub connections: Vec<Connection>,
    pub event_types: Vec<String>,
    pub transformations: Vec<InUse>,
    pub sources: Vec<Source>,
}

/// A version that an account's events go through.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InUse {
    pub event_type: String,
    /// Such as `deals@3`, or `deals@3 on 10% of the events`.
    pub version: String,
    pub settings: serde_json::Value,
}

/// An event type, and whether its events go to a portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EventTypeChoice {
    #[serde(rename = "type")]
    #[schema(example = "lead.captured.v1")]
    pub name: String,
    pub selected: bool,
}

/// The event types that there are, and which of them go to a portal.
///
/// # Errors
/// The store's.
pub async fn event_types(store: &Store, connection: &Connection) -> Result<Vec<EventTypeChoice>, AccountError> {
    let routing = store.routing(&connection.account_id).await?;
    let selected: Vec<_> = routing.subscriptions.into_iter().filter(|one| one.connection_id == connection.id).collect();
    let choice = |name: &str| EventTypeChoice {
        name: name.to_owned(),
        selected: selected.iter().any(|one| one.event_type == name),
    };
    Ok(event_type_names().into_iter().map(choice).collect())
}

/// The event types that go to a portal.
///
/// # Errors
/// The store's.
pub async fn selected_types(store: &Store, connection: &Connection) -> Result<Vec<String>, AccountError> {
    let all = event_types(store, connection).await?;
    Ok(all.into_iter().filter(|choice| choice.selected).map(|choice| choice.name).collect())
}

/// Lets events of these types go to a portal, and of no others.
///
/// # Errors
/// When there is no such type, and the store's.
pub async fn select_event_types(
    store: &Store,
    connection: &Connection,
    types: &[String],
    now: Timestamp,
) -> Result<(), AccountError> {
    check_types(types.iter().map(String::as_str))?;
    for known in event_type_names() {
        match types.iter().any(|name| name == known) {
            true => store.subscribe(connection, known, now).await?,
            false => store.unsubscribe(connection, known).await?,
        }
    }
    Ok(())
}

/// Makes an account. Its slug is made of the name where it is not given.
///
/// # Errors
/// [`AccountError`], for the one who asked.
pub async fn create(store: &Store, name: &str, slug: Option<String>, now: Timestamp) -> Result<Account, AccountError> {
    let slug = slug.unwrap_or_else(|| slug_of(name));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.trim().is_empty() || slug.is_empty() || slug.len() > SLUG_CHARS_MAX || !slug.bytes().all(plain) {
        return Err(AccountError::Slug(slug));
    }
    match store.create_account(&slug, name.trim(), now).await? {
        CreateAccount::Created(account) => Ok(account),
        CreateAccount::SlugTaken => Err(AccountError::Taken(slug)),
    }
}

/// Keeps a note of support on an account.
///
/// # Errors
/// [`AccountError`], for the one who wrote it.
pub async fn note(
    store: &Store,
    account: &AccountId,
    (text, by): (&str, &str),
    now: Timestamp,
) -> Result<(), AccountError> {
    let text = issue::plain(text);
    let chars = text.chars().count();
    if !(1..=NOTE_CHARS_MAX).contains(&chars) {
        return Err(AccountError::Note(chars));
    }
    let note = AccountNote { number: 0, at: now, by: by.to_owned(), text };
    match store.note_on_account(account, &note, NOTES_MAX).await? {
        true => Ok(()),
        false => Err(AccountError::ManyNotes),
    }
}

/// Takes a note out.
///
/// # Errors
/// [`AccountError`], for the one who asked.
pub async fn remove_note(store: &Store, account: &AccountId, number: i64) -> Result<(), AccountError> {
    match store.delete_account_note(account, number).await? {
        true => Ok(()),
        false => Err(AccountError::NoNote(number)),
    }
}

/// What people type for an account of this name.
pub fn slug_of(name: &str) -> String {
    let words = name.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// An account with its portal, its transformations and its sources.
///
/// # Errors
/// The store's.
pub async fn show(store: &Store, account: Account) -> Result<ShownAccount, StoreError> {
    let routing = store.routing(&account.id).await?;
    let mut transformations = Vec::new();
    for binding in routing.bindings.into_iter().chain(routing.rest).filter(|binding| binding.share > Share::NONE) {
        let settings = serde_json::from_str(&binding.settings).map_err(StoreError::decode)?;
        let version = match binding.share {
            Share::ALL => binding.label,
            share => format!("{} on {share} of the events", binding.label),
        };
        transformations.push(InUse { event_type: binding.event_type, version, settings });
    }
    let pauses = store.pauses().await?;
    let is_whole = |(scope, _): &&(PauseScope, Timestamp)| {
        *scope == PauseScope::All || *scope == PauseScope::Account(account.id.clone())
    };
    Ok(ShownAccount {
        paused_since: pauses.iter().find(is_whole).map(|(_, since)| *since),
        sources: store.sources(Some(&account.id)).await?,
        connections: routing.connections,
        event_types: routing.subscriptions.into_iter().map(|subscription| subscription.event_type).collect(),
        transformations,
        account,
    })
}

/// A source to make.
pub struct SourceWish<'a> {
    pub name: &'a str,
    pub tolerance_s: i64,
    pub rate: i64,
    pub schema_modes: SchemaModes,
    /// Made here, where nobody brings one.
    pub secret: Option<SecretString>,
}

/// Makes a source. Its secret is shown this once.
///
/// # Errors
/// [`AccountError`], for the one who asked.
pub async fn create_source(
    store: &Store,
    account: &Account,
    wish: SourceWish<'_>,
    now: Timestamp,
) -> Result<(Source, SecretString), AccountError> {
    let name = wish.name.trim();
    if !access::is_name(name) {
        return Err(AccountError::Name);
    }
    if !Source::TOLERANCE_S_RANGE.contains(&wish.tolerance_s) {
        return Err(AccountError::Tolerance(wish.tolerance_s));
    }
    check_rate(wish.rate)?;
    check_types(wish.schema_modes.keys().map(String::as_str))?;
    let secret = wish.secret.unwrap_or_else(|| SecretString::from(Secret::generate()));
    let new = NewSource {
        account_id: &account.id,
        name,
        tolerance_s: wish.tolerance_s,
        schema_modes: &wish.schema_modes,
        rate: wish.rate,
        secret: &secret,
    };
    Ok((store.create_source(new, now).await?, secret))
}

/// What a source may send from now on. What is not named stays as it is.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[schema(as = SetSource)]
#[serde(default, deny_unknown_fields)]
pub struct SourceChange {
    /// Events a second; 0: any number.
    pub rate: Option<i64>,
    /// What happens to events that break the schema of these types.
    #[schema(value_type = std::collections::BTreeMap<String, crate::model::account::SchemaMode>)]
    pub schema_modes: SchemaModes,
}

/// Changes what a source may send. What waited because it broke a schema is looked at once more.
///
/// # Errors
/// [`AccountError`], for the one who asked.
pub async fn set_source(
    store: &Store,
    source: &Source,
    change: SourceChange,
    now: Timestamp,
) -> Result<Source, AccountError> {
    if let Some(rate) = change.rate {
        check_rate(rate)?;
    }
    check_types(change.schema_modes.keys().map(String::as_str))?;
    let set = store.set_source(source, change.rate, &change.schema_modes).await?;
    // Also where they are as they were: what waits may have been left behind.
    if !change.schema_modes.is_empty() {
        store.release(&set.account_id, &[Code::IngestSchema], now).await?;
    }
    Ok(set)
}

/// Refuses names that no event type has.
fn check_types<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<(), AccountError> {
    let known = event_type_names();
    match names.find(|name| !known.contains(name)) {
        Some(stranger) => Err(AccountError::EventType(stranger.to_owned())),
        None => Ok(()),
    }
}

fn check_rate(rate: i64) -> Result<(), AccountError> {
    if (0..=Source::RATE_MAX).contains(&rate) { Ok(()) } else { Err(AccountError::Rate(rate)) }
}

/// Gives a source a new secret, which is shown this once; the old one counts for some hours more. `seen` is when the
/// newest was made that the one who asks knows of; none where he does not mind.
///
/// # Errors
/// [`AccountError`], for the one who asked.
pub async fn rotate(
    store: &Store,
    (source, seen): (&Source, Option<Timestamp>),
    overlap_hours: u64,
    now: Timestamp,
) -> Result<SecretString, AccountError> {
    if overlap_hours > OVERLAP_HOURS_MAX {
        return Err(AccountError::Overlap(overlap_hours));
    }
    let secret = SecretString::from(Secret::generate());
    let overlap = Duration::from_secs(overlap_hours * 3600);
    match store.rotate_secret((source, seen), &secret, overlap, now).await? {
        RotateSecret::Rotated => Ok(secret),
        RotateSecret::Meanwhile => Err(AccountError::Meanwhile(source.id.clone())),
    }
}

/// The account that a word leads to: its slug, its id, or the id of something of it, such as a lead. None where there is
/// nothing of that name.
///
/// # Errors
/// The store's.
pub async fn behind(store: &Store, word: &str) -> store::Result<Option<AccountId>> {
    let account = match word.split_once('_').map(|(prefix, _)| prefix) {
        Some("con") => store.connection(word).await?.map(|connection| connection.account_id),
        Some("evt") => match word.parse::<EventId>() {
            Ok(id) => store.find_event(&id).await?.map(|event| event.account_id),
            Err(_) => None,
        },
        Some("dlv") => match word.parse::<DeliveryId>() {
            Ok(id) => store.find_delivery(&id).await?.map(|delivery| delivery.account_id),
            Err(_) => None,
        },
        Some("alr") => store.alert_rule(word).await?.map(|rule| rule.account_id),
        Some("era") => store.erasure(word).await?.map(|erasure| erasure.account_id),
        Some("iss") => match store.issue(word).await? {
            Some(issue) => Some(issue.account_id),
            None => store.past_issue(word).await?.map(|issue| issue.account_id),
        },
        Some("wvr") => store.waiver(word).await?.map(|waiver| waiver.account_id),
        Some("rpl") => store.replay(word).await?.map(|replay| replay.account_id),
        Some("src") => {
            let sources = store.sources(None).await?;
            sources.into_iter().find(|source| source.id.as_str() == word).map(|source| source.account_id)
        }
        _ => None,
    };
    match account {
        Some(account) => Ok(Some(account)),
        None => Ok(store.account(word).await?.map(|account| account.id)),
    }
}

/// The account that somebody means who looks for a word: the one [`behind`] it, else the one whose sender knows an event or
/// a lead by it. Only for looking: a sender chooses its ids, and one may be called as something else is.
///
/// # Errors
/// The store's.
pub async fn looked_for(store: &Store, word: &str) -> store::Result<Option<AccountId>> {
    // Our own ids and slugs have no capital letters.
    match behind(store, &word.to_lowercase()).await? {
        Some(account) => Ok(Some(account)),
        None => match store.account_of_sent(word).await? {
            Some(account) => Ok(Some(account)),
            None => store.account_of_lead(word).await,
        },
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slug_is_made_of_the_name() {
        for (name, slug) in
            [("Ocean Honda", "ocean-honda"), ("  Müller & Söhne 24 ", "m-ller-s-hne-24"), ("Über", "ber"), ("!!", "")]
        {
            assert_eq!(super::slug_of(name), slug);
        }
    }
}
