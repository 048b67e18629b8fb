//! Logs, as a list that is live, by cause and as a table; and one lead.

pub(super) mod chosen;
mod live;
mod reveal;
mod views;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::replays::CHOICES_OF;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::cause::Code;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::leads::{Told, csv_of, note_table};
use crate::http::{appearance, cookie};
use crate::lead;
use crate::model::access::{Actor, Right, Sight};
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::{Group, Outcome};
use crate::model::replay::Filter;
use crate::model::time::Timestamp;
use crate::replay::{self, Wish};
use crate::schema::event_type_names;
use crate::store::{CauseCount, Count, LeadFilter, LeadRow, SavedView, ShownEvent};
use crate::test_lead::read_back::{self, ReadBack, ReadBackError};
use crate::view::csv;
use crate::view::lead::Lead;
use crate::view::logs::{Query, Row, Segment, segments};
use crate::view::moment::{Moment, count};
use crate::view::outcome::Reader;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .route("/accounts/{account}/logs", get(list))
        .route("/accounts/{account}/logs.csv", get(table))
        .route("/accounts/{account}/logs/{event}", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/logs/{event}/replay", post(again))
        .route("/accounts/{account}/logs/{event}/retry", post(retry))
        .route("/accounts/{account}/logs/{event}/cancel", post(cancel))
        .route("/accounts/{account}/logs/{event}/read-back", post(read_it_back))
        .route("/accounts/{account}/logs/{event}/delete-test-contact", post(delete_contact));
    needing(Right::Read, read)
        .merge(needing(Right::Change, change))
        .merge(chosen::router())
        .merge(live::router())
        .merge(reveal::router())
        .merge(views::router())
}

#[derive(Template)]
#[template(path = "logs.html")]
struct Page {
    shell: Shell,
    /// The address of the list.
    base: String,
    query: Query,
    segments: Vec<Segment>,
    rows: Vec<Row>,
    /// Instead of rows, where somebody asked for them: why leads are where they are.
    causes: Option<Vec<CauseRow>>,
    /// What there is to choose from.
    known_causes: Vec<Code>,
    dealerships: Vec<String>,
    /// More rows on a screen.
    is_compact: bool,
    /// What the list is about was received before bodies are kept from; and for how many days they are.
    is_past: bool,
    kept_days: u32,
    /// Whether rows can be chosen.
    may_change: bool,
    /// How many match, as far as they are counted.
    matching: String,
    /// Where the list goes on that changes while somebody looks.
    stream: String,
    /// New leads belong on this page.
    is_first: bool,
    views: Vec<View>,
    /// The same from a program, and from a terminal.
    api: String,
    command: String,
    types: Vec<&'static str>,
    /// Queries of the neighbouring pages.
    next: Option<String>,
    prev: Option<String>,
    looked_until: Option<Moment>,
}

/// A cause with the leads that have it.
struct CauseRow {
    title: &'static str,
    fix: &'static str,
    code: &'static str,
    count: String,
    newest: Moment,
    /// The query of its leads.
    query: String,
    /// The newest of them.
    first: Vec<Row>,
}

/// A filter with a name.
struct View {
    id: String,
    name: String,
    query: String,
    is_here: bool,
}

/// How a list is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shape {
    /// `cause`: by what stands in the way.
    group: String,
    /// `compact` or `comfortable`, which the browser remembers.
    density: String,
}

/// Remembers how dense somebody likes the list.
const DENSITY_COOKIE: &str = "leadline_density";
/// Of each cause so many leads are shown, the newest ones.
const LEADS_OF_CAUSE: usize = 3;

pub(super) fn reader(shell: &Shell) -> Reader {
    Reader { now: shell.now, zone: shell.zone.clone() }
}

/// The density that is asked for, else the one that the browser remembers.
fn is_compact(shape: &Shape, headers: &HeaderMap) -> bool {
    match shape.density.as_str() {
        "" => cookie::read(headers, DENSITY_COOKIE).as_deref() == Some("compact"),
        asked => asked == "compact",
    }
}

/// Why leads that match are where they are, each cause with its newest leads; those that have many come first.
async fn by_cause(
    app: &App,
    (filter, query): (&LeadFilter, &Query),
    shell: &Shell,
    row: impl Fn(&LeadRow) -> Row,
) -> Result<Vec<CauseRow>, ApiError> {
    let cause = |(CauseCount { code, count, newest_at }, first): (CauseCount, Vec<LeadRow>)| CauseRow {
        title: code.title(),
        fix: code.fix(),
        code: code.as_str(),
        count: counted(count.leads, count.is_more),
        newest: shell.time(newest_at),
        query: Query { cause: code.as_str().to_owned(), ..query.clone() }.at(None, None),
        first: first.iter().map(&row).collect(),
    };
    Ok(app.store.leads_by_cause(filter, LEADS_OF_CAUSE).await?.into_iter().map(cause).collect())
}

