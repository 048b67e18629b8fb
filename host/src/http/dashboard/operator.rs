//! Screens of whoever runs the service: the fleet, the queue and who works on it, the sandboxes, refused requests.

mod fleet;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{House, Shell};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::processes::told;
use crate::http::reach;
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, QuotaClass};
use crate::model::lane::{LaneKind, PauseScope};
use crate::model::time::Timestamp;
use crate::model::word;
use crate::operate::fleet::{HourOfRetries, oldest};
use crate::operate::guests::{self, GuestFailure, QuotaLimits};
use crate::operate::processes;
use crate::picture::Drawn;
use crate::quota::{self, Breaks, QuotaPreview};
use crate::store::{COUNTED_MAX, LaneDoing, LaneFilter, Rejection, RejectionFilter, ShownLane, ShownProcess};
use crate::view::connection::Chip;
use crate::view::moment::{Moment, count};
use crate::view::operator::{self, GuestRow};

/// Lanes of a page.
const ROWS_MAX: u32 = 200;
/// Lanes at work that are looked through for who works on them.
const AT_WORK_MAX: u32 = 500;
/// Refused requests of a page.
const REJECTIONS_MAX: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let operate = OpenApiRouter::new()
        .route("/queue", get(queue))
        .route("/queue/pause", post(pause_all))
        .route("/queue/account", post(pause_account))
        .route("/queue/{lane}/pause", post(pause_lane))
        .route("/queue/processes/{id}/drain", post(drain))
        .route("/guests", get(show_guests))
        .route("/guests/quota", post(give_quota))
        .route("/rejected", get(rejected));
    needing(Right::Operate, operate).merge(fleet::router())
}

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    shell: Shell,
    rows: Vec<LaneRow>,
    /// Who works, and on how many lanes.
    holders: Vec<(String, String)>,
    processes: Vec<ProcessRow>,
    wave: Drawn,
    retries: Drawn,
    is_paused: bool,
    pauses: Vec<PauseRow>,
    query: LaneQuery,
    states: [LaneDoing; 4],
    /// Queries of the neighbouring pages.
    earlier: Option<String>,
    later: Option<String>,
}

/// Something that stands still, and where it goes on.
struct PauseRow {
    what: String,
    since: Moment,
    action: String,
    account: Option<String>,
}

/// Which lanes an address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LaneQuery {
    account: String,
    state: String,
    /// So many lanes are due before those of the page.
    #[serde(deserialize_with = "number")]
    skip: u32,
}

/// A number as an address has it; what is none is nothing.
fn number<'de, D: serde::Deserializer<'de>>(text: D) -> Result<u32, D::Error> {
    Ok(String::deserialize(text)?.parse().unwrap_or(0))
}

impl LaneQuery {
    fn state(&self) -> Option<LaneDoing> {
        LaneDoing::ALL.into_iter().find(|state| self.is_of(state))
    }

    fn is_of(&self, state: &LaneDoing) -> bool {
        word(state) == self.state
    }

    fn is_filtered(&self) -> bool {
        !self.account.is_empty() || !self.state.is_empty()
    }

