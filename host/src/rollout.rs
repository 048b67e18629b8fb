//! Enabling a version, on a share of the events first where there is volume, and the way back. A change of bindings counts
//! for the next event that is planned, in every process; what was held for the version before runs again by itself.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::breaker;
use crate::cause::Code;
use crate::connection::{UseError, drift, portal, scopes, session};
use crate::contract::manifest::Manifest;
use crate::fit;
use crate::form::{self, Field};
use crate::gates::{self, Evidence, Examples, Gate};
use crate::hubspot::HubSpot;
use crate::model::account::{Account, Connection, PastBinding, Sign, Version};
use crate::model::id::{BindingId, WaiverId};
use crate::model::portal::PortalSchema;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::model::waiver::{Answered, Signer, Verdict, Waiver};
use crate::schema::{Settings, Violation};
use crate::store::{self, Answering, Bind, Bound, NewBinding, Store, StoreError, VersionFigures};
use crate::transform::{Quota, Tried, Whose};

/// Bindings that a history shows, the newest.
pub const HISTORY_MAX: u32 = 200;

/// For so long after a rollback what it took back is enabled again without asking the gates: it was in force a moment ago.
pub const UNDO_LIFE: Duration = Duration::from_secs(10 * 60);

/// Why a version is not enabled, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error("there is no version `{word}` that the account may use; there are {known}")]
    NoVersion { word: String, known: String },
    #[error(transparent)]
    Use(UseError),
    #[error("`{version}` cannot be tried on a share: nothing is in use that would take the other events")]
    NothingForTheRest { version: String },
    #[error("there is nothing to go back to: {0}")]
    NothingBefore(String),
    #[error("`{version}` is not enabled: {}", .gates.iter().filter(|gate| !gate.open).map(|gate| format!("{} ({})", gate.why, gate.name)).collect::<Vec<_>>().join("; "))]
    Closed { version: String, gates: Vec<Gate> },
    #[error("{asked_by} asked for it, and a second person of support has to approve it, not the same one")]
    SamePerson { asked_by: String },
    #[error("the request is {} already, by {by}", if *.is_approved { "approved" } else { "declined" })]
    Answered { is_approved: bool, by: String },
    #[error("there is no binding `{0}` of the connection")]
    NoBinding(String),
    #[error("there is no rollback to undo")]
    NothingToUndo,
    #[error("somebody else changed it meanwhile{}", .newest.as_ref().map_or_else(String::new, |id| format!("; the newest binding is {id}")))]
    Changed { newest: Option<BindingId> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RolloutError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NoVersion { .. } => "Choose one of them, as `name@number`.",
            Self::Use(_) => "Correct the settings.",
            Self::NothingForTheRest { .. } => "Enable it for all events.",
            Self::NothingBefore(_) => "Enable another version instead.",
            Self::Closed { .. } => {
                "Open the gates, or say with `--despite` and a key of yours why it is to be used all the same: a second person has to approve that."
            }
            Self::SamePerson { .. } => "Let another one of support, or an operator, look at it and approve it.",
            Self::Answered { .. } => "Look at the history; ask again where it is still needed.",
            Self::NoBinding(_) => "Take one of `leadline transform history`.",
            Self::NothingToUndo => "Name the binding that is to be in force again.",
            Self::Changed { .. } => "Look at the history, then decide again.",
            Self::Store(_) => "Try it again.",
        }
    }
}

impl From<UseError> for RolloutError {
    fn from(error: UseError) -> Self {
        match error {
            UseError::Store(error) => Self::Store(error),
            error => Self::Use(error),
        }
    }
}

/// A version that is to be used, with settings that were completed and checked against its schema.
#[derive(Clone, Debug)]
pub struct Choice {
    pub version: Version,
    pub manifest: Manifest,
    pub settings: Value,
    /// What the version needs of the portal, as it is now; none where what was read last has to do.
    pub portal: Option<PortalSchema>,
}

/// A wish to enable a version.
#[derive(Clone, Debug)]
pub struct Wish {
    pub share: Share,
    pub sign: Sign,
    /// The newest binding that the one who asks has seen.
    pub expected: Option<BindingId>,
    /// Why it is to be used although gates are closed; none where they have to be open.
    pub despite: Option<Despite>,
}

