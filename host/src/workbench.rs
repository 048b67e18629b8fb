//! A version at the bench: what it answers to one event and what that costs, beside the version in force and beside what its
//! author expects. Nothing is sent, and nothing of it is stored.

use std::sync::Arc;

use anyhow::Context as _;

use crate::answer::Answer;
use crate::contract::log::Level;
use crate::digest::sha256_hex;
use crate::load;
use crate::model::account::QuotaClass;
use crate::payload::{self, Envelope};
use crate::process::figures;
use crate::rollout::Choice;
use crate::store::{RunFigures, Store};
use crate::transform::{Loaded, Quota, Transformer};

/// What a version made of an event.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Such as `deals@3`.
    pub version: String,
    pub answer: Answer,
    pub figures: RunFigures,
    pub lines: Vec<(Level, String)>,
}

/// Runs a version, with its settings and the limits of the account. `body` is a webhook's.
///
/// # Errors
/// When the body is no event, the version cannot be loaded, or we could not run it.
pub async fn try_out(
    store: &Store,
    transformer: &Transformer,
    quota: QuotaClass,
    choice: &Choice,
    body: &str,
) -> anyhow::Result<Tried> {
    let loaded = load::ready(store, transformer, &choice.version.id).await?;
    let (settings, body) = (choice.settings.to_string(), body.to_owned());
    let version = choice.version.label();
    tokio::task::spawn_blocking(move || run(&loaded, version, quota, &settings, &body)).await?
}

fn run(loaded: &Arc<Loaded>, version: String, quota: QuotaClass, settings: &str, body: &str) -> anyhow::Result<Tried> {
    let envelope = Envelope::read(body.as_bytes())?;
    let occurred_at = envelope.occurred_at().unwrap_or(crate::model::time::Timestamp(0));
    // The sender's id is that of a lead without one: the same event gives the same.
    let id = sha256_hex(body.as_bytes());
    let input = payload::event(&id, &envelope.event_type, occurred_at, envelope.data);
    let ran = loaded.run_within(Quota::of(quota), &input, settings);
    let answer = ran.answer().map_err(anyhow::Error::msg).context("it could not be run here")?;
    Ok(Tried { version, answer, figures: figures(&ran), lines: ran.logs })
}
