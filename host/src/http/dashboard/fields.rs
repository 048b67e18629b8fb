//! Fields: which property of HubSpot takes which part of a lead, whether it is there, and creating what is missing.

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
use crate::connection::checklist::{self, Consent, Work};
use crate::connection::drift::{self, Row};
use crate::connection::fill::{self, Wish};
use crate::connection::portal::Read;
use crate::connection::session::{self, Session};
use crate::fit::PropertyState;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Connection, ConnectionState};
use crate::overview::fields_of_account;
use crate::view::connection::{Chip, portal_address};
use crate::view::fields::FieldsByDay;
use crate::view::moment::{Moment, things};
use crate::view::overview::{PERIODS, Period};

/// A week, or a month: one day has no days beside it.
const BY_DAY: &[Period] = &[PERIODS[1], PERIODS[2]];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/fields", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/fields/check", post(look))
        .route("/accounts/{account}/fields/create", post(create))
        .route("/accounts/{account}/fields/fill", post(fill_in));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "fields.html")]
struct Page {
    shell: Shell,
    is_connected: bool,
    rows: Vec<Shown>,
    /// When HubSpot was asked.
    read_at: Option<Moment>,
    is_troubled: bool,
    /// How many properties are not as they should be, and how many contacts could be filled in.
    trouble: String,
    lacking: Option<String>,
    /// What creating would do, or did.
    work: Vec<Work>,
    is_done: bool,
    properties_address: String,
    period: Period,
    by_day: FieldsByDay,
    known_from: Option<Moment>,
}

impl Page {
    /// The times that the days can be of.
    fn periods(&self) -> &'static [Period] {
        BY_DAY
    }
}

/// A row of the checklist with its chip.
struct Shown {
    row: Row,
    chip: Chip,
}

fn shown(row: Row) -> Shown {
    let (tone, icon, label) = match &row.state {
        PropertyState::Fine | PropertyState::Wider { .. } => ("good", "✓", "there"),
        PropertyState::Missing => ("bad", "✕", "missing"),
        PropertyState::Archived { .. } => ("bad", "✕", "archived"),
        PropertyState::ReadOnly => ("bad", "✕", "read-only"),
        PropertyState::WrongType { .. } => ("bad", "✕", "wrong type"),
        PropertyState::NotUnique => ("bad", "✕", "not unique"),
        PropertyState::OptionsMissing { .. } => ("warning", "!", "options missing"),
        PropertyState::Unknown => ("none", "?", "not known"),
    };
    Shown { row, chip: Chip { tone, icon, label } }
}

/// The page as things were when HubSpot was asked last.
async fn page(app: &App, place: Place, period: Period) -> Result<Page, ApiError> {
    let Place { shell, account, connection } = place;
    let by_day = fields_of_account(&app.store, &account, connection.as_ref(), period, None, shell.now).await?;
    let live = connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let Some(connection) = live else {
        return Ok(Page {
            shell,
            is_connected: false,
            rows: Vec::new(),
            read_at: None,
            is_troubled: false,
            trouble: String::new(),
            lacking: None,
            work: Vec::new(),
            is_done: false,
            properties_address: String::new(),
            known_from: None,
            period,
            by_day,
        });
    };
    let bound = app.store.bound(&connection).await?;
    let cached = app.store.schema(&connection).await?;
    let read_at = cached.as_ref().filter(|cached| cached.read_at.0 > 0).map(|cached| shell.time(cached.read_at));
    let schema = cached.map(|cached| (*cached.schema).clone()).unwrap_or_default();
    let rows = drift::checklist(&bound, &connection, &Read { schema, refused: Vec::new() });
    let rows: Vec<_> = rows.into_iter().map(shown).collect();
    let trouble = rows.iter().filter(|shown| shown.row.state.is_trouble()).count();
    let lacking = app.store.dropped_leads(&connection).await?;
    let lack = ("earlier contact lacks a value", "earlier contacts lack a value");
    Ok(Page {
        is_troubled: trouble > 0,
        trouble: things(i64::try_from(trouble).unwrap_or(i64::MAX), "property is", "properties are"),
        lacking: (lacking > 0).then(|| things(lacking, lack.0, lack.1)),
        properties_address: portal_address(
            &connection,
            &format!("property-settings/{}/properties", connection.portal_id),
        ),
        is_connected: true,
        work: Vec::new(),
        is_done: false,
        known_from: by_day.known_from.map(|at| shell.time(at)),
        period,
        by_day,
        rows,
        read_at,
        shell,
    })
}

/// Which time the days are of.
#[derive(Deserialize)]
struct Asked {
    period: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let asked: Asked = serde_urlencoded(&uri);
    let period = BY_DAY.iter().find(|period| Some(period.word) == asked.period.as_deref());
    draw(&app, &actor, &page(&app, place, *period.unwrap_or(&BY_DAY[0])).await?)
}

/// The connection of a form, ready to be talked to.
async fn talk(app: &App, connection: Option<&Connection>) -> Result<Session, ApiError> {
    let missing = || ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.");
    Ok(session::open(&app.store, &app.hubspot, connection.ok_or_else(missing)?, &*app.clock).await?)
}

async fn look(Visit { app, place, .. }: Visit) -> Result<Response, ApiError> {
    let session = talk(&app, place.connection.as_ref()).await?;
    checklist::check(&app.store, &session, (app.clock)()).await?.map_err(ApiError::Away)?;
    app.wake.deliver.notify_one();
    Ok(Redirect::to(&place.shell.at("fields")).into_response())
}

/// What somebody agreed to.
#[derive(Deserialize)]
struct Agreed {
    /// Seen and agreed; without it, the plan is shown.
    sure: Option<String>,
    restore: Option<String>,
    options: Option<String>,
}

async fn create(Visit { app, actor, place }: Visit, Form(agreed): Form<Agreed>) -> Result<Response, ApiError> {
    let session = talk(&app, place.connection.as_ref()).await?;
    let consent = Consent {
        dry_run: agreed.sure.is_none(),
        restore: agreed.restore.is_some(),
        options: agreed.options.is_some(),
    };
    let created = checklist::create_missing(&app.store, &session, consent, (app.clock)()).await?;
    let created = created.map_err(ApiError::Away)?;
    app.wake.deliver.notify_one();
    let drawn = Page { work: created.work, is_done: !consent.dry_run, ..page(&app, place, BY_DAY[0]).await? };
    draw(&app, &actor, &drawn)
}

async fn fill_in(Visit { app, place, .. }: Visit) -> Result<Response, ApiError> {
    let session = talk(&app, place.connection.as_ref()).await?;
    let report =
        fill::fill(&app.store, &session, &Wish { limit: Some(FILL_MAX), ..Wish::default() }, &app.clock).await?;
    app.wake.deliver.notify_one();
    let done = if report.filled.is_empty() { "nothing" } else { "filled" };
    Ok(Redirect::to(&format!("{}?done={done}", place.shell.at("fields"))).into_response())
}

/// Records that one press of the button fills in: a page of HubSpot's, for which a browser can wait.
const FILL_MAX: usize = 100;