/// A wish to use a version although gates are closed, which a second person has to approve.
#[derive(Clone, Debug)]
pub struct Despite {
    pub why: String,
    /// Who asks.
    pub asker: Signer,
}

/// What became of a wish.
#[derive(Clone, Debug)]
pub enum Enabling {
    Enabled(Enabled),
    /// Gates are closed, and a second person is asked. Nothing changed so far.
    Asked(Box<Waiver>),
}

/// What enabling came to.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Enabled {
    pub version: String,
    pub share: Share,
    pub bindings: Vec<BindingId>,
    /// What waited for another version, and runs again.
    pub released: u64,
}

/// What a rollback came to.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RolledBack {
    /// The version that was in use.
    pub from: String,
    /// The version that is used again; none where nothing was before for any event type.
    pub to: String,
    pub bindings: Vec<BindingId>,
    pub released: u64,
}

/// What a rollback would do now.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RollbackPreview)]
pub struct Back {
    /// The version that is in use.
    pub from: String,
    /// The version that would be used again.
    pub to: String,
    /// The newest binding: whoever rolls back says which one he has seen.
    pub seen: BindingId,
    /// How that version did when it was in use.
    pub figures: VersionFigures,
    /// What waits and would run again.
    pub waiting: Vec<Waiting>,
}

/// Leads that wait for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = WaitingForCause)]
pub struct Waiting {
    pub code: Code,
    pub title: &'static str,
    pub leads: i64,
}

/// The version of a word, such as `deals@3` or an id, with settings for it. Without settings those that the connection
/// uses with the same transformation are kept.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn choose(
    store: &Store,
    account: &Account,
    connection: &Connection,
    word: &str,
    settings: Option<Value>,
) -> Result<Choice, RolloutError> {
    let Picked { version, manifest, settings } = pick(store, account, connection, word, settings).await?;
    let schema = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?;
    let settings = schema.complete(settings);
    let settings = settings.map_err(|violations| UseError::Settings { label: version.label(), violations })?;
    Ok(Choice { version, manifest, settings, portal: None })
}

/// The same, with the portal as it is now. Where it cannot be read, what was read last counts.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn choose_live(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Option<Value>,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Choice, RolloutError> {
    let choice = choose(store, account, connection, word, settings).await?;
    let needs = fit::needs(&choice.manifest, &choice.settings);
    let portal = read_portal(store, hubspot, connection, &needs, clock).await;
    Ok(Choice { portal, ..choice })
}

