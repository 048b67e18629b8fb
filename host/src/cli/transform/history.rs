//! `leadline transform history`: what a connection uses and used, who chose it, and why.

use super::super::Context;
use super::super::connection::find;
use super::super::failure::Result;
use crate::model::account::PastBinding;
use crate::rollout::HISTORY_MAX;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let connection = find(&store, &args.account).await?;
    let history = store.binding_history(&connection, HISTORY_MAX).await?;
    let header = ["Since", "Version", "Event type", "Share", "In use", "By", "Why", "Binding"];
    context.list(&history, &header, row, "The connection uses no transformation.")
}

fn row(past: &PastBinding) -> Vec<String> {
    let why = match &past.restores {
        Some(restored) if past.reason.is_empty() => format!("back to {restored}"),
        Some(restored) => format!("back to {restored}: {}", past.reason),
        None => past.reason.clone(),
    };
    vec![
        past.at.to_string(),
        past.version.clone(),
        past.event_type.clone(),
        past.share.to_string(),
        if past.in_force { "yes" } else { "" }.to_owned(),
        past.by.clone(),
        why,
        past.id.to_string(),
    ]
}
