//! `leadline fleet`: the service as a whole, as far as the database knows it.

use super::Context;
use super::failure::Result;
use crate::model::time::clock;
use crate::operate::fleet::{self, AccountHealth, Fleet};
use crate::view::operator::{PortalRow, fleet_tiles, portal_rows, verdict};

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
    let portal = |row: &PortalRow| {
        let PortalRow { account, portal_id, calls, too_many, p50, p95, .. } = row;
        format!(
            "  {:<20} {account}: {calls} calls, p50 {p50}, p95 {p95}, {too_many} answered with 429",
            format!("Portal {portal_id}")
        )
    };
    lines.extend(portal_rows(&fleet.portals).iter().map(portal));
    lines.join("\n")
}
