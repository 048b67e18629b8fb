//! Overview: how things stand, in one sentence first.

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
use super::logs::reader;
use super::replays::CHOICES_OF;
use super::shell::{Place, Shell, Visit};
use super::wishes;
use crate::app::App;
use crate::connection::setup::{Setup, setup};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Connection, ConnectionState};
use crate::overview::of_account;
use crate::store::{Bound, LeadFilter, LeadRow};
use crate::test_lead;
use crate::view::connection::{Chip, chip};
use crate::view::logs::Row;
use crate::view::overview::{Overview, PERIODS, Window, WrongDays};
use crate::view::suggestions::{Suggestion, suggestions};
use crate::view::wishes::ShownWish;

/// Leads that the overview names.
const RECENT: usize = 5;
/// Leads that are asked whether they carry a consent.
const ASKED: u32 = 50;
/// Settings that say what becomes of it.
const OF_A_CONSENT: [&str; 2] = ["consent_property", "legal_basis"];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}", get(show));
    let change = OpenApiRouter::new().route("/accounts/{account}/suggestions", post(dismiss));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    shell: Shell,
    chip: Chip,
    overview: Overview,
    window: Window,
    /// Days that somebody chose, as he wrote them, and why they cannot be looked at.
    days: (String, String),
    wrong: Option<WrongDays>,
    /// The slugs that one can choose from.
    dealerships: Vec<String>,
    /// A test lead, for those who may send one while HubSpot is connected.
    test_lead: Option<String>,
    /// The address of the list of leads.
    base: String,
    rows: Vec<Row>,
    /// What is still to be set up; none once everything is.
    setup: Option<Setup>,
    /// The one that is looked at, where somebody chose.
    dealership: Option<String>,
    /// Of the last leads, those without a consent, where it is missed; and of how many.
    consent: Option<(usize, usize)>,
    /// What else can be done with the leads, once everything is set up.
    suggestions: Vec<Suggestion>,
    dismissed: usize,
    /// What the account asked of the house, for those who see to it.
    wishes: Vec<wishes::Row>,
}

impl Page {
    /// The address of the same of another time.
    fn of_period(&self, period: &str) -> String {
        let whose = self.dealership.as_ref().map(|slug| ("dealership", slug.as_str()));
        let pairs = std::iter::once(("period", period)).chain(whose);
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}?{query}", self.shell.at(""))
    }

    fn is_of(&self, period: &str) -> bool {
        self.window.period.is_some_and(|shown| shown.word == period)
    }
}

/// Which time is looked at.
#[derive(Deserialize)]
struct Asked {
    period: Option<String>,
    /// Days instead.
    from: Option<String>,
    until: Option<String>,
    /// Only this dealership of the account, by its slug.
    dealership: Option<String>,
    /// Suggestions that were dismissed too.
    all: Option<String>,
}

/// Which suggestion, and whether it is to be away or back.
#[derive(Deserialize)]
struct Dismiss {
    item: String,
    dismissed: String,
}

async fn dismiss(Visit { app, actor, place }: Visit, Form(asked): Form<Dismiss>) -> Result<Response, ApiError> {
    let is_dismissed = asked.dismissed == "yes";
    crate::http::suggestions::dismiss(&app, &actor, &place.account, &asked.item, is_dismissed).await?;
    Ok(Redirect::to(&format!("{}#more", place.shell.at(""))).into_response())
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let asked: Asked = serde_urlencoded(&uri);
    let period = PERIODS.into_iter().find(|period| Some(period.word) == asked.period.as_deref());
    let period = period.unwrap_or(PERIODS[1]);
    let days = (asked.from.unwrap_or_default(), asked.until.unwrap_or_default());
    let chosen = Window::chosen(period, (&days.0, &days.1), &shell.zone, shell.now);
    let (window, wrong) = match chosen {
        Ok(window) => (window, None),
        Err(wrong) => (Window::last(period, shell.now), Some(wrong)),
    };
    let dealership = asked.dealership.filter(|slug| !slug.is_empty());
    let recent = LeadFilter {
        dealership: dealership.clone(),
        account: Some(account.id.clone()),
        limit: ASKED,
        ..LeadFilter::default()
    };
    let wishes = async {
        match shell.is_house {
            true => app.store.wishes(Some(&account.id)).await,
            false => Ok(Vec::new()),
        }
    };
    let (overview, page, dealerships, setup, wishes) = tokio::try_join!(
        of_account(&app.store, &account, connection.as_ref(), &window, dealership.as_deref(), shell.now),
        app.store.leads(&recent),
        app.store.dealerships(&account.id, shell.now - CHOICES_OF),
        setup(&app.store, &account, connection.as_ref()),
        wishes
    )?;
    let live = connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let is_set_up = setup.is_done();
    let (mut suggestions, mut dismissed) = (Vec::new(), 0);
    if let Some(live) = live.filter(|_| is_set_up) {
        suggestions = self::suggestions(&account, live, &app.store.dismissed(&account.id).await?);
        let all = suggestions.len();
        suggestions.retain(|one| !one.is_dismissed || asked.all.is_some());
        dismissed = all - suggestions.len();
    }
    let consent = consent(&app, live, &page.rows).await?;
    let wishes = wishes.into_iter().map(|wish| ShownWish::of(wish, &account)).filter(ShownWish::is_open).collect();
    let reader = reader(&shell);
    let row = |lead| Row::of(lead, connection.as_ref(), actor.sight, &reader);
    let can_test = setup.has("connect") && setup.has("source") && shell.may_change();
    let page = Page {
        test_lead: can_test.then(|| test_lead::sample(&account, shell.now).to_string()),
        chip: chip(connection.as_ref(), shell.open_issues > 0),
        rows: page.rows.iter().take(RECENT).map(row).collect(),
        consent,
        setup: (!is_set_up).then_some(setup),
        wishes: wishes::rows(&shell, wishes),
        suggestions,
        dismissed,
        base: shell.at("logs"),
        dealership,
        overview,
        window,
        days,
        wrong,
        dealerships,
        shell,
    };
    draw(&app, &actor, &page)
}

/// Leads that came without a consent, and of how many. That none came with one is news only where the settings have a
/// use for it.
async fn consent(
    app: &App,
    connection: Option<&Connection>,
    rows: &[LeadRow],
) -> Result<Option<(usize, usize)>, ApiError> {
    let Some((without, of)) = without_consent(rows) else { return Ok(None) };
    let is_missed = match connection {
        _ if without < of => true,
        Some(connection) => app.store.bound(connection).await?.iter().any(uses_consent),
        None => false,
    };
    Ok(is_missed.then_some((without, of)))
}

fn uses_consent(bound: &Bound) -> bool {
    OF_A_CONSENT.iter().any(|name| bound.settings[*name].as_str().is_some_and(|text| !text.is_empty()))
}

/// Leads that came without a consent, and of how many; none where all came with one.
fn without_consent(rows: &[LeadRow]) -> Option<(usize, usize)> {
    let has_consent = |row: &LeadRow| {
        let body: serde_json::Value = serde_json::from_str(row.body.as_ref()?).ok()?;
        Some(!body["data"]["consent"].is_null())
    };
    let is_lead = |row: &&LeadRow| row.event.event_type == "lead.captured.v1" && !row.is_test;
    let asked: Vec<_> = rows.iter().filter(is_lead).filter_map(has_consent).collect();
    let with = asked.iter().filter(|has| **has).count();
    (with < asked.len()).then_some((asked.len() - with, asked.len()))
}
