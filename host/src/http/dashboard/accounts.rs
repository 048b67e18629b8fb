//! Every account, for those who work across them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use super::wishes;
use crate::account;
use crate::app::App;
use crate::hours::hour;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::{reach, sign_in};
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, AccountNote, Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::time::{DAY, Timestamp};
use crate::picture::sparkline::Sparkline;
use crate::picture::{Drawn, Tone, drawn};
use crate::store::HourOfLeads;
use crate::view::connection::{Chip, chip};
use crate::view::moment::{Moment, count, grouped, things};
use crate::view::wishes::ShownWish;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts", get(list));
    let support = OpenApiRouter::new()
        .route("/accounts/{account}/notes", get(notes).post(note))
        .route("/accounts/{account}/notes/{number}/remove", post(remove_note));
    let operate = OpenApiRouter::new().route("/accounts", post(create));
    needing(Right::Read, read).merge(needing(Right::Transform, support)).merge(needing(Right::Operate, operate))
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Accounts {
    shell: Shell,
    text: String,
    rows: Vec<AccountRow>,
    /// The search ended before it had looked everywhere.
    is_late: bool,
    /// How many there are.
    all: String,
    /// Addresses of the pages before and behind.
    prev: Option<String>,
    next: Option<String>,
    /// What somebody waits for.
    wishes: Vec<wishes::Row>,
    /// The account that was typed, and why it was not made.
    typed: Create,
    wrong: Option<Fault>,
}

struct AccountRow {
    account: Account,
    chip: Chip,
    portal: String,
    waiting: String,
    issues: usize,
    /// When its newest event came.
    last: Option<Moment>,
    /// What decides about its leads, such as `deals@3`.
    versions: String,
    /// Leads that came, hour by hour, over the last day.
    trend: Drawn,
    failed: String,
}

/// What is looked for.
#[derive(Default, Deserialize)]
struct Search {
    text: Option<String>,
    /// Counts from 1.
    page: Option<String>,
}

async fn list(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(own) = actor.own_account() {
        return Ok(Redirect::to(&sign_in::home(&app, Some(own)).await?).into_response());
    }
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    draw(&app, &actor, &accounts_page(&app, shell, serde_urlencoded(&uri)).await?)
}

async fn accounts_page(app: &App, shell: Shell, search: Search) -> Result<Accounts, ApiError> {
    let page: usize = search.page.and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, PAGES_MAX);
    let text = search.text.unwrap_or_default();
    let connections = by_account(app.store.connections(None).await?);
    let mut open: HashMap<AccountId, (usize, i64)> = HashMap::new();
    for issue in app.store.issues(None).await?.into_iter().filter(|issue| !issue.is_muted(shell.now)) {
        let (issues, held) = open.entry(issue.account_id).or_default();
        *issues += 1;
        *held += issue.held;
    }
    let accounts = app.store.accounts().await?;
    let all = things(i64::try_from(accounts.len()).unwrap_or(i64::MAX), "dealership", "dealerships");
    let wanted = text.trim().to_lowercase();
    let is_called = |account: &Account| {
        let portal = connections.get(&account.id).map(|connection| connection.portal_id.to_string());
        wanted.is_empty()
            || account.name.to_lowercase().contains(&wanted)
            || account.slug.contains(&wanted)
            || portal.is_some_and(|portal| portal == wanted)
    };
    // What no account is called may be an id: that of a lead leads to its account, as every other id does.
    let (behind, is_late) = match accounts.iter().any(is_called) {
        true => (None, false),
        false => match tokio::time::timeout(SEARCH_MAX, account::looked_for(&app.store, text.trim())).await {
            Ok(found) => (found?, false),
            Err(_) => (None, true),
        },
    };
    let fits = |account: &Account| is_called(account) || behind.as_ref() == Some(&account.id);
    let mut accounts: Vec<_> =
        accounts.into_iter().filter(fits).skip((page - 1) * ROWS_MAX).take(ROWS_MAX + 1).collect();
    let next = (accounts.len() > ROWS_MAX).then(|| address(&text, page + 1));
    accounts.truncate(ROWS_MAX);
    let prev = (page > 1).then(|| address(&text, page - 1));
    let is_open = |wish: &ShownWish| wish.is_open();
    let wishes = ShownWish::all(app.store.wishes(None).await?, &accounts).into_iter().filter(is_open).collect();
    let wishes = wishes::rows(&shell, wishes);
    let ids: Vec<_> = accounts.iter().map(|account| account.id.clone()).collect();
    let mut hours: HashMap<AccountId, Vec<HourOfLeads>> = HashMap::new();
    for (account, hour) in app.store.filled_hours(&ids, shell.now - DAY).await? {
        hours.entry(account).or_default().push(hour);
    }
    let newest: HashMap<_, _> = app.store.newest_events(&ids).await?.into_iter().collect();
    let mut versions: HashMap<AccountId, Vec<String>> = HashMap::new();
    for used in app.store.version_uses(None).await? {
        let of_account = versions.entry(used.account_id).or_default();
        if !of_account.contains(&used.label) {
            of_account.push(used.label);
        }
    }
    let rows = accounts.into_iter().enumerate().map(|(index, account)| {
        let of_day = hours.remove(&account.id).unwrap_or_default();
        let lost: u64 = of_day.iter().map(|hour| hour.figures.failed + hour.figures.refused).sum();
        let connection = connections.get(&account.id);
        let (issues, held) = open.get(&account.id).copied().unwrap_or_default();
        AccountRow {
            chip: chip(connection, issues > 0),
            portal: connection.map(portal).unwrap_or_default(),
            waiting: if held > 0 { count(held) } else { String::new() },
            issues,
            last: newest.get(&account.id).map(|at| shell.time(*at)),
            versions: versions.remove(&account.id).unwrap_or_default().join(", "),
            trend: trend(index, &of_day, shell.now),
            failed: if lost > 0 { grouped(lost) } else { String::new() },
            account,
        }
    });
    let rows = rows.collect();
    let (typed, wrong) = (Create::default(), None);
    Ok(Accounts { text, rows, is_late, all, prev, next, wishes, typed, wrong, shell })
}