    fn at(&self, skip: u32) -> String {
        let skip = skip.to_string();
        let fields = [("account", &self.account), ("state", &self.state), ("skip", &skip)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }

    /// The lanes of the page, and whether there are others behind it.
    async fn lanes(&self, app: &App, actor: &Actor, shell: &Shell) -> Result<(Vec<ShownLane>, bool), ApiError> {
        let account = match self.account.trim() {
            "" => None,
            name => Some(reach::account(app, actor, name).await?.id),
        };
        let filter = LaneFilter { account, state: self.state(), of_note: true };
        let mut lanes = app.store.lanes_that_fit(&filter, (self.skip, ROWS_MAX + 1), shell.now).await?;
        let has_more = lanes.len() > ROWS_MAX as usize;
        lanes.truncate(ROWS_MAX as usize);
        Ok((lanes, has_more))
    }
}

struct ProcessRow {
    process: ShownProcess,
    roles: String,
    started: Moment,
    draining: Option<Moment>,
    chip: Chip,
}

struct LaneRow {
    id: String,
    account: String,
    kind: &'static str,
    firsts: String,
    retries: String,
    due: String,
    chip: Chip,
    note: String,
    is_paused: bool,
}

async fn queue(House { app, actor, shell }: House, uri: Uri) -> Result<Response, ApiError> {
    let query: LaneQuery = serde_urlencoded(&uri);
    let (lanes, has_more) = query.lanes(&app, &actor, &shell).await?;
    let at_work = LaneFilter { state: Some(LaneDoing::AtWork), ..LaneFilter::default() };
    let at_work = app.store.lanes_that_fit(&at_work, (0, AT_WORK_MAX), shell.now).await?;
    let pauses = app.store.pauses().await?;
    let is_paused = pauses.iter().any(|(scope, _)| *scope == PauseScope::All);
    let is_by_itself = |lane: &ShownLane| {
        pauses.iter().any(|(scope, _)| matches!(scope, PauseScope::Lane(_, paused) if *paused == lane.id))
    };
    let planned = app.store.planned_retries(shell.now).await?;
    let planned: Vec<_> = planned.into_iter().map(|(hour, retries)| HourOfRetries { hour, retries }).collect();
    let (by_attempt, is_more) = app.store.retries_by_attempt().await?;
    let living = processes::living(&app.store, shell.now).await?;
    let page = Queue {
        holders: holders(&at_work),
        processes: living.into_iter().map(|process| process_row(&shell, process)).collect(),
        wave: operator::wave(ages(&app, &shell).await?, &planned, &shell.zone, shell.now),
        retries: operator::retries(&by_attempt, is_more),
        rows: lanes
            .into_iter()
            .map(|lane| LaneRow { is_paused: is_by_itself(&lane), ..lane_row(&shell, lane) })
            .collect(),
        is_paused,
        pauses: pause_rows(&app, &shell, pauses).await?,
        states: LaneDoing::ALL,
        earlier: (query.skip > 0).then(|| query.at(query.skip.saturating_sub(ROWS_MAX))),
        later: has_more.then(|| query.at(query.skip.saturating_add(ROWS_MAX))),
        query,
        shell,
    };
    draw(&app, &actor, &page)
}

/// What stands still beside everything, which the page says above.
async fn pause_rows(app: &App, shell: &Shell, pauses: Vec<(PauseScope, Timestamp)>) -> Result<Vec<PauseRow>, ApiError> {
    let mut rows = Vec::new();
    for (scope, since) in pauses {
        let since = shell.time(since);
        match scope {
            PauseScope::All => {}
            PauseScope::Account(id) => {
                let slug = app.store.account(id.as_str()).await?.map_or_else(|| id.to_string(), |account| account.slug);
                let (what, action) = (format!("account {slug}"), "/queue/account".to_owned());
                rows.push(PauseRow { what, since, action, account: Some(slug) });
            }
            PauseScope::Lane(_, lane) => {
                let (what, action) = (format!("lane {lane}"), format!("/queue/{lane}/pause"));
                rows.push(PauseRow { what, since, action, account: None });
            }
        }
    }
    Ok(rows)
}

/// How old the oldest waiting lead was, up to now.
async fn ages(app: &App, shell: &Shell) -> Result<Vec<(Timestamp, std::time::Duration)>, ApiError> {
    let due = app.store.due_work(shell.now).await?;
    let mut ages = app.pulse.ages();
    ages.push((shell.now, oldest(&due, shell.now)));
    Ok(ages)
}

/// Who holds leases of these lanes, the busiest first. The process is the first part of a holder's name.
fn holders(lanes: &[ShownLane]) -> Vec<(String, String)> {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for (owner, _) in lanes.iter().filter_map(|lane| lane.held.as_ref()) {
        *held.entry(owner).or_default() += 1;
    }
    let mut held: Vec<_> = held.into_iter().collect();
    held.sort_by_key(|(_, lanes)| std::cmp::Reverse(*lanes));
    held.into_iter().map(|(owner, lanes)| (owner.to_owned(), lanes.to_string())).collect()
}

fn process_row(shell: &Shell, process: ShownProcess) -> ProcessRow {
    let chip = match (process.draining_since, process.lanes) {
        (None, _) => Chip { tone: "good", icon: "✓", label: "takes lanes" },
        (Some(_), 0) => Chip { tone: "none", icon: "○", label: "holds nothing" },
        (Some(_), _) => Chip { tone: "sending", icon: "◔", label: "finishes" },
    };
    ProcessRow {
        roles: process.roles.join(", "),
        started: shell.time(process.started_at),
        draining: process.draining_since.map(|since| shell.time(since)),
        chip,
        process,
    }
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
        id: lane.id,
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
        is_paused: false,
    }
}

