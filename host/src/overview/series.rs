//! The numbers behind a picture of the overview, gathered as the overview is.

use super::whose;
use crate::model::account::{Account, Connection};
use crate::model::time::Timestamp;
use crate::store::{self, Store};
use crate::view::moment;
use crate::view::overview::series::{Name, Series, Values};
use crate::view::overview::{Period, Seen, Window};

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
    let window = Window::last(period, now);
    let hours = store.lead_hours(&account.id, &whose(dealership), window.from, window.until).await?;
    let values = Values::of(
        name,
        &Seen {
            window: &window,
            hours: &hours.hours,
            complete_from: hours.complete_from,
            // No number is made of these.
            bindings: &[],
            history: &[],
            connected_at: None,
            open_issues: 0,
            is_connected: connection.is_some(),
            base: "",
            dealership,
            whose: String::new(),
            zone: &moment::zone_of(connection),
            now,
        },
    );
    Ok(Series { period: period.word, from: window.from, until: now, complete_from: hours.complete_from, values })
}
