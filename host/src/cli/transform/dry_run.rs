//! `leadline transform dry-run`: the calls to HubSpot that a lead would make. Nothing is sent.

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::Target;
use crate::dry_run::{DryCall, DryRun, dry_run};
use crate::model::id::EventId;
use crate::model::time::clock;
use crate::store::Store;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// A stored event, `evt_…`, or a JSON file: `{"type", "timestamp", "data"}`.
    #[arg(long)]
    event: String,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let (connection, choice) = args.target.find(&store, context).await?;
    let body = body(&store, &args.event).await?;
    let shown = dry_run(&store, &context.transformer()?, &connection, &choice, &body, clock()).await?;
    context.one(&shown, text)
}

async fn body(store: &Store, event: &str) -> Result<String> {
    if let Ok(id) = event.parse::<EventId>() {
        let missing = || Failure::not_found(format!("there is no event `{id}`"));
        let event = store.find_event(&id).await?.ok_or_else(missing)?;
        let gone = || Failure::not_found(format!("the body of {id} was removed: it is older than bodies are kept"));
        return store.body(&event).await?.ok_or_else(gone);
    }
    std::fs::read_to_string(event).map_err(|error| Failure::failed(format!("cannot read {event}: {error}")))
}

fn text(shown: &DryRun) -> String {
    let mut lines = vec![format!("{} would come to: {}", shown.version, shown.outcome)];
    lines.extend(shown.dropped.iter().map(|dropped| format!("  dropped {dropped}")));
    for (number, DryCall { method, path, body }) in shown.calls.iter().enumerate() {
        lines.push(format!("{}. {method} {path}", number + 1));
        let pretty = serde_json::to_string_pretty(body).unwrap_or_default();
        lines.extend(pretty.lines().map(|line| format!("   {line}")));
    }
    lines.push(
        "Nothing was sent. Ids of records are made up, and what the portal holds already is not looked at.".to_owned(),
    );
    lines.join("\n")
}
