//! Overview: how things stand, in one sentence first.

use std::sync::Arc;

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::logs::reader;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::fit::PropertyState;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Connection, ConnectionState};
use crate::overview::of_account;
use crate::store::{LeadFilter, LeadRow};
use crate::view::connection::{Chip, chip};
use crate::view::logs::Row;
use crate::view::overview::{Overview, PERIODS, Period};

/// Leads that the overview names.
const RECENT: usize = 5;
/// Leads that are asked whether they carry a consent.
const ASKED: u32 = 50;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/accounts/{account}", get(show)))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    shell: Shell,
    chip: Chip,
    overview: Overview,
    period: Period,
    /// The address of the list of leads.
    base: String,
    rows: Vec<Row>,
    /// What is still to be set up; none once everything is.
    setup: Option<Setup>,
    /// The one that is looked at, where somebody chose.
    dealership: Option<String>,
    /// Of the last leads, those without a consent, where others carry one; and of how many.
    consent: Option<(usize, usize)>,
}

/// The four steps of setting up.
struct Setup {
    is_connected: bool,
    has_properties: bool,
    has_source: bool,
    has_lead: bool,
}

/// Which time is looked at.
#[derive(Deserialize)]
struct Asked {
    period: Option<String>,
    /// Only this dealership of the account, by its slug.
    dealership: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let asked: Asked = serde_urlencoded(&uri);
    let period = PERIODS.into_iter().find(|period| Some(period.word) == asked.period.as_deref());
    let period = period.unwrap_or(PERIODS[1]);
    let dealership = asked.dealership.filter(|slug| !slug.is_empty());
    let recent = LeadFilter {
        dealership: dealership.clone(),
        account: Some(account.id.clone()),
        limit: ASKED,
        ..LeadFilter::default()
    };
    let (overview, page) = tokio::try_join!(
        of_account(&app.store, &account, connection.as_ref(), period, dealership.as_deref(), shell.now),
        app.store.leads(&recent)
    )?;
    let live = connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let setup = Setup {
        is_connected: live.is_some(),
        has_properties: match live {
            Some(live) => has_properties(&app, live).await?,
            None => false,
        },
        has_source: !app.store.sources(Some(&account.id)).await?.is_empty(),
        has_lead: !page.rows.is_empty(),
    };
    let is_set_up = setup.is_connected && setup.has_properties && setup.has_source && setup.has_lead;
    let reader = reader(&shell);
    let row = |lead| Row::of(lead, connection.as_ref(), actor.sees_masked, &reader);
    let page = Page {
        chip: chip(connection.as_ref(), shell.open_issues > 0),
        rows: page.rows.iter().take(RECENT).map(row).collect(),
        consent: without_consent(&page.rows),
        setup: (!is_set_up).then_some(setup),
        base: shell.at("logs"),
        dealership,
        overview,
        period,
        shell,
    };
    draw(&app, &actor, &page)
}

/// Leads that came without a consent, where the sender knows what that is; and of how many.
fn without_consent(rows: &[LeadRow]) -> Option<(usize, usize)> {
    let has_consent = |row: &LeadRow| {
        let body: serde_json::Value = serde_json::from_str(row.body.as_ref()?).ok()?;
        Some(!body["data"]["consent"].is_null())
    };
    let is_lead = |row: &&LeadRow| row.event.event_type == "lead.captured.v1" && !row.is_test;
    let asked: Vec<_> = rows.iter().filter(is_lead).filter_map(has_consent).collect();
    let with = asked.iter().filter(|has| **has).count();
    (with > 0 && with < asked.len()).then_some((asked.len() - with, asked.len()))
}

/// Whether the portal has what the transformation writes, as far as it was read.
async fn has_properties(app: &App, connection: &Connection) -> Result<bool, ApiError> {
    let bound = app.store.bound(connection).await?;
    let Some(cached) = app.store.schema(connection).await? else { return Ok(false) };
    let wanted = crate::connection::drift::wanted(&bound, &connection.policy);
    let is_there = |state: &PropertyState| matches!(state, PropertyState::Fine | PropertyState::Wider { .. });
    Ok(wanted.iter().all(|wanted| is_there(&crate::fit::compare(&wanted.definition, &cached.schema))))
}
