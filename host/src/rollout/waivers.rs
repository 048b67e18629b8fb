//! Using a version although gates are closed: one asks, and a second person approves or declines.

use super::{Choice, Despite, Enabled, RolloutError, Wish, choose_live, enabled, evidence, new_binding};
use crate::gates;
use crate::hubspot::HubSpot;
use crate::model::account::{Account, Connection, Sign};
use crate::model::id::WaiverId;
use crate::model::time::Timestamp;
use crate::model::waiver::{Answered, Signer, Verdict, Waiver};
use crate::store::{Answering, Store};

/// Keeps the wish until a second person says something.
pub(super) async fn ask(
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
pub(super) fn answered(before: &Answered) -> RolloutError {
    RolloutError::Answered { is_approved: before.verdict == Verdict::Approved, by: before.by.clone() }
}
