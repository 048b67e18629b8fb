//! Sources on the screen of the settings: made, set, and given a new secret.

use std::sync::Arc;

use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::post;
use secrecy::{ExposeSecret as _, SecretString};
use utoipa_axum::router::OpenApiRouter;

use super::super::fault::Fault;
use super::super::shell::{Place, Shell, Visit};
use super::{Fields, Fresh, News, number, page, refused, sent, to};
use crate::account::{self, SourceChange, SourceWish};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::etag;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, SchemaMode, SchemaModes, Source};
use crate::model::id::SourceId;
use crate::model::time::Timestamp;
use crate::model::word;
use crate::schema::event_type_names;
use crate::store::SourceSecret;
use crate::text::cut;
use crate::view::moment::Moment;

/// For how long the secret before counts beside a new one, as the page offers it.
pub(super) const OVERLAPS: [(u64, &str); 4] =
    [(24, "for a day"), (72, "for three days"), (168, "for a week"), (0, "not at all: it may be known to somebody")];
/// What may happen to an event that breaks the schema of its type, in the order of the page.
const MODES: [SchemaMode; 4] = [SchemaMode::Off, SchemaMode::Warn, SchemaMode::Quarantine, SchemaMode::Reject];

/// The page is for those who say who else may do what. These forms take the right to change something too, as they do
/// everywhere else.
pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .route("/accounts/{account}/settings/sources", post(make))
        .route("/accounts/{account}/settings/sources/{id}/set", post(set))
        .route("/accounts/{account}/settings/sources/{id}/rotate", post(rotate));
    needing(Right::Access, access)
}

/// A source with its forms, and the secrets that count.
pub(super) struct SourceRow {
    pub(super) source: Source,
    /// Where its events go.
    pub(super) address: String,
    /// By which what is shown is told from what others set meanwhile.
    pub(super) tag: String,
    /// Events a second, as they stand in the form.
    pub(super) rate: String,
    pub(super) types: Vec<TypeField>,
    /// When the newest secret was made, for people and for the form.
    pub(super) made: Option<(Moment, i64)>,
    /// Until when others count beside it.
    pub(super) others: Vec<Moment>,
    /// Why it was not set just now.
    pub(super) not_set: Option<Fault>,
    /// Why it has no new secret.
    pub(super) not_rotated: Option<Fault>,
    /// Hours that the one before counts on, as they stand in the form.
    pub(super) overlap: String,
}

