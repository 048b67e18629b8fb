//! Event types: which events go to HubSpot, what is in each, and what of those that were skipped is sent after all.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Form;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Shell, Visit};
use crate::account;
use crate::app::App;
use crate::cause::Code;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Account, ConnectionState};
use crate::model::replay::{Change, Filter, Replay, Standing};
use crate::model::time::Timestamp;
use crate::model::wish::Wished;
use crate::replay::{self, Wish};
use crate::view::event_types::{Entry, TYPES, Told};
use crate::view::moment::{Moment, things};

/// Of how many days what was skipped may be sent, where somebody turns a type on. Bodies are kept for longer nowhere by default.
const DAYS: [u32; 3] = [1, 7, 30];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/event-types", get(show));
    let change = OpenApiRouter::new().route("/accounts/{account}/event-types", post(switch));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "event_types.html")]
struct Page {
    shell: Shell,
    is_connected: bool,
    rows: Vec<Row>,
    /// What was switched just now, and can be taken back.
    switched: Option<Switched>,
    days: [u32; 3],
}

struct Row {
    told: Told,
    is_on: bool,
    /// Somebody of the account asked to be told when it is there.
    is_awaited: bool,
    version: u32,
    /// When it is no longer taken in; none where no end is planned.
    ends: Option<Moment>,
    schema: String,
    sample: String,
}

/// A switch that was turned just now.
struct Switched {
    told: Told,
    is_on: bool,
    /// The job that sends what was skipped, and of how many leads.
    replay: Option<(String, String)>,
}

/// What the address says was done.
#[derive(Deserialize)]
struct Asked {
    switched: Option<String>,
    replay: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let live = place.connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let chosen = match &live {
        Some(live) => account::event_types(&app.store, live).await?,
        None => Vec::new(),
    };
    let is_on = |name: &str| chosen.iter().any(|one| one.name == name && one.selected);
    let wishes = app.store.wishes(Some(&place.account.id)).await?;
    let is_awaited = |name: &str| {
        wishes.iter().any(|wish| {
            wish.done_at.is_none() && matches!(&wish.wished, Wished::EventType { name: known } if known == name)
        })
    };
    let pretty = |json: &serde_json::Value| serde_json::to_string_pretty(json).unwrap_or_default();
    let row = |told: Told| {
        let entry = Entry::of(told);
        Row {
            is_on: is_on(told.name),
            is_awaited: is_awaited(told.name),
            version: entry.version,
            ends: entry.ends_at.map(|at| place.shell.time(at)),
            schema: pretty(&entry.schema),
            sample: pretty(&entry.sample),
            told,
        }
    };
    let rows: Vec<_> = TYPES.map(row).into();
    let asked: Asked = serde_urlencoded(&uri);
    let switched = rows.iter().find(|row| row.told.is_ready && Some(row.told.name) == asked.switched.as_deref());
    let mut switched = switched.map(|row| Switched { told: row.told, is_on: row.is_on, replay: None });
    if let (Some(switched), Some(id)) = (&mut switched, &asked.replay) {
        switched.replay = found(&app, &place.account, id).await?.map(|replay| {
            let leads = i64::try_from(replay.estimate.replayed).unwrap_or(i64::MAX);
            (replay.id.to_string(), things(leads, "event that was skipped is", "events that were skipped are"))
        });
    }
    draw(&app, &actor, &Page { is_connected: live.is_some(), rows, switched, days: DAYS, shell: place.shell })
}

async fn found(app: &App, account: &Account, id: &str) -> Result<Option<Replay>, ApiError> {
    Ok(app.store.replay(id).await?.filter(|replay| replay.account_id == account.id))
}

#[derive(Deserialize)]
struct Switch {
    name: String,
    on: String,
    /// What was skipped in so many days is sent too; empty: only new ones.
    #[serde(default)]
    days: String,
    /// The job that is taken back with the switch.
    #[serde(default)]
    cancel: String,
}

/// Switches a type on or off, at once. Events that come while it is off are skipped, and can be sent with the switch.
async fn switch(Visit { app, actor, place }: Visit, Form(asked): Form<Switch>) -> Result<Response, ApiError> {
    let missing = || ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.");
    let connection = place.connection.ok_or_else(missing)?;
    let ready = TYPES.iter().find(|told| told.name == asked.name && told.is_ready);
    let told = ready.ok_or_else(|| {
        ApiError::Conflict(format!("`{}` cannot be chosen yet", asked.name), "Choose one that is not coming soon.")
    })?;
    let now = (app.clock)();
    let before = account::selected_types(&app.store, &connection).await?;
    let mut address = format!("{}?switched={}", place.shell.at("event-types"), told.name);
    if asked.on == "yes" {
        app.store.subscribe(&connection, told.name, now).await?;
        let days = DAYS.into_iter().find(|days| days.to_string() == asked.days);
        if let Some(replay) = send_skipped(&app, &place.account, told.name, days, now).await? {
            address.push_str(&format!("&replay={}", replay.id));
        }
    } else {
        app.store.unsubscribe(&connection, told.name).await?;
        if let Some(replay) = found(&app, &place.account, &asked.cancel)
            .await?
            .filter(|replay| Change::Cancel.from().contains(&replay.state))
        {
            replay::change(&app.store, &replay, Change::Cancel, now).await?;
        }
    }
    actor.changes(before, account::selected_types(&app.store, &connection).await?);
    Ok(Redirect::to(&address).into_response())
}

/// Sends what was skipped in some days because nobody had chosen its type; none where there is nothing.
async fn send_skipped(
    app: &App,
    account: &Account,
    name: &str,
    days: Option<u32>,
    now: Timestamp,
) -> Result<Option<Replay>, ApiError> {
    let Some(days) = days else { return Ok(None) };
    let filter = Filter {
        state: Some(Standing::Skipped),
        from: Some(now - Duration::from_secs(u64::from(days) * 24 * 3600)),
        to: Some(now),
        event_type: Some(name.to_owned()),
        cause: Some(Code::EventNotSelected),
        ..Filter::default()
    };
    let wish = Wish { filter, ..Wish::default() };
    if replay::estimate(&app.store, account, &wish, now).await?.replayed == 0 {
        return Ok(None);
    }
    Ok(Some(replay::create(&app.store, account, &wish, now).await?))
}