/// Whether something is to stand still.
#[derive(Deserialize)]
struct Pause {
    pause: String,
    /// The account that is meant, where it is one.
    #[serde(default)]
    account: String,
    /// The screen to go back to.
    #[serde(default)]
    back: String,
}

async fn pause_account(House { app, actor, .. }: House, Form(asked): Form<Pause>) -> Result<Response, ApiError> {
    let account = reach::account(&app, &actor, asked.account.trim()).await?;
    pause(&app, &PauseScope::Account(account.id), &asked).await
}

async fn pause_all(House { app, .. }: House, Form(asked): Form<Pause>) -> Result<Response, ApiError> {
    pause(&app, &PauseScope::All, &asked).await
}

async fn pause_lane(
    House { app, actor, .. }: House,
    Path(lane): Path<String>,
    Form(asked): Form<Pause>,
) -> Result<Response, ApiError> {
    let scope = app.store.lane(&lane).await?;
    // So that it stands in the history of its account.
    let scope = scope.filter(|scope| matches!(scope, PauseScope::Lane(account, _) if actor.reaches(account)));
    pause(&app, &scope.ok_or_else(|| ApiError::NotFound(format!("there is no lane `{lane}`")))?, &asked).await
}

async fn pause(app: &App, scope: &PauseScope, asked: &Pause) -> Result<Response, ApiError> {
    let done = if asked.pause == "yes" {
        app.store.pause(scope, (app.clock)()).await?;
        "paused"
    } else {
        app.store.resume(scope).await?;
        app.wake.plan.notify_one();
        app.wake.deliver.notify_one();
        "resumed"
    };
    let screen = if asked.back == "fleet" { "fleet" } else { "queue" };
    Ok(Redirect::to(&format!("/{screen}?done={done}")).into_response())
}

/// Whether a process is to take no more lanes.
#[derive(Deserialize)]
struct Drain {
    drain: String,
}

async fn drain(
    House { app, .. }: House,
    Path(id): Path<String>,
    Form(asked): Form<Drain>,
) -> Result<Response, ApiError> {
    let drains = asked.drain == "yes";
    told(&app, &id, drains).await?;
    let done = if drains { "draining" } else { "takes-lanes" };
    Ok(Redirect::to(&format!("/queue?done={done}")).into_response())
}