/// What is needed of a portal, as it is now; none where HubSpot does not show it.
async fn read_portal(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    needs: &fit::Needs,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Option<PortalSchema> {
    match session::open(store, hubspot, connection, clock).await {
        Ok(session) => portal::read_schema(&session, needs).await.ok().map(|read| read.schema),
        Err(_) => None,
    }
}

/// A version with settings that nobody has checked.
struct Picked {
    version: Version,
    manifest: Manifest,
    settings: Value,
}

async fn pick(
    store: &Store,
    account: &Account,
    connection: &Connection,
    word: &str,
    settings: Option<Value>,
) -> Result<Picked, RolloutError> {
    let Some(version) = store.version(account.id.as_str(), word).await? else {
        return Err(no_version(store, account.id.as_str(), word).await?);
    };
    let settings = match settings {
        Some(settings) => settings,
        None => {
            let bound = store.bound(connection).await?.into_iter();
            let same = |label: &str| label.split('@').next() == Some(version.name.as_str());
            bound.filter(|bound| same(&bound.label)).map(|bound| bound.settings).next().unwrap_or_else(|| json!({}))
        }
    };
    let manifest: Manifest = serde_json::from_value(version.manifest.clone()).map_err(StoreError::decode)?;
    Ok(Picked { version, manifest, settings })
}

/// Nobody knows the version; those that there are.
async fn no_version(store: &Store, account: &str, word: &str) -> store::Result<RolloutError> {
    let mut known = Vec::new();
    for name in store.transformation_names(account).await? {
        known.extend(store.newest_version(account, &name).await?.map(|newest| newest.label()));
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Ok(RolloutError::NoVersion { word: word.to_owned(), known })
}

/// What is known of a version for a connection.
///
/// # Errors
/// The store's.
pub async fn evidence(store: &Store, connection: &Connection, choice: &Choice) -> store::Result<Evidence> {
    let Choice { version, manifest, settings, portal } = choice;
    let bound = Bound {
        label: version.label(),
        event_type: String::new(),
        manifest: manifest.clone(),
        settings: settings.clone(),
    };
    let cached = store.schema(connection).await?.map(|cached| cached.schema);
    let schema = portal.as_ref().or(cached.as_deref());
    let known = |check: &dyn Fn(&PortalSchema) -> Vec<String>| schema.map_or_else(Vec::new, check);
    let properties = known(&|portal| {
        let wanted = drift::wanted(std::slice::from_ref(&bound), &connection.policy);
        let trouble = wanted.iter().map(|wanted| (&wanted.definition, fit::compare(&wanted.definition, portal)));
        trouble.filter(|(_, state)| state.is_trouble()).map(|(definition, state)| state.sentence(definition)).collect()
    });
    let misfits = schema.map_or_else(Vec::new, |portal| fit::check_settings(manifest, settings, portal));
    let needs = scopes::needs(&[(manifest.clone(), settings.clone())]);
    let missing = scopes::missing(connection, &needs).into_iter();
    Ok(Evidence {
        version: version.label(),
        is_stock: store.is_stock(&version.id).await?,
        examples: examples(&version.figures)?,
        shadow: store.shadow_of(connection, &version.id, settings).await?.and_then(|run| run.report),
        fuel_max: Quota::of(store.quota(connection.account_id.as_str()).await?).fuel,
        settings: misfits.into_iter().map(Into::into).collect(),
        missing_scopes: missing.map(|missing| missing.sentence).collect(),
        properties,
    })
}

/// The settings of a version as a form.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SettingsForm)]
pub struct Drawn {
    pub version: String,
    pub fields: Vec<Field>,
    /// Where they do not fit the version or the portal.
    pub violations: Vec<Violation>,
}

/// The form of a version's settings, with what the portal offers as it is now. Where it cannot be read, as it was read
/// last.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn settings_form(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Option<Value>,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Drawn, RolloutError> {
    let picked = pick(store, account, connection, word, settings).await?;
    let mut needs = fit::needs(&picked.manifest, &picked.settings);
    // The lists are shown whether or not something of them is chosen yet.
    let schema: Value = serde_json::from_str(&picked.manifest.settings_schema).map_err(StoreError::decode)?;
    needs.add(fit::offered(&schema));
    match read_portal(store, hubspot, connection, &needs, clock).await {
        Some(live) => draw(picked, Some(&live)),
        None => draw(picked, store.schema(connection).await?.as_ref().map(|cached| cached.schema.as_ref())),
    }
}

/// The same form with what the portal offered when it was read last: HubSpot is not asked.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn settings_form_as_read(
    store: &Store,
    (account, connection): (&Account, &Connection),
    word: &str,
    settings: Value,
) -> Result<Drawn, RolloutError> {
    let picked = pick(store, account, connection, word, Some(settings)).await?;
    draw(picked, store.schema(connection).await?.as_ref().map(|cached| cached.schema.as_ref()))
}

fn draw(Picked { version, manifest, settings }: Picked, portal: Option<&PortalSchema>) -> Result<Drawn, RolloutError> {
    let fields = form::form(&manifest.settings_schema, &settings, portal).map_err(StoreError::decode)?;
    let checked = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?.complete(settings);
    let violations = match checked {
        Err(violations) => violations,
        Ok(settings) => {
            let misfits = portal.into_iter().flat_map(|portal| fit::check_settings(&manifest, &settings, portal));
            misfits.map(Violation::from).collect()
        }
    };
    Ok(Drawn { version: version.label(), fields, violations })
}

/// Makes a connection use a version from now on, for its share of the events. Enabling it again with another share raises
/// that, and with the whole of them ends the trial. Where gates are closed and the wish says why, a second person is asked.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn enable(
    store: &Store,
    connection: &Connection,
    choice: &Choice,
    wish: &Wish,
    now: Timestamp,
) -> Result<Enabling, RolloutError> {
    let gates = gates::gates(&evidence(store, connection, choice).await?);
    let closed = gates::closed_names(&gates);
    match &wish.despite {
        Some(despite) if !closed.is_empty() => {
            let asked = ask(store, connection, choice, (wish, despite, &closed), now).await?;
            Ok(Enabling::Asked(Box::new(asked)))
        }
        _ => bind(store, connection, choice, (wish, gates), now).await.map(Enabling::Enabled),
    }
}

