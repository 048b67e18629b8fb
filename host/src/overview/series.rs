//! The numbers behind a picture of the overview, gathered as the overview is.

use std::time::Duration;

use super::{since, whose};
use crate::model::account::{Account, Connection};
use crate::model::time::Timestamp;
use crate::store::{self, Store};
use crate::view::moment;
use crate::view::overview::series::{Name, Series, Values};
use crate::view::overview::{Period, Seen};

/// The numbers of one picture of an account, or of one of its dealerships by its slug.
///
/// # Errors
/// The store's.
pub async fn series_of_account(
    store: &Store,
    account: &Account,
    connection: Option<&Connection>,
    name: Name,
    period: Period,
    dealership: Option<&str>,
    now: Timestamp,
) -> store::Result<Series> {
    let (from, until) = (since(period, now), now + Duration::from_secs(1));
    let hours = store.lead_hours(&account.id, &whose(dealership), from, until).await?;
    let values = Values::of(
        name,
        &Seen {
            period,
            hours: &hours.hours,
            complete_from: hours.complete_from,
            // No number is made of these.
            bindings: &[],
            open_issues: 0,
            is_connected: connection.is_some(),
            logs: "",
            whose: String::new(),
            zone: &moment::zone_of(connection),
            now,
        },
    );
    Ok(Series { period: period.word, from, until: now, complete_from: hours.complete_from, values })
}
