//! Screens across accounts, and what stands in the way: accounts, issues, the queue.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::connectors::can_connect;
use super::draw;
use super::shell::{Shell, Visit};
use crate::app::App;
use crate::cause::Code;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::lane::{LaneKind, PauseScope};
use crate::store::{COUNTED_MAX, Issue, ShownLane};
use crate::view::connection::{Chip, chip};
use crate::view::moment::{Moment, count, things};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .route("/accounts", get(list))
        .route("/issues", get(all_issues))
        .route("/accounts/{account}/issues", get(issues));
    let operate = OpenApiRouter::new().route("/queue", get(queue)).route("/queue/pause", post(pause_all));
    needing(Right::Read, read).merge(needing(Right::Operate, operate))
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Accounts {
    shell: Shell,
    text: String,
    rows: Vec<AccountRow>,
    /// How many there are.
    all: String,
}

struct AccountRow {
    account: Account,
    chip: Chip,
    portal: String,
    waiting: String,
    issues: usize,
    since: Moment,
}

/// What is looked for.
#[derive(Deserialize)]
struct Search {
    text: Option<String>,
}

async fn list(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(own) = actor.own_account() {
        let account = app.store.account(own.as_str()).await?;
        let slug = account.map(|account| account.slug).unwrap_or_default();
        return Ok(Redirect::to(&format!("/accounts/{slug}")).into_response());
    }
    let search: Search = serde_urlencoded(&uri);
    let text = search.text.unwrap_or_default();
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let connections = by_account(app.store.connections(None).await?);
    let mut open: HashMap<AccountId, (usize, i64)> = HashMap::new();
    for issue in app.store.issues(None).await? {
        let (issues, held) = open.entry(issue.account_id).or_default();
        *issues += 1;
        *held += issue.held;
    }
    let accounts = app.store.accounts().await?;
    let all = things(i64::try_from(accounts.len()).unwrap_or(i64::MAX), "dealership", "dealerships");
    let wanted = text.trim().to_lowercase();
    let fits = |account: &Account| {
        let portal = connections.get(&account.id).map(|connection| connection.portal_id.to_string());
        wanted.is_empty()
            || account.name.to_lowercase().contains(&wanted)
            || account.slug.contains(&wanted)
            || account.id.as_str() == wanted
            || portal.is_some_and(|portal| portal == wanted)
    };
    let rows = accounts.into_iter().filter(fits).take(ROWS_MAX).map(|account| {
        let connection = connections.get(&account.id);
        let (issues, held) = open.get(&account.id).copied().unwrap_or_default();
        AccountRow {
            chip: chip(connection, issues > 0),
            portal: connection.map(portal).unwrap_or_default(),
            waiting: if held > 0 { count(held) } else { String::new() },
            issues,
            since: shell.time(account.created_at),
            account,
        }
    });
    let rows = rows.collect();
    draw(&app, &actor, &Accounts { text, rows, all, shell })
}

/// Rows of a page; more is found by searching.
const ROWS_MAX: usize = 200;

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

#[derive(Template)]
#[template(path = "issues.html")]
struct Issues {
    shell: Shell,
    rows: Vec<IssueRow>,
    is_of_all: bool,
}