/// What happens to the events of a type that break its schema.
pub(super) struct TypeField {
    pub(super) name: &'static str,
    /// As it is set.
    pub(super) now: &'static str,
    /// Every mode by its word and in words, and whether it stands in the form.
    pub(super) modes: [(String, &'static str, bool); MODES.len()],
}

/// The form of a new source.
pub(super) struct Blank {
    pub(super) name: String,
    pub(super) rate: String,
    pub(super) tolerance_s: String,
}

pub(super) fn blank(news: &News) -> Blank {
    let field = |name: &str, start: &str| news.field("source", name, start).to_owned();
    Blank {
        name: field("name", ""),
        rate: field("rate", &Source::RATE_DEFAULT.to_string()),
        tolerance_s: field("tolerance_s", &Source::TOLERANCE_S_DEFAULT.to_string()),
    }
}

/// The sources of an account.
pub(super) async fn rows(app: &App, shell: &Shell, account: &Account, news: &News) -> Result<Vec<SourceRow>, ApiError> {
    let secrets = app.store.source_secrets(Some(&account.id), shell.now).await?;
    let sources = app.store.sources(Some(&account.id)).await?;
    Ok(sources.into_iter().map(|source| row((app, shell), source, &secrets, news)).collect())
}

fn row((app, shell): (&App, &Shell), source: Source, secrets: &[SourceSecret], news: &News) -> SourceRow {
    let own: Vec<_> = secrets.iter().filter(|secret| secret.source == source.id.as_str()).collect();
    let newest = own.iter().find(|secret| secret.valid_until.is_none());
    let setting = setting(source.id.as_str());
    SourceRow {
        address: address(app, &source.id),
        tag: etag::tag(&source),
        rate: news.field(&setting, "rate", &source.rate.to_string()).to_owned(),
        types: event_type_names().into_iter().map(|name| type_field(&source, name, (news, &setting))).collect(),
        made: newest.map(|secret| (shell.time(secret.created_at), secret.created_at.0)),
        others: own.iter().filter_map(|secret| secret.valid_until).map(|until| shell.time(until)).collect(),
        not_set: news.fault(&setting).cloned(),
        not_rotated: news.fault(&rotation(source.id.as_str())).cloned(),
        overlap: news.field(&rotation(source.id.as_str()), "overlap_hours", &OVERLAPS[0].0.to_string()).to_owned(),
        source,
    }
}

fn type_field(source: &Source, name: &'static str, (news, setting): (&News, &str)) -> TypeField {
    let now = source.schema_mode(name);
    let start = word(&now);
    let chosen = news.field(setting, name, &start);
    TypeField { name, now: title(now), modes: MODES.map(|mode| (word(&mode), title(mode), word(&mode) == chosen)) }
}

/// What happens to an event that breaks its schema, as the end of a sentence.
fn title(mode: SchemaMode) -> &'static str {
    match mode {
        SchemaMode::Off => "goes on unchecked",
        SchemaMode::Warn => "goes on, with a warning in its log",
        SchemaMode::Quarantine => "waits until this is changed",
        SchemaMode::Reject => "is refused, and its sender told why",
    }
}

/// The form that sets a source.
fn setting(id: &str) -> String {
    format!("set-{id}")
}

/// The form that gives a source a new secret.
fn rotation(id: &str) -> String {
    format!("rotate-{id}")
}

fn address(app: &App, source: &SourceId) -> String {
    format!("{}/v1/sources/{source}/events", app.public_url.as_deref().unwrap_or_default())
}

/// Makes a source. Its secret is shown this once, with all else that whoever sends its events has to know.
async fn make(Visit { app, actor, place }: Visit, uri: Uri, Form(typed): Form<Fields>) -> Result<Response, ApiError> {
    may_change(&actor)?;
    match made(&app, &place.account, &typed).await {
        Ok((source, secret)) => {
            let words = "The source is made. Its events are signed with this secret, which is shown this once:";
            let (secret, address) = (secret.expose_secret().to_owned(), Some(address(&app, &source.id)));
            page(&app, &actor, place, &uri, News::of(Fresh { words, secret, address })).await
        }
        Err(error) => refused((&app, &actor, place), &uri, ("source".to_owned(), typed), error).await,
    }
}

async fn made(app: &App, account: &Account, typed: &[(String, String)]) -> Result<(Source, SecretString), ApiError> {
    let wish = SourceWish {
        name: sent(typed, "name"),
        tolerance_s: number(sent(typed, "tolerance_s"))?,
        rate: number(sent(typed, "rate"))?,
        schema_modes: SchemaModes::new(),
        secret: None,
    };
    Ok(account::create_source(&app.store, account, wish, (app.clock)()).await?)
}

/// Sets what a source may send. Whoever was quicker is not overwritten.
async fn set(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    uri: Uri,
    Form(typed): Form<Fields>,
) -> Result<Response, ApiError> {
    let before = found(&app, &actor, &place, &id).await?;
    match changed(&app, &before, &typed).await {
        Ok(now) => {
            actor.changes(before.told(), now.told());
            app.wake.plan.notify_one();
            Ok(to(&place.shell, "source-set"))
        }
        Err(error) => refused((&app, &actor, place), &uri, (setting(&id), typed), error).await,
    }
}

async fn changed(app: &App, source: &Source, typed: &[(String, String)]) -> Result<Source, ApiError> {
    if sent(typed, "tag") != etag::tag(source) {
        let text = "the source changed since you looked".to_owned();
        return Err(ApiError::Changed(text, "Compare it with what counts now, then send it once more."));
    }
    let rate = Some(number(sent(typed, "rate"))?);
    let change = SourceChange { rate, schema_modes: chosen_modes(source, typed)? };
    Ok(account::set_source(&app.store, source, change, (app.clock)()).await?)
}

/// The modes of a form that are to be set: what nobody ever set, and is as usual in the form too, is not named.
fn chosen_modes(source: &Source, typed: &[(String, String)]) -> Result<SchemaModes, ApiError> {
    let mut modes = SchemaModes::new();
    for event_type in event_type_names() {
        let asked = sent(typed, event_type);
        let mode = MODES.into_iter().find(|mode| word(mode) == asked).ok_or_else(|| {
            let text = format!("`{}` is nothing that can happen to events", cut(asked, 20));
            ApiError::BadRequest(text, "Choose one of those that are offered.")
        })?;
        if source.schema_modes.contains_key(event_type) || mode != source.schema_mode(event_type) {
            modes.insert(event_type.to_owned(), mode);
        }
    }
    Ok(modes)
}

/// Gives a source a new secret, which the page shows this once. Pressed again by somebody who saw the one before, it
/// stays.
async fn rotate(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    uri: Uri,
    Form(typed): Form<Fields>,
) -> Result<Response, ApiError> {
    let source = found(&app, &actor, &place, &id).await?;
    match rotated(&app, &source, &typed).await {
        Ok(secret) => {
            let words = "The source has a new signing secret. Give it to whoever signs. It is shown this once:";
            let fresh = Fresh { words, secret: secret.expose_secret().to_owned(), address: None };
            page(&app, &actor, place, &uri, News::of(fresh)).await
        }
        Err(error) => refused((&app, &actor, place), &uri, (rotation(&id), typed), error).await,
    }
}

/// The form says how long the secret before counts on, and which one it saw.
async fn rotated(app: &App, source: &Source, typed: &[(String, String)]) -> Result<SecretString, ApiError> {
    let hours = u64::try_from(number(sent(typed, "overlap_hours"))?).unwrap_or(u64::MAX);
    let seen = Timestamp(number(sent(typed, "seen"))?);
    Ok(account::rotate(&app.store, (source, Some(seen)), hours, (app.clock)()).await?)
}

/// The source of a form, for who may change it.
async fn found(app: &App, actor: &Actor, place: &Place, id: &str) -> Result<Source, ApiError> {
    may_change(actor)?;
    let sources = app.store.sources(Some(&place.account.id)).await?;
    let source = sources.into_iter().find(|source| source.id.as_str() == id);
    source.ok_or_else(|| ApiError::NotFound(format!("there is no source `{id}`")))
}

fn may_change(actor: &Actor) -> Result<(), ApiError> {
    if actor.may(Right::Change) { Ok(()) } else { Err(ApiError::NotAllowed { right: Right::Change }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AccountId;

    #[test]
    fn of_the_modes_of_a_form_those_are_set_that_somebody_chose() {
        let source = |modes: &[(&str, SchemaMode)]| Source {
            id: SourceId::new(Timestamp(1)),
            account_id: AccountId::new(Timestamp(1)),
            name: "chat".to_owned(),
            tolerance_s: Source::TOLERANCE_S_DEFAULT,
            schema_modes: modes.iter().map(|(name, mode)| ((*name).to_owned(), *mode)).collect(),
            rate: Source::RATE_DEFAULT,
            created_at: Timestamp(1),
        };
        let typed = |lead: &str| -> Fields {
            let of =
                |name: &str| if name == "lead.captured.v1" { lead.to_owned() } else { word(&SchemaMode::default()) };
            event_type_names().into_iter().map(|name| (name.to_owned(), of(name))).collect()
        };
        let rejects = [("lead.captured.v1", SchemaMode::Reject)];
        for (set, lead, expected) in [
            (&[][..], "warn", None),
            (&[][..], "reject", Some(SchemaMode::Reject)),
            // What waits may have been left behind: who sets it once more releases it.
            (&rejects[..], "reject", Some(SchemaMode::Reject)),
            (&rejects[..], "warn", Some(SchemaMode::Warn)),
        ] {
            let modes = chosen_modes(&source(set), &typed(lead)).unwrap();
            assert_eq!(modes.get("lead.captured.v1").copied(), expected, "{set:?} {lead}");
            assert_eq!(modes.len(), usize::from(expected.is_some()), "nobody chose the others");
        }
        assert!(chosen_modes(&source(&[]), &typed("often")).is_err());
    }
}
