//! The way back: to what was used before, and from there to what was taken back.

use std::time::Duration;

use serde::Serialize;

use super::{Enabled, HISTORY_MAX, RolloutError, Wish, bind, choose_live, curable, evidence, release};
use crate::cause::Code;
use crate::gates;
use crate::hubspot::HubSpot;
use crate::model::account::{Account, Connection, PastBinding, Sign};
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::store::{self, Bind, Store, VersionFigures};

/// For so long after a rollback what it took back is enabled again without asking the gates: it was in force a moment ago.
pub const UNDO_LIFE: Duration = Duration::from_secs(10 * 60);

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
