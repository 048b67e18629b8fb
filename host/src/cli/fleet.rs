//! `leadline fleet`: the service as a whole, as far as the database knows it.

use super::Context;
use super::failure::Result;
use crate::model::time::clock;
use crate::operate::fleet::{self, AccountHealth, Fleet};
use crate::view::operator::{fleet_tiles, verdict};

/// How the service is. Rates are those of a process: see its `/metrics`, or the dashboard.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub async fn run(_: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let fleet = fleet::of_store(&store, clock()).await?;
    context.one(&fleet, text)
}

fn text(fleet: &Fleet) -> String {
    let mut lines = vec![verdict(fleet).1];
    for tile in fleet_tiles(fleet) {
        lines.push(format!("  {:<20} {} {}", tile.label, tile.value, tile.note).trim_end().to_owned());
    }
    let counts = fleet.accounts;
    lines.push(format!(
        "  {:<20} {} failing, {} waiting, {} well, {} quiet",
        "Accounts", counts.failing, counts.waiting, counts.well, counts.quiet
    ));
    let account = |account: &AccountHealth| format!("  {:<20} {}", account.health.name(), account.slug);
    lines.extend(fleet.troubled.iter().map(account));
    lines.join("\n")
}