/// Whether all that the filter is about came before bodies are kept from, and for how many days they are.
async fn past(app: &App, filter: &LeadFilter, account: &AccountId, now: Timestamp) -> Result<(bool, u32), ApiError> {
    let days = app.store.keep_days(account).await?.unwrap_or_else(|| app.limits().days());
    let kept_from = now - Duration::from_secs(24 * 3600) * days;
    Ok((filter.until.is_some_and(|until| until <= kept_from), days))
}

async fn list(Visit { app, actor, place }: Visit, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let (query, reader): (Query, _) = (serde_urlencoded(&uri), reader(&shell));
    let shape: Shape = serde_urlencoded(&uri);
    let filter = query.filter(&account.id, &reader);
    // Before the list is read: what happens from here on is told.
    let since = app.live.cursor();
    let store = &app.store;
    let long_ago = shell.now - CHOICES_OF;
    let (page, counts, views, mut known_causes, dealerships) = tokio::try_join!(
        store.leads(&filter),
        store.lead_counts(&filter),
        store.views(&account.id),
        store.causes_since(&account.id, long_ago),
        store.dealerships(&account.id, long_ago)
    )?;
    let row = |lead: &LeadRow| Row::of(lead, connection.as_ref(), actor.sight, &reader);
    let causes = match shape.group.as_str() {
        "cause" => Some(by_cause(&app, (&filter, &query), &shell, row).await?),
        _ => None,
    };
    let (is_past, kept_days) = past(&app, &filter, &account.id, shell.now).await?;
    known_causes.extend(filter.cause.filter(|cause| !known_causes.contains(cause)));
    let here = query.at(None, None);
    let view = |view: SavedView| View {
        is_here: view.query == here,
        id: view.id.to_string(),
        name: view.name,
        query: view.query,
    };
    let drawn = Page {
        base: shell.at("logs"),
        segments: segments(&query, &counts),
        rows: page.rows.iter().map(row).collect(),
        causes,
        known_causes,
        dealerships,
        is_compact: is_compact(&shape, &headers),
        is_past,
        kept_days,
        may_change: shell.may_change(),
        matching: matching(&query, &counts),
        stream: live::address(&shell.at("logs"), &query, &page.rows, &since),
        is_first: page.prev.is_none(),
        views: views.into_iter().map(view).collect(),
        api: api_call(&app, &query, &account.slug),
        command: query.command(&account.slug),
        types: event_type_names(),
        next: page.next.as_ref().map(|next| query.at(Some(next), None)),
        prev: page.prev.as_ref().map(|prev| query.at(None, Some(prev))),
        looked_until: page.looked_until.map(|until| shell.time(until)),
        query,
        shell,
    };
    let mut response = draw(&app, &actor, &drawn)?;
    if !shape.density.is_empty() {
        let density = if drawn.is_compact { "compact" } else { "comfortable" };
        let (life, scope) = appearance::kept(&app, actor.session.as_ref());
        cookie::set(&app, &mut response, DENSITY_COOKIE, density, life, &scope);
    }
    Ok(response)
}

impl Page {
    /// The groups of outcomes that one can ask for.
    fn groups(&self) -> [Group; 4] {
        Group::ALL
    }

    /// A time that no calendar shows: it stays as it is.
    fn moment<'a>(&self, time: &'a str) -> Option<&'a str> {
        Some(time).filter(|time| !time.is_empty() && !Query::is_day(time))
    }
}

fn counted(leads: u64, is_more: bool) -> String {
    format!("{}{}", count(i64::try_from(leads).unwrap_or(i64::MAX)), if is_more { "+" } else { "" })
}

/// How many leads a filter finds.
fn matching(query: &Query, counts: &[(Outcome, Count)]) -> String {
    let of = counts.iter().filter(|(outcome, _)| query.takes(*outcome));
    let (leads, is_more) =
        of.fold((0, false), |(leads, is_more), (_, count)| (leads + count.leads, is_more || count.is_more));
    counted(leads, is_more)
}

/// The list as a program asks for it.
fn api_call(app: &App, query: &Query, account: &str) -> String {
    let base = app.public_url.as_deref().unwrap_or("http://127.0.0.1:8080");
    format!("curl -H \"Authorization: Bearer $LEADLINE_KEY\" '{base}{}'", query.api_path(account))
}

