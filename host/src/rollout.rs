//! Enabling a version, on a share of the events first where there is volume, and the way back. A change of bindings counts
//! for the next event that is planned, in every process; what was held for the version before runs again by itself.

mod choice;
mod rollback;
mod settings;
mod waivers;

use serde::Serialize;

use crate::breaker;
use crate::cause::Code;
use crate::connection::UseError;
use crate::gates::{self, Gate};
use crate::model::account::{Connection, Sign};
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::model::waiver::{Signer, Waiver};
use crate::store::{self, Bind, NewBinding, Store, StoreError};

use choice::no_version;
use waivers::{answered, ask};

pub use choice::{Choice, choose, choose_live, evidence};
pub use rollback::{Back, RolledBack, UNDO_LIFE, Waiting, back, enable_again, roll_back, undoable};
pub use settings::{Drawn, settings_form, settings_form_as_read};
pub use waivers::{approve, decline};

/// Bindings that a history shows, the newest.
pub const HISTORY_MAX: u32 = 200;

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
