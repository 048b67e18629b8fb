//! `leadline transform deals`: the deals that the settings in force make of the last leads.

use super::super::Context;
use super::super::connection::find;
use super::super::failure::Result;
use super::super::output::printable;
use crate::deals::{self, DealMade, Preview};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let connection = find(&store, &args.account).await?;
    let account = context.account(&store, connection.account_id.as_str()).await?;
    let transformer = context.transformer()?;
    let seen = deals::preview(&store, &transformer, &account, &connection).await?;
    context.one(&seen, text)
}

fn text(seen: &Preview) -> String {
    let Some(version) = &seen.version else { return "Leads go through nothing that makes deals.".to_owned() };
    let mut lines = vec![format!("What {version} makes of the last {} leads; nothing is sent:", seen.leads.len())];
    for lead in &seen.leads {
        lines.extend(lead.deals.iter().map(|deal| format!("  {}  {}", lead.event, printable(&told(deal)))));
        lines.extend(lead.why.iter().map(|why| format!("  {}  {}", lead.event, printable(why))));
    }
    lines.join("\n")
}

fn told(deal: &DealMade) -> String {
    let amount = deal.amount.as_ref().map_or_else(String::new, |amount| format!(", amount {amount}"));
    format!("{}: {}, {}{amount}", deal.name, deal.pipeline, deal.stage)
}