/// The list as a table, for a spreadsheet.
async fn table(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let (query, reader): (Query, _) = (serde_urlencoded(&uri), reader(&place.shell));
    let filter = LeadFilter { before: None, after: None, ..query.filter(&place.account.id, &reader) };
    note_table(&app, &actor, &uri, &filter).await?;
    let told = Told { connection: place.connection, sight: actor.sight, reader };
    Ok(csv_of(&app.store, filter, told, &place.account.slug, csv::MARK))
}

/// The event of an address, as far as it belongs to the account.
pub(super) async fn found(app: &App, place: &Place, id: &str) -> Result<ShownEvent, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no lead `{id}`"));
    let id: EventId = id.parse().map_err(|_| missing())?;
    let found = app.store.event(&id).await?.filter(|shown| shown.event.account_id == place.account.id);
    found.ok_or_else(missing)
}

#[derive(Template)]
#[template(path = "lead.html")]
pub(super) struct LeadPage {
    shell: Shell,
    lead: Lead,
    /// What HubSpot holds of it, where somebody asked.
    read: Option<ReadBack>,
    /// A test lead, or one that somebody waited for, is looked at again then while it goes on.
    look_again: Option<Timestamp>,
    /// Somebody waited for it.
    is_watched: bool,
}

pub(super) async fn lead_page(
    app: &App,
    shown: &ShownEvent,
    sight: Sight,
    place: Place,
    read: Option<ReadBack>,
) -> Result<LeadPage, ApiError> {
    let (connection, days, reader) = (place.connection.as_ref(), app.limits().days(), reader(&place.shell));
    let lead = lead::of_event(&app.store, shown, connection, days, sight, &reader).await?;
    let is_watched = place.shell.path.ends_with("?watch=yes");
    let goes_on = (is_watched || lead.is_test) && lead.told.outcome == Outcome::Sending;
    Ok(LeadPage { look_again: goes_on.then_some(place.shell.now), is_watched, lead, read, shell: place.shell })
}

async fn show(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    draw(&app, &actor, &lead_page(&app, &shown, actor.sight, place, None).await?)
}

/// Calls a lead off that waits.
async fn cancel(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    replay::cancel(&app.store, &shown.event, &actor.name, (app.clock)()).await?;
    Ok(Redirect::to(&format!("{}/{event}?done=called-off", place.shell.at("logs"))).into_response())
}

/// Lets a lead that waits be tried now.
async fn retry(
    Visit { app, place, .. }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    replay::retry(&app.store, &shown.event, (app.clock)()).await?;
    app.wake.deliver.notify_one();
    app.wake.plan.notify_one();
    Ok(Redirect::to(&format!("{}/{event}?done=retried", place.shell.at("logs"))).into_response())
}

/// Shows what HubSpot holds of a test lead.
async fn read_it_back(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    match read_back::read_back(&app.store, &app.hubspot, &shown, &*app.clock).await {
        Ok(read) => draw(&app, &actor, &lead_page(&app, &shown, actor.sight, place, Some(read)).await?),
        Err(error) => not_asked(&app, &actor, place, &shown, error).await,
    }
}

/// The lead with why HubSpot could not be asked.
async fn not_asked(
    app: &App,
    actor: &Actor,
    mut place: Place,
    shown: &ShownEvent,
    error: ReadBackError,
) -> Result<Response, ApiError> {
    let (status, unasked) = super::fields::unasked(error.into())?;
    place.shell.said = Some(super::shell::Said { tone: "bad", text: unasked.words() });
    let page = lead_page(app, shown, actor.sight, place, None).await?;
    Ok((status, draw(app, actor, &page)?).into_response())
}

/// Takes the contact of a test lead out of HubSpot.
async fn delete_contact(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    match read_back::delete_contact(&app.store, &app.hubspot, &shown, &*app.clock).await {
        Ok(_) => Ok(Redirect::to(&format!("{}/{event}?done=taken-out", place.shell.at("logs"))).into_response()),
        Err(error) => not_asked(&app, &actor, place, &shown, error).await,
    }
}

/// Sends a lead once more.
async fn again(
    Visit { app, place, .. }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    let newest = shown.deliveries.last().map(|newest| &newest.delivery);
    let again = matches!(Outcome::of(&shown.event, newest, false), Outcome::Synced | Outcome::SyncedWithWarnings);
    let wish = Wish { filter: Filter { event: Some(shown.event.id), ..Filter::default() }, again, ..Wish::default() };
    replay::create(&app.store, &place.account, &wish, (app.clock)()).await?;
    app.wake.plan.notify_one();
    Ok(Redirect::to(&format!("{}/{event}?done=replayed", place.shell.at("logs"))).into_response())
}
