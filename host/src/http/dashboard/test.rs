//! Test: what a lead would do, without sending it; and a test lead that goes the whole way.

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::dry_run::{DryRun, dry_run_beside};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::ConnectionState;
use crate::model::id::EventId;
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::rollout;
use crate::store::LeadFilter;
use crate::test_lead::{self, TestLeadError};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .route("/accounts/{account}/test", get(show))
        .route("/accounts/{account}/test/watch", get(watch));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/test/preview", post(preview))
        .route("/accounts/{account}/test/send", post(send));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "test.html")]
struct Page {
    shell: Shell,
    is_connected: bool,
    body: String,
    run: Option<DryRun>,
    calls: Vec<(String, String)>,
    wrong: Option<String>,
    /// Somebody waits for a lead of his own form; it is looked for again after this time.
    watching: Option<Timestamp>,
}

fn page(place: Place, body: String) -> Page {
    let live = place.connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    Page {
        is_connected: live.is_some(),
        body,
        run: None,
        calls: Vec::new(),
        wrong: None,
        watching: None,
        shell: place.shell,
    }
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let sample = serde_json::to_string_pretty(&test_lead::sample(&place.account, (app.clock)()));
    draw(&app, &actor, &page(place, sample.map_err(anyhow::Error::from)?))
}

/// From where on somebody watches.
#[derive(Deserialize)]
struct Since {
    after: Option<String>,
}

/// Waits for the next lead, of whatever form, and goes on to its page.
async fn watch(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let now = (app.clock)();
    let asked: Since = serde_urlencoded(&uri);
    let Some(after) = asked.after.and_then(|id| id.parse::<EventId>().ok()) else {
        let after = EventId::earliest(now);
        return Ok(Redirect::to(&format!("{}?after={after}", place.shell.at("test/watch"))).into_response());
    };
    let filter =
        LeadFilter { account: Some(place.account.id.clone()), after: Some(after), limit: 1, ..LeadFilter::default() };
    if let Some(lead) = app.store.leads(&filter).await?.rows.first() {
        let to = format!("{}/{}?watch=yes", place.shell.at("logs"), lead.event.id);
        return Ok(Redirect::to(&to).into_response());
    }
    let drawn = Page { watching: Some(now), ..page(place, String::new()) };
    draw(&app, &actor, &drawn)
}

/// The event of the form.
#[derive(Deserialize)]
struct Sent {
    body: String,
}

/// Shows the calls. Nothing is sent, to anybody.
async fn preview(Visit { app, actor, place }: Visit, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let (account, connection) = (place.account.clone(), place.connection.clone());
    let mut drawn = page(place, sent.body);
    let Some(connection) = connection.filter(|_| drawn.is_connected) else {
        drawn.wrong = Some("HubSpot is not connected, so there is nothing that the lead would go to.".to_owned());
        return draw(&app, &actor, &drawn);
    };
    if let Err(error) = Envelope::read(drawn.body.as_bytes()) {
        drawn.wrong = Some(error.to_string());
        return draw(&app, &actor, &drawn);
    }
    let Some(bound) = app.store.bound(&connection).await?.into_iter().next() else {
        drawn.wrong = Some("No transformation is in use.".to_owned());
        return draw(&app, &actor, &drawn);
    };
    let whose = (&account, &connection);
    let choice =
        rollout::choose_live(&app.store, &app.hubspot, whose, &bound.label, Some(bound.settings), &*app.clock).await?;
    let tools = (app.store.clone(), app.transformer.clone());
    let run = dry_run_beside(tools, connection, choice, drawn.body.clone(), (app.clock)()).await?;
    let Some(run) = run else {
        drawn.wrong = Some("Other leads are being tried; try it again in a moment.".to_owned());
        return draw(&app, &actor, &drawn);
    };
    let call = |call: &crate::dry_run::DryCall| {
        (format!("{} {}", call.method, call.path), serde_json::to_string_pretty(&call.body).unwrap_or_default())
    };
    drawn.calls = run.calls.iter().map(call).collect();
    drawn.run = Some(run);
    draw(&app, &actor, &drawn)
}

/// Sends it, and shows the lead as it goes.
async fn send(Visit { app, actor, place }: Visit, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    match test_lead::send(&app.store, &app.door, &place.account, &sent.body, (app.clock)()).await {
        Ok(receipt) => Ok(Redirect::to(&format!("{}/{}", place.shell.at("logs"), receipt.event_id)).into_response()),
        Err(error @ (TestLeadError::Store(_) | TestLeadError::Ours(_))) => Err(error.into()),
        Err(error) => {
            let drawn = Page { wrong: Some(error.to_string()), ..page(place, sent.body) };
            draw(&app, &actor, &drawn)
        }
    }
}
