//! The overview of an account for programs and the command line: what the page says, without the page.

use std::time::Duration;

use crate::model::account::{Account, ConnectionState};
use crate::model::time::Timestamp;
use crate::store::{self, Dealerships, Store};
use crate::view::moment;
use crate::view::overview::{Overview, Period, Seen};

/// Figures and verdict of an account, or of one of its dealerships by its slug.
///
/// # Errors
/// The store's.
pub async fn of_account(
    store: &Store,
    account: &Account,
    period: Period,
    dealership: Option<String>,
    now: Timestamp,
) -> store::Result<Overview> {
    let connection = store.connection_of(&account.id).await?;
    let zone = moment::zone_of(connection.as_ref());
    let from = now - Duration::from_secs(u64::from(period.days) * 24 * 3600);
    let whose = dealership.clone().map_or(Dealerships::Together, Dealerships::One);
    let hours = store.lead_hours(&account.id, &whose, from, now + Duration::from_secs(1)).await?;
    Ok(Overview::of(&Seen {
        period,
        hours: &hours.hours,
        bindings: &[],
        open_issues: store.open_issues(&account.id).await?,
        is_connected: connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected),
        logs: &format!("/accounts/{}/logs", account.slug),
        whose: dealership.unwrap_or_else(|| account.name.clone()),
        zone: &zone,
        now,
    }))
}
