//! The overview of an account, gathered once for the page, for programs and for the command line.

mod series;

use std::time::Duration;

use crate::connection::drift;
use crate::model::account::{Account, Connection, ConnectionState};
use crate::model::time::Timestamp;
use crate::picture::deliveries::Deliveries;
use crate::store::{self, Dealerships, Store};
use crate::view::fields::{FieldsByDay, FieldsSeen, Labels};
use crate::view::moment;
use crate::view::overview::{Overview, Period, Seen, Window, actions_of_note, deliveries};

pub use series::series_of_account;

/// Bindings that may stand in a picture.
const BINDINGS: u32 = 20;
/// Things that people did that may stand in a picture, the newest of its time: of more nobody would read the marks.
const ACTIONS: u32 = 200;

/// Figures, verdict and pictures of an account, or of one of its dealerships by its slug. `connection` is the one that
/// [`Store::connection_of`] chooses.
///
/// # Errors
/// The store's.
pub async fn of_account(
    store: &Store,
    account: &Account,
    connection: Option<&Connection>,
    window: &Window,
    dealership: Option<&str>,
    now: Timestamp,
) -> store::Result<Overview> {
    seen(store, (account, connection), window, dealership, now, Overview::of).await
}

/// What became of an account's leads step by step, with what was changed meanwhile.
///
/// # Errors
/// The store's.
pub async fn deliveries_of_account(
    store: &Store,
    account: &Account,
    connection: Option<&Connection>,
    window: &Window,
    now: Timestamp,
) -> store::Result<Deliveries> {
    seen(store, (account, connection), window, None, now, deliveries).await
}

/// What `of` makes of a time of an account.
async fn seen<T>(
    store: &Store,
    (account, connection): (&Account, Option<&Connection>),
    window: &Window,
    dealership: Option<&str>,
    now: Timestamp,
    of: fn(&Seen<'_>) -> T,
) -> store::Result<T> {
    let (whose_leads, actions) = (whose(dealership), actions_of_note());
    let (hours, open_issues, history) = tokio::try_join!(
        store.lead_hours(&account.id, &whose_leads, window.from, window.until),
        store.open_issues(&account.id, now),
        store.audit_of(&account.id, &actions, (window.from, window.until), ACTIONS)
    )?;
    let bindings = match connection {
        Some(connection) => store.binding_history(connection, BINDINGS).await?,
        None => Vec::new(),
    };
    Ok(of(&Seen {
        window,
        hours: &hours.hours,
        complete_from: hours.complete_from,
        bindings: &bindings,
        history: &history,
        connected_at: connection.map(|connection| connection.created_at),
        open_issues,
        is_connected: connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected),
        base: &format!("/accounts/{}", account.slug),
        dealership,
        whose: dealership.unwrap_or(&account.name).to_owned(),
        zone: &moment::zone_of(connection),
        now,
    }))
}

/// Which fields the leads of a time had, day by day, of an account or of one of its dealerships.
///
/// # Errors
/// The store's.
pub async fn fields_of_account(
    store: &Store,
    account: &Account,
    connection: Option<&Connection>,
    period: Period,
    dealership: Option<&str>,
    now: Timestamp,
) -> store::Result<FieldsByDay> {
    let until = now + Duration::from_secs(1);
    let hours = store.field_hours(&account.id, &whose(dealership), since(period, now), until).await?;
    Ok(FieldsByDay::of(&FieldsSeen {
        days: period.days,
        hours: &hours.hours,
        complete_from: hours.complete_from,
        labels: &labels(store, connection).await?,
        logs: &format!("/accounts/{}/logs", account.slug),
        dealership,
        zone: &moment::zone_of(connection),
        now,
    }))
}

/// What the properties of a connection's leads are called.
///
/// # Errors
/// The store's.
pub async fn labels(store: &Store, connection: Option<&Connection>) -> store::Result<Labels> {
    let Some(connection) = connection else { return Ok(Labels::default()) };
    let bound = store.bound(connection).await?;
    // A key says nothing of what a customer answered.
    let wanted = drift::wanted(&bound, &connection.policy).into_iter().filter(|wanted| !wanted.definition.unique);
    // Figures go by the transformations' names, whichever property of the portal takes a value.
    let wanted = wanted.map(|wanted| (wanted.planned().to_owned(), wanted.definition.label));
    let portal = store.schema(connection).await?;
    Ok(Labels::new(wanted, portal.as_ref().map(|cached| cached.schema.as_ref())))
}

fn since(period: Period, now: Timestamp) -> Timestamp {
    now - Duration::from_secs(u64::from(period.days) * 24 * 3600)
}

fn whose(dealership: Option<&str>) -> Dealerships {
    dealership.map_or(Dealerships::Together, |slug| Dealerships::One(slug.to_owned()))
}
