//! Event types: which events go to HubSpot, and what is in each.

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::{Shell, Visit};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::ConnectionState;
use crate::schema::EVENT_TYPES;

/// Who each type is for, as people read it; those that are not here yet are shown and cannot be chosen.
const TYPES: [(&str, &str, &str, bool); 3] = [
    ("lead.captured.v1", "Lead Captured", "A customer left a name, an address or a number in the chat widget.", true),
    ("carousel.clicked.v1", "Carousel Clicked", "A customer clicked on a vehicle in the widget's carousel.", false),
    ("session.initiated.v1", "Session Initiated", "A customer began to chat.", false),
];

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
}

struct Row {
    name: &'static str,
    title: &'static str,
    words: &'static str,
    is_ready: bool,
    is_on: bool,
    schema: String,
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let live = place.connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let selected = app.store.routing(&place.account.id).await?.subscriptions;
    let is_on = |name: &str| {
        let of_live = |id| live.as_ref().is_some_and(|live| live.id == id);
        selected.iter().any(|one| one.event_type == name && of_live(one.connection_id.clone()))
    };
    let rows = TYPES.map(|(name, title, words, is_ready)| Row {
        name,
        title,
        words,
        is_ready,
        is_on: is_on(name),
        schema: EVENT_TYPES
            .iter()
            .find(|known| known.name == name)
            .map_or_else(String::new, |known| known.schema.to_owned()),
    });
    draw(&app, &actor, &Page { is_connected: live.is_some(), rows: rows.into(), shell: place.shell })
}

#[derive(Deserialize)]
struct Switch {
    name: String,
    on: String,
}

/// Switches a type on or off, at once. Events that come while it is off are skipped, and can be replayed.
async fn switch(Visit { app, place, .. }: Visit, Form(asked): Form<Switch>) -> Result<Response, ApiError> {
    let missing = || ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.");
    let connection = place.connection.ok_or_else(missing)?;
    let ready = TYPES.iter().find(|(name, _, _, is_ready)| *name == asked.name && *is_ready);
    let (name, ..) = ready.ok_or_else(|| {
        ApiError::Conflict(format!("`{}` cannot be chosen yet", asked.name), "Choose one that is not coming soon.")
    })?;
    match asked.on == "yes" {
        true => app.store.subscribe(&connection, name, (app.clock)()).await?,
        false => app.store.unsubscribe(&connection, name).await?,
    }
    Ok(Redirect::to(&place.shell.at("event-types")).into_response())
}