/// Keeps the wish until a second person says something.
async fn ask(
    store: &Store,
    connection: &Connection,
    choice: &Choice,
    (wish, despite, closed): (&Wish, &Despite, &[&'static str]),
    now: Timestamp,
) -> Result<Waiver, RolloutError> {
    let newest = store.binding_history(connection, 1).await?.pop().map(|past| past.id);
    if wish.expected.is_some() && wish.expected != newest {
        return Err(RolloutError::Changed { newest });
    }
    let waiver = Waiver {
        id: WaiverId::new(now),
        account_id: connection.account_id.clone(),
        connection_id: connection.id.clone(),
        version_id: choice.version.id.clone(),
        version: choice.version.label(),
        settings: choice.settings.clone(),
        share: wish.share,
        reason: wish.sign.reason.clone(),
        despite: despite.why.clone(),
        closed: closed.iter().map(|name| (*name).to_owned()).collect(),
        seen: newest,
        asked_by: wish.sign.by.clone(),
        asker: despite.asker.clone(),
        asked_at: now,
        answered: None,
    };
    store.ask_waiver(&waiver).await?;
    tracing::info!(
        account.id = %waiver.account_id, connection.id = %waiver.connection_id,
        "{} is to be used although gates are closed ({}); {} asks a second person", waiver.version, closed.join(", "), waiver.asked_by
    );
    Ok(waiver)
}

/// Approves what somebody else asked for, and enables it. Gates that closed since were not meant, and stay closed.
///
/// # Errors
/// [`RolloutError`], for the one who approves.
pub async fn approve(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    (waiver, approver): (&Waiver, &Signer),
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Enabled, RolloutError> {
    is_open(waiver)?;
    if waiver.is_of(approver) {
        return Err(RolloutError::SamePerson { asked_by: waiver.asked_by.clone() });
    }
    let (version, settings) = (waiver.version_id.as_str(), Some(waiver.settings.clone()));
    let choice = choose_live(store, hubspot, (account, connection), version, settings, clock).await?;
    let mut gates = gates::gates(&evidence(store, connection, &choice).await?);
    gates.retain(|gate| !waiver.closed.iter().any(|name| name == gate.name));
    let despite = format!("despite {}: {}; approved by {}", waiver.closed.join(", "), waiver.despite, approver.name);
    let reason = if waiver.reason.is_empty() { despite } else { format!("{}; {despite}", waiver.reason) };
    let sign = Sign::new(&waiver.asked_by, reason);
    let wish = Wish { share: waiver.share, sign, expected: waiver.seen.clone(), despite: None };
    let now = clock();
    let said = Answered { verdict: Verdict::Approved, by: approver.name.clone(), at: now };
    let new = new_binding(&choice, &wish, gates)?;
    // HubSpot took its time, so the store looks once more whether the request is still open.
    let bound = store.bind_approved(connection, new, (waiver, &said), now).await?;
    enabled(store, connection, (&choice, &wish), bound, now).await
}

/// Says no to what somebody asked for, or takes back what one asked for oneself.
///
/// # Errors
/// [`RolloutError`], for the one who says no.
pub async fn decline(store: &Store, waiver: &Waiver, by: &Signer, now: Timestamp) -> Result<(), RolloutError> {
    let said = Answered { verdict: Verdict::Declined, by: by.name.clone(), at: now };
    match store.answer_waiver(waiver, &said).await? {
        Answering::Noted => Ok(()),
        Answering::Late(before) => Err(answered(&before)),
    }
}

fn is_open(waiver: &Waiver) -> Result<(), RolloutError> {
    match &waiver.answered {
        None => Ok(()),
        Some(before) => Err(answered(before)),
    }
}

/// A request is answered once.
fn answered(before: &Answered) -> RolloutError {
    RolloutError::Answered { is_approved: before.verdict == Verdict::Approved, by: before.by.clone() }
}

/// Gives the version in force other settings. What was asked of the version when it was enabled is not asked again; that
/// the settings fit, and fail on no lead that they were tried on, is.
///
/// # Errors
/// [`RolloutError`], for the person who chose.
pub async fn change_settings(
    store: &Store,
    connection: &Connection,
    choice: &Choice,
    wish: &Wish,
    now: Timestamp,
) -> Result<Enabled, RolloutError> {
    let mut gates = gates::gates(&evidence(store, connection, choice).await?);
    gates.retain(Gate::is_about_settings);
    bind(store, connection, choice, (wish, gates), now).await
}

async fn bind(
    store: &Store,
    connection: &Connection,
    choice: &Choice,
    (wish, gates): (&Wish, Vec<Gate>),
    now: Timestamp,
) -> Result<Enabled, RolloutError> {
    let bound = store.bind(connection, new_binding(choice, wish, gates)?, now).await?;
    enabled(store, connection, (choice, wish), bound, now).await
}

/// What is to be bound, where every gate that was asked is open.
fn new_binding<'a>(choice: &'a Choice, wish: &'a Wish, gates: Vec<Gate>) -> Result<NewBinding<'a>, RolloutError> {
    let Choice { version, manifest, settings, .. } = choice;
    if gates.iter().any(|gate| !gate.open) {
        return Err(RolloutError::Closed { version: version.label(), gates });
    }
    Ok(NewBinding {
        version,
        event_types: &manifest.event_types,
        settings,
        share: wish.share,
        sign: &wish.sign,
        expected: wish.expected.as_ref(),
    })
}

/// What a change of bindings came to. What waited for it runs again.
async fn enabled(
    store: &Store,
    connection: &Connection,
    (Choice { version, .. }, wish): (&Choice, &Wish),
    bound: Bind,
    now: Timestamp,
) -> Result<Enabled, RolloutError> {
    let bindings = match bound {
        Bind::Bound(bindings) => bindings,
        Bind::NothingBefore => return Err(RolloutError::NothingForTheRest { version: version.label() }),
        Bind::Changed(newest) => return Err(RolloutError::Changed { newest }),
        Bind::NoVersion => return Err(no_version(store, connection.account_id.as_str(), &version.label()).await?),
        Bind::Answered(before) => return Err(answered(&before)),
    };
    let released = release(store, connection, now).await?;
    let id = &connection.id;
    tracing::info!(
        account.id = %connection.account_id, connection.id = %id,
        "{} takes {} of the events of {id}; {released} that waited run again", version.label(), wish.share
    );
    Ok(Enabled { version: version.label(), share: wish.share, bindings, released })
}

/// Takes back what was enabled last.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn roll_back(
    store: &Store,
    connection: &Connection,
    expected: Option<&BindingId>,
    sign: &Sign,
    now: Timestamp,
) -> Result<RolledBack, RolloutError> {
    let before = store.binding_history(connection, 1).await?.pop();
    let bindings = match store.roll_back(connection, expected, sign, now).await? {
        Bind::Bound(bindings) => bindings,
        Bind::NothingBefore | Bind::NoVersion | Bind::Answered(_) => {
            return Err(RolloutError::NothingBefore(match before {
                Some(only) => format!("the connection used nothing before `{}`", only.version),
                None => "the connection uses no transformation".to_owned(),
            }));
        }
        Bind::Changed(newest) => return Err(RolloutError::Changed { newest }),
    };
    let released = release(store, connection, now).await?;
    let after = store.binding_history(connection, HISTORY_MAX).await?;
    let after = after.into_iter().find(|past| bindings.contains(&past.id) && past.restores.is_some());
    let label = |past: Option<PastBinding>| past.map_or_else(String::new, |past| past.version);
    let rolled_back = RolledBack { from: label(before), to: label(after), bindings, released };
    let id = &connection.id;
    tracing::info!(
        account.id = %connection.account_id, connection.id = %id,
        "{} of {id} was taken back to {}; {released} events that waited run again", rolled_back.from, rolled_back.to
    );
    Ok(rolled_back)
}

/// What a rollback would do now; none where there is nothing to go back to.
///
/// # Errors
/// The store's.
pub async fn back(store: &Store, connection: &Connection) -> store::Result<Option<Back>> {
    let history = store.binding_history(connection, HISTORY_MAX).await?;
    let Some(last) = history.first() else { return Ok(None) };
    // What was enabled together is taken back together.
    let together = history.iter().filter(|past| past.version_id == last.version_id && past.at == last.at);
    let Some(before) = together.filter_map(|past| past.before.as_ref()).next() else { return Ok(None) };
    let Some(to) = store.past_binding(connection, before).await? else { return Ok(None) };
    let issues = store.issues(Some(&connection.account_id)).await?;
    let codes = curable();
    let waiting = issues.iter().filter(|issue| issue.held > 0 && codes.contains(&issue.problem.code));
    let mut by_cause: Vec<Waiting> = Vec::new();
    for issue in waiting {
        let code = issue.problem.code;
        match by_cause.iter_mut().find(|known| known.code == code) {
            Some(known) => known.leads += issue.held,
            None => by_cause.push(Waiting { code, title: code.title(), leads: issue.held }),
        }
    }
    Ok(Some(Back {
        from: last.version.clone(),
        to: to.version,
        seen: last.id.clone(),
        figures: store.version_figures(&connection.account_id, &to.version_id, last.at).await?,
        waiting: by_cause,
    }))
}

/// What the last rollback took back, while that may be undone.
pub fn undoable(history: &[PastBinding], now: Timestamp) -> Option<&PastBinding> {
    let last = history.first().filter(|last| last.restores.is_some() && now.since(last.at) <= UNDO_LIFE)?;
    // What a rule took back failed too often.
    if last.by == Sign::SYSTEM {
        return None;
    }
    let before = history.iter().skip(1).find(|past| past.event_type == last.event_type)?;
    (!before.is_deleted && before.share > Share::NONE).then_some(before)
}

/// Puts an earlier binding in force again, with its version, settings and share; without one, what the last rollback took
/// back. The gates are asked as ever, but for a rollback that is undone.
///
/// # Errors
/// [`RolloutError`], for the person who asked.
pub async fn enable_again(
    store: &Store,
    hubspot: &HubSpot,
    (account, connection): (&Account, &Connection),
    (binding, wish): (Option<&BindingId>, &Wish),
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Enabled, RolloutError> {
    let history = store.binding_history(connection, HISTORY_MAX).await?;
    let undoable = undoable(&history, clock()).cloned();
    let past = match (binding, &undoable) {
        (None, None) => return Err(RolloutError::NothingToUndo),
        (None, Some(undoable)) => undoable.clone(),
        (Some(id), _) => {
            let found = store.past_binding(connection, id).await?;
            found.ok_or_else(|| RolloutError::NoBinding(id.to_string()))?
        }
    };
    let (version, settings) = (past.version_id.as_str(), Some(past.settings.clone()));
    let choice = choose_live(store, hubspot, (account, connection), version, settings, clock).await?;
    let is_undo = undoable.is_some_and(|undoable| undoable.id == past.id);
    let gates = if is_undo { Vec::new() } else { gates::gates(&evidence(store, connection, &choice).await?) };
    let share = if past.share > Share::NONE { past.share } else { Share::ALL };
    let wish = Wish { share, ..wish.clone() };
    bind(store, connection, &choice, (&wish, gates), clock()).await
}

/// Causes that another version, or other settings, may cure.
fn curable() -> Vec<Code> {
    let own = [Code::OurFault, Code::TransformBreaker, Code::TransformRolledBack];
    breaker::FAILURES.into_iter().chain(own).collect()
}

/// Events that are held for something that another version may cure are planned afresh.
pub(crate) async fn release(store: &Store, connection: &Connection, now: Timestamp) -> store::Result<u64> {
    let codes = curable();
    let released = store.release(&connection.account_id, &codes, now).await?;
    // It may need parts of the portal that nobody has read yet.
    store.call_for_care(connection, now).await?;
    Ok(released)
}

/// How the runs of an upload went, as they stand with the version.
fn examples(figures: &Value) -> store::Result<Examples> {
    let tried: Tried = serde_json::from_value(figures.clone()).map_err(StoreError::decode)?;
    let red: Vec<_> = tried.red().map(str::to_owned).collect();
    let own = tried.samples == Whose::Own;
    Ok(match tried.runs.len() as u64 {
        0 => Examples::None,
        count if red.is_empty() => Examples::Green { count, own },
        _ => Examples::Red { names: red, own },
    })
}
