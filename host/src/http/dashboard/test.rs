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
use super::shell::{Place, Shell, Visit};
use super::{BUSY, draw};
use crate::app::App;
use crate::connection::drift;
use crate::dry_run::{DryCall, DryRun, dry_run_beside};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::ConnectionState;
use crate::model::id::EventId;
use crate::model::portal::DEAL;
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::rollout;
use crate::store::LeadFilter;
use crate::test_lead::draft::{self, Dealership, Draft};
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
    way: Way,
    /// The lead as a form, or as JSON.
    form: LeadForm,
    dealerships: Vec<Dealership>,
    /// Its transformation makes deals, so it can be asked for one.
    can_make_deals: bool,
    wants_deals: bool,
    run: Option<DryRun>,
    calls: Vec<(String, String)>,
    wrong: Option<String>,
    /// Somebody waits for a lead of his own form; it is looked for again after this time.
    watching: Option<Timestamp>,
}

/// What is to be done with the lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Preview,
    Send,
    Watch,
}

/// How the lead is written.
enum LeadForm {
    Fields(Box<Draft>),
    Json(String),
}

impl Page {
    /// The address of a way, with the lead written as it is here.
    fn at(&self, way: &str) -> String {
        let json = if matches!(self.form, LeadForm::Json(_)) { "&as=json" } else { "" };
        format!("{}?way={way}{json}", self.shell.at("test"))
    }
}

async fn page(app: &App, place: Place, way: Way, form: LeadForm) -> Result<Page, ApiError> {
    let live = place.connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let bound = match &live {
        Some(connection) => app.store.bound(connection).await?,
        None => Vec::new(),
    };
    Ok(Page {
        is_connected: live.is_some(),
        dealerships: draft::dealerships(&app.store, &place.account).await?,
        can_make_deals: drift::needs(&bound).object_types.contains(DEAL),
        wants_deals: false,
        way,
        form,
        run: None,
        calls: Vec::new(),
        wrong: None,
        watching: None,
        shell: place.shell,
    })
}

/// Which way, and how the lead is written.
#[derive(Deserialize)]
struct Asked {
    way: Option<String>,
    r#as: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let asked: Asked = serde_urlencoded(&uri);
    let way = if asked.way.as_deref() == Some("send") { Way::Send } else { Way::Preview };
    let form = if asked.r#as.as_deref() == Some("json") {
        let sample = serde_json::to_string_pretty(&test_lead::sample(&place.account, (app.clock)()));
        LeadForm::Json(sample.map_err(anyhow::Error::from)?)
    } else {
        LeadForm::Fields(Box::new(Draft::sample(&place.account)))
    };
    draw(&app, &actor, &page(&app, place, way, form).await?)
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
    let form = LeadForm::Fields(Box::default());
    let drawn = Page { watching: Some(now), ..page(&app, place, Way::Watch, form).await? };
    draw(&app, &actor, &drawn)
}

/// The lead that was sent, in one of two forms.
#[derive(Deserialize)]
struct Sent {
    /// As JSON; where it is there, the fields are not looked at.
    body: Option<String>,
    /// It makes its deals too.
    deals: Option<String>,
    #[serde(flatten)]
    draft: Draft,
}

/// The page with what was typed, and the event that it is: or what is wrong with it, which stands on the page.
async fn read(app: &App, place: Place, way: Way, sent: Sent) -> Result<(Page, Option<String>), ApiError> {
    let wants_deals = sent.deals.is_some();
    let form = sent.body.map_or_else(|| LeadForm::Fields(Box::new(sent.draft)), LeadForm::Json);
    let mut drawn = page(app, place, way, form).await?;
    drawn.wants_deals = wants_deals;
    let body = match &drawn.form {
        LeadForm::Json(body) => Ok(body.clone()),
        LeadForm::Fields(draft) => draft.event(&drawn.dealerships, (app.clock)()).map(|event| event.to_string()),
    };
    let body = body.and_then(|body| if wants_deals { test_lead::asking_for_deals(&body) } else { Ok(body) });
    match body {
        Ok(body) => Ok((drawn, Some(body))),
        Err(error) => {
            drawn.wrong = Some(error.to_string());
            Ok((drawn, None))
        }
    }
}

/// Shows the calls. Nothing is sent, to anybody.
async fn preview(Visit { app, actor, place }: Visit, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let (account, connection) = (place.account.clone(), place.connection.clone());
    let (mut drawn, body) = read(&app, place, Way::Preview, sent).await?;
    let Some(body) = body else { return draw(&app, &actor, &drawn) };
    let Some(connection) = connection.filter(|_| drawn.is_connected) else {
        drawn.wrong = Some("HubSpot is not connected, so there is nothing that the lead would go to.".to_owned());
        return draw(&app, &actor, &drawn);
    };
    if let Err(error) = Envelope::read(body.as_bytes()) {
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
    let run = dry_run_beside(tools, connection, choice, body, (app.clock)()).await?;
    let Some(run) = run else {
        drawn.wrong = Some(BUSY.to_owned());
        return draw(&app, &actor, &drawn);
    };
    drawn.calls = calls(&run);
    drawn.run = Some(run);
    draw(&app, &actor, &drawn)
}

/// The calls of a run, as a page shows them.
pub(super) fn calls(run: &DryRun) -> Vec<(String, String)> {
    let call = |call: &DryCall| {
        (format!("{} {}", call.method, call.path), serde_json::to_string_pretty(&call.body).unwrap_or_default())
    };
    run.calls.iter().map(call).collect()
}

/// Sends it, and shows the lead as it goes.
async fn send(Visit { app, actor, place }: Visit, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let account = place.account.clone();
    let (mut drawn, body) = read(&app, place, Way::Send, sent).await?;
    let Some(body) = body else { return draw(&app, &actor, &drawn) };
    match test_lead::send(&app.store, &app.door, &account, &body, (app.clock)()).await {
        Ok(receipt) => Ok(Redirect::to(&format!("{}/{}", drawn.shell.at("logs"), receipt.event_id)).into_response()),
        Err(error @ (TestLeadError::Store(_) | TestLeadError::Ours(_))) => Err(error.into()),
        Err(error) => {
            drawn.wrong = Some(error.to_string());
            draw(&app, &actor, &drawn)
        }
    }
}