#[derive(Template)]
#[template(path = "guests.html")]
struct GuestsPage {
    shell: Shell,
    rows: Vec<GuestRow>,
    runs_read: String,
    boxes: Vec<(&'static str, Drawn)>,
    failures: Vec<GuestFailure>,
    quotas: Vec<(QuotaLimits, [String; 3])>,
    /// Slug, name with class, and whether it is the one that is asked for.
    accounts: Vec<(String, String, bool)>,
    classes: Vec<(QuotaClass, bool)>,
    /// What another class would do to an account, where somebody asks.
    preview: Option<QuotaPreview>,
    /// Whom it would break, with fuel and memory in words.
    broken: Vec<(Breaks, [String; 2])>,
}

/// Which class for whom.
#[derive(Default, Deserialize)]
struct WantedQuota {
    account: Option<String>,
    quota: Option<String>,
}

impl WantedQuota {
    /// The account and the class, where both are named.
    async fn find(self, app: &App, actor: &Actor) -> Result<Option<(Account, QuotaClass)>, ApiError> {
        let (Some(name), Some(class)) = (self.account, self.quota) else { return Ok(None) };
        let class = class.parse().map_err(|text| ApiError::BadRequest(text, "Choose one of them."))?;
        Ok(Some((reach::account(app, actor, &name).await?, class)))
    }
}

async fn show_guests(House { app, actor, shell }: House, uri: Uri) -> Result<Response, ApiError> {
    let guests = guests::gather(&app.store).await?;
    let preview = match serde_urlencoded::<WantedQuota>(&uri).find(&app, &actor).await? {
        Some((account, class)) => Some(quota::preview(&app.store, &account, class).await?),
        None => None,
    };
    let (asked, accounts) = (preview.as_ref(), app.store.accounts().await?);
    let choice = |account: Account| {
        let is_chosen = asked.is_some_and(|preview| preview.account == account.slug);
        (account.slug, format!("{} ({})", account.name, account.quota), is_chosen)
    };
    let page = GuestsPage {
        rows: operator::guest_rows(&guests),
        boxes: if guests.versions.is_empty() { Vec::new() } else { operator::guest_boxes(&guests) },
        runs_read: crate::view::moment::grouped(guests.runs_read),
        quotas: guests.quotas.iter().map(|limits| (*limits, operator::quota_words(limits))).collect(),
        failures: guests.failures,
        accounts: accounts.into_iter().map(choice).collect(),
        classes: QuotaClass::ALL.map(|class| (class, asked.is_some_and(|preview| preview.to == class))).to_vec(),
        broken: preview.iter().flat_map(|preview| &preview.breaks).map(broken).collect(),
        preview,
        shell,
    };
    draw(&app, &actor, &page)
}

fn broken(one: &Breaks) -> (Breaks, [String; 2]) {
    (one.clone(), [crate::view::moment::grouped(one.fuel), operator::bytes(one.memory_bytes)])
}

async fn give_quota(House { app, actor, shell }: House, Form(wanted): Form<WantedQuota>) -> Result<Response, ApiError> {
    let found = wanted.find(&app, &actor).await?;
    let (account, class) =
        found.ok_or_else(|| ApiError::BadRequest("an account and a class are needed".to_owned(), "Choose both."))?;
    quota::give(&app.store, &account, class, shell.now).await?;
    actor.changes(account.quota, class);
    app.wake.plan.notify_one();
    Ok(Redirect::to("/guests?done=quota").into_response())
}

/// Which refused requests are looked for.
#[derive(Default, Deserialize)]
struct Wanted {
    source: Option<String>,
    class: Option<String>,
}

#[derive(Template)]
#[template(path = "rejected.html")]
struct Rejected {
    shell: Shell,
    source: String,
    class: String,
    classes: Vec<String>,
    rows: Vec<RejectionRow>,
}

struct RejectionRow {
    at: Moment,
    source: String,
    /// The source's own name, and its account.
    name: Option<(String, String)>,
    class: String,
    detail: String,
    hint: &'static str,
    sender_id: String,
    size: String,
}

async fn rejected(House { app, actor, shell }: House, uri: Uri) -> Result<Response, ApiError> {
    let wanted: Wanted = serde_urlencoded(&uri);
    let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (source, class) = (given(wanted.source), given(wanted.class));
    let all = RejectionFilter { source: source.clone(), limit: REJECTIONS_MAX, ..RejectionFilter::default() };
    let fitting = RejectionFilter { class: class.clone(), ..all.clone() };
    let (all, fitting) =
        tokio::try_join!(app.store.rejections_that_fit(&all), app.store.rejections_that_fit(&fitting))?;
    let mut classes: Vec<_> = all.into_iter().map(|rejection| rejection.class).chain(class.clone()).collect();
    classes.sort();
    classes.dedup();
    let (sources, accounts) = tokio::try_join!(app.store.sources(None), app.store.accounts())?;
    let slugs: BTreeMap<_, _> = accounts.into_iter().map(|account| (account.id.to_string(), account.slug)).collect();
    let names: BTreeMap<_, _> = sources
        .into_iter()
        .map(|source| {
            let slug = slugs.get(source.account_id.as_str()).cloned().unwrap_or_default();
            (source.id.to_string(), (source.name, slug))
        })
        .collect();
    let row = |rejection: Rejection| RejectionRow {
        at: shell.time(rejection.at),
        name: names.get(&rejection.source_id).cloned(),
        source: rejection.source_id,
        hint: operator::rejection_hint(&rejection.class),
        class: rejection.class,
        detail: rejection.detail,
        sender_id: rejection.sender_id.unwrap_or_default(),
        size: operator::bytes(u64::try_from(rejection.bytes).unwrap_or(0)),
    };
    let rows = fitting.into_iter().map(row).collect();
    let page = Rejected { source: source.unwrap_or_default(), class: class.unwrap_or_default(), classes, rows, shell };
    draw(&app, &actor, &page)
}
