//! `leadline fleet`: the service as a whole, as far as the database knows it.

use super::Context;
use super::failure::Result;
use crate::model::time::clock;
use crate::operate::fleet::{self, AccountHealth};
use crate::view::moment::grouped;
use crate::view::operator::leads::FleetWithLeads;
use crate::view::operator::{PortalRow, fleet_tiles, portal_rows, verdict};
use crate::view::overview::series::Outcomes;

/// How the service is. Rates are those of a process: see its `/metrics`, or the dashboard.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub async fn run(_: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let now = clock();
    let window = FleetWithLeads::window(now);
    let leads = fleet::leads_of_all(&store, (window.from, window.until)).await?;
    let fleet = fleet::of_store(&store, now).await?;
    context.one(&FleetWithLeads::of(fleet, &leads, now), text)
}

fn text(FleetWithLeads { fleet, deliveries, .. }: &FleetWithLeads) -> String {
    let mut lines = vec![verdict(fleet).1];
    for tile in fleet_tiles(fleet) {
        lines.push(format!("  {:<20} {} {}", tile.label, tile.value, tile.note).trim_end().to_owned());
    }
    lines.push(format!("  {:<20} {}", "Leads in 24 hours", became_of(deliveries)));
    let counts = fleet.accounts;
    lines.push(format!(
        "  {:<20} {} failing, {} waiting, {} well, {} quiet",
        "Accounts", counts.failing, counts.waiting, counts.well, counts.quiet
    ));
    let account = |account: &AccountHealth| format!("  {:<20} {}", account.health.name(), account.slug);
    lines.extend(fleet.troubled.iter().map(account));
    let portal = |row: &PortalRow| {
        let PortalRow { account, portal_id, calls, too_many, p50, p95, fullest, .. } = row;
        format!(
            "  {:<20} {account}: {calls} calls, p50 {p50}, p95 {p95}, {too_many} answered with 429, {fullest} in 10 s",
            format!("Portal {portal_id}")
        )
    };
    lines.extend(portal_rows(&fleet.portals).iter().map(portal));
    lines.join("\n")
}

/// The sums of the day.
fn became_of(hours: &[Outcomes]) -> String {
    // So many leads came in the others that they are not added up yet.
    let known = if hours.len() < 24 { ", as far as they are added up" } else { "" };
    let sum = |count: fn(&Outcomes) -> u64| grouped(hours.iter().map(count).sum());
    let synced = sum(|hour| hour.synced + hour.synced_with_warnings);
    let [waiting, failed, skipped] = [sum(|hour| hour.waiting), sum(|hour| hour.failed), sum(|hour| hour.skipped)];
    format!("{synced} in HubSpot, {waiting} waiting, {failed} failed, {skipped} skipped{known}")
}