/// Whoever looks waits no longer. Only the id of a lead may take so long: leads of many accounts are looked through.
const SEARCH_MAX: Duration = Duration::from_secs(2);
/// Rows of a page.
const ROWS_MAX: usize = 200;
/// Beyond that somebody plays with the address.
const PAGES_MAX: usize = 10_000;

/// The address of a page of what is looked for.
fn address(text: &str, page: usize) -> String {
    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    format!("/accounts?text={text}&page={page}")
}

/// An account to make.
#[derive(Default, Deserialize)]
struct Create {
    name: String,
    /// Empty: it is made of the name.
    slug: String,
}

async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    uri: Uri,
    headers: HeaderMap,
    Form(typed): Form<Create>,
) -> Result<Response, ApiError> {
    reach::house(&actor)?;
    let slug = Some(typed.slug.trim().to_owned()).filter(|slug| !slug.is_empty());
    match account::create(&app.store, &typed.name, slug, (app.clock)()).await {
        Ok(made) => Ok(Redirect::to(&format!("/accounts/{}/connectors", made.slug)).into_response()),
        Err(error) => {
            let fault = Fault::of(error.into())?;
            let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
            let drawn = accounts_page(&app, shell, Search::default()).await?;
            let drawn = Accounts { typed, wrong: Some(fault.clone()), ..drawn };
            Ok(fault.on(draw(&app, &actor, &drawn)?))
        }
    }
}

#[derive(Template)]
#[template(path = "notes.html")]
struct Notes {
    shell: Shell,
    notes: Vec<(AccountNote, Moment)>,
    /// The note that was typed, and why it is not kept.
    typed: String,
    wrong: Option<Fault>,
}

/// What support keeps in mind about an account; its own people do not see it.
async fn notes(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    reach::house(&actor)?;
    draw(&app, &actor, &notes_page(&app, place).await?)
}

async fn notes_page(app: &App, place: Place) -> Result<Notes, ApiError> {
    let notes = app.store.account_notes(&place.account.id).await?.into_iter();
    let notes = notes.map(|note| {
        let at = place.shell.time(note.at);
        (note, at)
    });
    Ok(Notes { notes: notes.collect(), typed: String::new(), wrong: None, shell: place.shell })
}

/// What a form says.
#[derive(Deserialize)]
struct NoteForm {
    text: String,
}

async fn note(Visit { app, actor, place }: Visit, Form(asked): Form<NoteForm>) -> Result<Response, ApiError> {
    reach::house(&actor)?;
    match account::note(&app.store, &place.account.id, (&asked.text, &actor.name), place.shell.now).await {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=noted", place.shell.at("notes"))).into_response()),
        Err(error) => {
            let fault = Fault::of(error.into())?;
            let drawn = Notes { typed: asked.text, wrong: Some(fault.clone()), ..notes_page(&app, place).await? };
            Ok(fault.on(draw(&app, &actor, &drawn)?))
        }
    }
}

async fn remove_note(
    Visit { app, actor, place }: Visit,
    Path((_, number)): Path<(String, i64)>,
) -> Result<Response, ApiError> {
    reach::house(&actor)?;
    account::remove_note(&app.store, &place.account.id, number).await?;
    Ok(Redirect::to(&format!("{}?done=note-removed", place.shell.at("notes"))).into_response())
}

/// Leads by the hour, as far as the hours are added up.
fn trend(index: usize, hours: &[HourOfLeads], now: Timestamp) -> Drawn {
    const HOURS: usize = 24;
    let first = hour(now - DAY);
    let mut values = vec![0; HOURS];
    for one in hours {
        if let Some(value) = usize::try_from(hour(one.hour) - first).ok().and_then(|place| values.get_mut(place)) {
            *value += one.figures.received;
        }
    }
    let title = "Leads by the hour, over the last day".to_owned();
    drawn(&format!("trend{index}"), &Sparkline { title, values, tone: Tone::Accent })
}

fn portal(connection: &Connection) -> String {
    let name = connection.portal.as_ref().and_then(|portal| portal.name.clone()).unwrap_or_default();
    format!("{name} {}", connection.portal_id).trim().to_owned()
}

/// The connection that counts of each account: the live one, else the one before.
fn by_account(connections: Vec<Connection>) -> HashMap<AccountId, Connection> {
    let mut counting: HashMap<AccountId, Connection> = HashMap::new();
    for connection in connections {
        let is_live = connection.state != ConnectionState::Disconnected;
        match counting.get(&connection.account_id) {
            Some(known) if known.state != ConnectionState::Disconnected || !is_live => {}
            _ => drop(counting.insert(connection.account_id.clone(), connection)),
        }
    }
    counting
}

/// The query of an address; what is not understood is as if it were not there.
pub(super) fn serde_urlencoded<T: serde::de::DeserializeOwned>(uri: &Uri) -> T {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let fields =
        pairs.map(|(name, value)| (name.into_owned(), serde_json::Value::String(value.into_owned()))).collect();
    serde_json::from_value(serde_json::Value::Object(fields))
        .or_else(|_| serde_json::from_value(serde_json::json!({})))
        .unwrap_or_else(|_| unreachable!("a query's fields are optional"))
}