struct IssueRow {
    account: String,
    title: &'static str,
    code: Code,
    detail: String,
    fix: &'static str,
    who: &'static str,
    path: Option<&'static str>,
    /// Where it is mended here.
    here: Option<(String, &'static str)>,
    /// What mends it here, for those who may press it: the address of a form, and its button.
    mend: Option<(String, &'static str)>,
    /// The leads that it concerns, and the filter that lists them.
    concerned: String,
    logs: String,
    first: Moment,
    last: Moment,
}

/// The form that mends a cause, and what is needed to press its button. What it held goes on by itself.
fn mending(shell: &Shell, code: Code, can_connect: bool) -> Option<(&'static str, &'static str)> {
    let (form, may) = match code {
        Code::PropertyMissing | Code::PropertyArchived | Code::OptionUnknown => {
            (("fields/create", "Create what is missing"), shell.may_change())
        }
        Code::ConnectionPaused => (("connectors/resume", "Resume"), shell.may_change()),
        Code::AuthRevoked | Code::AuthMissingScope | Code::AuthAppUninstalled | Code::ConnectionDisconnected => {
            (("connectors/connect", "Connect HubSpot again"), shell.may_change() && can_connect)
        }
        _ if code.as_str().starts_with("transform.") => {
            (("transformation/rollback", "Back to the version before"), shell.may_transform())
        }
        _ => return None,
    };
    may.then_some(form)
}

fn issue_row(shell: &Shell, slug: &str, issue: Issue, can_connect: bool) -> IssueRow {
    let code = issue.problem.code;
    let here = match code {
        Code::AuthRevoked
        | Code::AuthMissingScope
        | Code::AuthAppUninstalled
        | Code::ConnectionPaused
        | Code::ConnectionDisconnected => Some(("connectors", "Go to Connectors")),
        Code::PropertyMissing | Code::PropertyArchived | Code::OptionUnknown => Some(("fields", "Go to Fields")),
        Code::PipelineMissing | Code::StageMissing | Code::OwnerUnknown => {
            Some(("transformation", "Go to Transformation"))
        }
        _ if code.as_str().starts_with("transform.") => Some(("transformation", "Go to Transformation")),
        _ => None,
    };
    let concerned = [
        (issue.held > 0).then(|| things(issue.held, "lead waits", "leads wait")),
        (issue.dropped > 0).then(|| things(issue.dropped, "lead went without it", "leads went without it")),
    ];
    IssueRow {
        title: code.title(),
        code,
        detail: issue.problem.detail,
        fix: code.fix(),
        who: code.who(),
        path: code.hubspot_path(),
        mend: mending(shell, code, can_connect).map(|(form, label)| (format!("/accounts/{slug}/{form}"), label)),
        here: here.map(|(screen, label)| (format!("/accounts/{slug}/{screen}"), label)),
        concerned: concerned.into_iter().flatten().collect::<Vec<_>>().join(", "),
        logs: format!("/accounts/{slug}/logs?cause={code}"),
        first: shell.time(issue.first_at),
        last: shell.time(issue.last_at),
        account: slug.to_owned(),
    }
}

async fn issues(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let slug = place.account.slug.clone();
    let issues = app.store.issues(Some(&place.account.id)).await?;
    let can_connect = can_connect(&app);
    let rows = issues.into_iter().map(|issue| issue_row(&place.shell, &slug, issue, can_connect)).collect();
    draw(&app, &actor, &Issues { rows, is_of_all: false, shell: place.shell })
}

async fn all_issues(
    State(app): State<Arc<App>>,
    actor: Actor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let slugs: HashMap<_, _> =
        app.store.accounts().await?.into_iter().map(|account| (account.id, account.slug)).collect();
    let issues = app.store.issues(actor.own_account()).await?;
    let rows = issues.into_iter().map(|issue| {
        let slug = slugs.get(&issue.account_id).cloned().unwrap_or_default();
        issue_row(&shell, &slug, issue, can_connect(&app))
    });
    let rows = rows.collect();
    draw(&app, &actor, &Issues { rows, is_of_all: true, shell })
}

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    shell: Shell,
    rows: Vec<LaneRow>,
    is_paused: bool,
}

struct LaneRow {
    account: String,
    kind: &'static str,
    firsts: String,
    retries: String,
    due: String,
    chip: Chip,
    note: String,
}

async fn queue(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let lanes = app.store.lanes(None, shell.now).await?;
    let is_paused = app.store.pauses().await?.iter().any(|(scope, _)| *scope == PauseScope::All);
    let waits = |lane: &ShownLane| lane.firsts + lane.retries > 0 || lane.held.is_some() || lane.paused_since.is_some();
    let rows = lanes.into_iter().filter(waits).take(ROWS_MAX).map(|lane| lane_row(&shell, lane)).collect();
    draw(&app, &actor, &Queue { rows, is_paused, shell })
}

fn lane_row(shell: &Shell, lane: ShownLane) -> LaneRow {
    let counted =
        |number: i64| if number > COUNTED_MAX { format!("over {}", count(COUNTED_MAX)) } else { count(number) };
    let (chip, note) = match (lane.paused_since, lane.held, lane.rest) {
        (Some(since), _, _) => {
            (Chip { tone: "none", icon: "⏸", label: "paused" }, format!("since {}", shell.time(since).text))
        }
        (None, Some((owner, until)), _) => (
            Chip { tone: "sending", icon: "◔", label: "at work" },
            format!("{owner}, until {} at most", shell.time(until).text),
        ),
        (None, None, Some((until, problem))) if until > shell.now => (
            Chip { tone: "warning", icon: "…", label: "rests" },
            format!(
                "until {}{}",
                shell.time(until).text,
                problem.map_or_else(String::new, |problem| format!(": {}", problem.detail))
            ),
        ),
        _ => (Chip { tone: "none", icon: "○", label: "waits" }, String::new()),
    };
    LaneRow {
        account: lane.account,
        kind: match lane.kind {
            LaneKind::Plan => "plan",
            LaneKind::Deliver => "deliver",
        },
        firsts: counted(lane.firsts),
        retries: counted(lane.retries),
        due: counted(lane.due),
        chip,
        note,
    }
}

/// Whether everything is to stand still.
#[derive(Deserialize)]
struct Pause {
    pause: String,
}

async fn pause_all(State(app): State<Arc<App>>, Form(asked): Form<Pause>) -> Result<Response, ApiError> {
    let done = if asked.pause == "yes" {
        app.store.pause(&PauseScope::All, (app.clock)()).await?;
        "paused"
    } else {
        app.store.resume(&PauseScope::All).await?;
        app.wake.plan.notify_one();
        app.wake.deliver.notify_one();
        "resumed"
    };
    Ok(Redirect::to(&format!("/queue?done={done}")).into_response())
}
