//! Issues: what stands in the way of an account or of all, and what people say and do about it.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::connectors::can_connect;
use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::cause::Code;
use crate::hours::hour;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::issue::{self, Act, COMMENT_CHARS_MAX, IssueError, Shown, ShownPast, Standing};
use crate::model::access::{Actor, Right};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;
use crate::overview::deliveries_of_account;
use crate::picture::causes::{Cause, Causes};
use crate::picture::deliveries::{Change, Deliveries, Outcomes};
use crate::picture::sparkline::Sparkline;
use crate::picture::{Drawn, Tone, drawn};
use crate::rollout::{self, Back};
use crate::store::Comment;
use crate::view::connection::Chip;
use crate::view::moment::{Moment, things};
use crate::view::overview::{PERIODS, Period, Window};
use crate::view::rollback::figures;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/issues", get(all)).route("/accounts/{account}/issues", get(of_account));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/issues/{id}/acknowledge", post(acknowledge))
        .route("/accounts/{account}/issues/{id}/mute", post(mute))
        .route("/accounts/{account}/issues/{id}/unmute", post(unmute))
        .route("/accounts/{account}/issues/{id}/comments", post(comment));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "issues.html")]
struct Issues {
    shell: Shell,
    rows: Vec<Row>,
    /// Leads by cause, and how many came with each over the last day; none where none is concerned.
    by_cause: Option<Drawn>,
    /// What became of the leads of one account, and of which time, as after "3 leads came"; none where nothing is told of.
    over_time: Option<(String, Drawn)>,
    /// Told to nobody and not counted.
    muted: Vec<Row>,
    past: Vec<PastRow>,
    is_of_all: bool,
    wrong: Option<Wrong>,
}

impl Issues {
    /// What was typed as a comment on an issue and could not be kept.
    fn typed(&self, id: &str) -> &str {
        self.wrong.as_ref().filter(|wrong| wrong.id == id).map_or("", |wrong| wrong.typed.as_str())
    }
}

/// Why something was not done, and what was typed.
struct Wrong {
    id: String,
    typed: String,
    fault: Fault,
}

struct Row {
    id: String,
    account: String,
    title: &'static str,
    code: Code,
    detail: String,
    fix: &'static str,
    who: &'static str,
    path: Option<&'static str>,
    chip: Chip,
    is_seen: bool,
    /// Where whoever reads it goes to get it mended.
    here: Option<(String, &'static str)>,
    /// What mends it here, for those who may press it: the address of a form, and its button.
    mend: Option<(String, String)>,
    /// The newest binding, where a version is taken back: nobody undoes what somebody else did meanwhile.
    newest: String,
    /// The leads that it concerns, and the filter that lists them.
    concerned: String,
    logs: String,
    /// By the hour, over the last day; none where none came.
    trend: Option<Drawn>,
    /// What was changed shortly before, and by whom.
    suspected: Option<(String, String)>,
    /// What did not help, and who tried it.
    in_vain: Option<(String, String)>,
    first: Moment,
    last: Moment,
    /// Who sees to it, or wants no more of it, and until when.
    seen: Option<(String, Moment)>,
    muted: Option<(String, Option<Moment>)>,
    comments: Vec<Said>,
}

/// What somebody said.
struct Said {
    by: String,
    at: Moment,
    text: String,
}

struct PastRow {
    id: String,
    account: String,
    title: &'static str,
    detail: String,
    first: Moment,
    over: Moment,
    /// What went on by itself when it was mended.
    released: String,
    /// Where earlier contacts get what they went without; none where they went without nothing.
    fill: Option<String>,
    comments: Vec<Said>,
}

/// The form that goes back to the version before.
const ROLLBACK: &str = "transformation/rollback";

/// Whether going back to the version before mends a cause.
fn is_mended_by_rollback(code: Code) -> bool {
    code.as_str().starts_with("transform.")
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
        _ if is_mended_by_rollback(code) => ((ROLLBACK, "Back to the version before"), shell.may_transform()),
        _ => return None,
    };
    may.then_some(form)
}

/// Where whoever reads the page goes to get it mended.
fn way_of(shell: &Shell, slug: &str, code: Code, version: Option<&str>) -> Option<(String, &'static str)> {
    let (screen, label) = place_of(code)?;
    let address = format!("/accounts/{slug}/{screen}");
    Some(match (code.who(), version) {
        // Its article says how to reach those who may set it.
        ("support", _) if !shell.may_transform() => (crate::help::address(code.as_str()), "How to reach support"),
        ("support", Some(version)) => (format!("{address}/{version}"), "Choose another in the settings"),
        _ => (address, label),
    })
}

/// Where it is mended here.
fn place_of(code: Code) -> Option<(&'static str, &'static str)> {
    match code {
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
        Code::LeadForReview => Some(("logs?cause=lead.for_review", "Look at them")),
        _ => None,
    }
}

fn said(shell: &Shell, comments: Vec<Comment>) -> Vec<Said> {
    let said = |comment: Comment| Said { by: comment.by, at: shell.time(comment.at), text: comment.text };
    comments.into_iter().map(said).collect()
}

fn row(shell: &Shell, index: usize, slug: &str, shown: Shown, around: &Around<'_>) -> Row {
    let issue = shown.issue;
    let code = issue.problem.code;
    let concerned = [
        (issue.held > 0).then(|| things(issue.held, "lead waits", "leads wait")),
        (issue.dropped > 0).then(|| things(issue.dropped, "lead went without it", "leads went without it")),
    ];
    let chip = match shown.state {
        Standing::Open => Chip::new("warning", "!", "Open"),
        Standing::Acknowledged => Chip::new("sending", "◔", "Somebody sees to it"),
        Standing::Muted => Chip::new("none", "⏸", "Muted"),
    };
    let title = "Leads that it concerns, by the hour, over the last day".to_owned();
    let trend = Sparkline { title, values: shown.trend, tone: Tone::Waiting };
    Row {
        id: issue.id.to_string(),
        title: shown.title,
        code,
        detail: issue.problem.detail,
        fix: shown.fix,
        who: shown.who,
        path: shown.hubspot_path,
        chip,
        is_seen: issue.acknowledged.is_some(),
        mend: mending(shell, code, around.can_connect).map(|(form, label)| {
            let label = match around.back {
                Some(back) if form == ROLLBACK => format!("Back to {} ({})", back.to, figures(&back.figures)),
                _ => label.to_owned(),
            };
            (format!("/accounts/{slug}/{form}"), label)
        }),
        newest: around.back.map(|back| back.seen.to_string()).unwrap_or_default(),
        here: way_of(shell, slug, code, around.version.as_deref()),
        concerned: concerned.into_iter().flatten().collect::<Vec<_>>().join(", "),
        logs: format!("/accounts/{slug}/logs?cause={code}"),
        trend: trend.values.iter().any(|leads| *leads > 0).then(|| drawn(&format!("issue{index}"), &trend)),
        suspected: shown.suspected.map(|suspected| (suspected.text, suspected.by)),
        in_vain: shown.in_vain.map(|tried| (tried.text, tried.by)),
        first: shell.time(issue.first_at),
        last: shell.time(issue.last_at),
        seen: issue.acknowledged.map(|seen| (seen.by, shell.time(seen.at))),
        muted: issue.muted.map(|muted| (muted.by, muted.until.map(|until| shell.time(until)))),
        comments: said(shell, shown.comments),
        account: slug.to_owned(),
    }
}

fn past_row(shell: &Shell, slug: &str, past: ShownPast) -> PastRow {
    let issue = past.issue;
    let is_of_properties = matches!(place_of(issue.problem.code), Some(("fields", _)));
    PastRow {
        fill: is_of_properties.then(|| format!("/accounts/{slug}/fields#fill")),
        id: issue.id.to_string(),
        account: slug.to_owned(),
        title: past.title,
        detail: issue.problem.detail,
        first: shell.time(issue.first_at),
        over: shell.time(issue.over_at),
        released: match issue.released {
            0 => String::new(),
            many => things(many, "lead went on by itself", "leads went on by themselves"),
        },
        comments: said(shell, past.comments),
    }
}

/// Leads by cause, as far as the issues are told of, with their trend over the last day.
fn by_cause<'a>(shell: &Shell, open: impl Iterator<Item = &'a Shown>) -> Option<Drawn> {
    let mut causes: Vec<(Code, Cause)> = Vec::new();
    for shown in open.filter(|shown| shown.state != Standing::Muted && shown.issue.leads() > 0) {
        let (code, leads) = (shown.issue.problem.code, u64::try_from(shown.issue.leads()).unwrap_or(0));
        match causes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, cause)) => {
                cause.leads += leads;
                cause.trend.iter_mut().zip(&shown.trend).for_each(|(sum, more)| *sum += more);
            }
            None => {
                let href = shell.account.as_ref().map(|_| format!("{}?cause={code}", shell.at("logs")));
                let (title, trend) = (shown.title.to_owned(), shown.trend.clone());
                causes.push((code, Cause { title, leads, trend, tone: Tone::Waiting, href }));
            }
        }
    }
    causes.sort_by_key(|(_, cause)| std::cmp::Reverse(cause.leads));
    let causes: Vec<_> = causes.into_iter().map(|(_, cause)| cause).collect();
    (!causes.is_empty()).then(|| drawn("causes", &Causes { causes }))
}

/// What became of an account's leads while its issues came, with what was changed meanwhile and when each issue began;
/// none where no issue is told of, or no lead came.
async fn over_time(app: &App, place: &Place, open: &[Shown]) -> Result<Option<(String, Drawn)>, ApiError> {
    let told: Vec<_> = open.iter().filter(|shown| shown.state != Standing::Muted).collect();
    let Some(oldest) = told.iter().map(|shown| shown.issue.first_at).min() else { return Ok(None) };
    let (connection, now) = (place.connection.as_ref(), place.shell.now);
    let window = Window::last(period_since(oldest, now), now);
    let mut picture = deliveries_of_account(&app.store, &place.account, connection, &window, now).await?;
    if picture.spans.iter().all(|span| span.outcomes == Outcomes::default()) {
        return Ok(None);
    }
    mark(&mut picture, told.into_iter().map(begun).collect());
    Ok(Some((window.when, drawn("deliveries", &picture))))
}

/// A day, which the picture shows by the hour; a week where the oldest issue began before its first hour.
fn period_since(oldest: Timestamp, now: Timestamp) -> Period {
    let [day, week, _] = PERIODS;
    if hour(now) - hour(oldest) < 24 { day } else { week }
}

fn begun(shown: &Shown) -> Change {
    let href = Some(format!("#{}", shown.issue.id));
    Change { at: shown.issue.first_at, text: format!("Issue: {}", shown.title), href }
}

/// Adds marks to what was changed, as far as they are of the time of the picture. Several issues of a cause that one check
/// found are one mark.
fn mark(picture: &mut Deliveries, mut marks: Vec<Change>) {
    let Some(first) = picture.spans.first().map(|span| span.from) else { return };
    marks.retain(|mark| mark.at >= first);
    marks.sort_by(|one, other| (one.at, &one.text).cmp(&(other.at, &other.text)));
    marks.dedup_by(|one, other| (one.at, &one.text) == (other.at, &other.text));
    picture.changes.extend(marks);
    picture.changes.sort_by_key(|change| change.at);
}

/// What a page of issues knows beside them.
struct Around<'a> {
    can_connect: bool,
    /// What a rollback would do, on the page of one account.
    back: Option<&'a Back>,
    /// The version in use, where it is the only one, on the page of one account.
    version: Option<String>,
}

/// The issues, each with the slug of its account.
fn page(shell: Shell, open: Vec<(String, Shown)>, past: Vec<(String, ShownPast)>, around: &Around<'_>) -> Issues {
    let (mut rows, mut muted) = (Vec::new(), Vec::new());
    let by_cause = by_cause(&shell, open.iter().map(|(_, shown)| shown));
    for (index, (slug, shown)) in open.into_iter().enumerate() {
        let place = if shown.state == Standing::Muted { &mut muted } else { &mut rows };
        place.push(row(&shell, index, &slug, shown, around));
    }
    let past = past.into_iter().map(|(slug, past)| past_row(&shell, &slug, past)).collect();
    let is_of_all = shell.account.is_none();
    Issues { rows, by_cause, over_time: None, muted, past, is_of_all, wrong: None, shell }
}

async fn page_of(app: &App, place: Place) -> Result<Issues, ApiError> {
    let (account, slug) = (Some(&place.account.id), &place.account.slug);
    let open = issue::open(&app.store, account, place.shell.now).await?;
    let past = issue::over(&app.store, account).await?;
    let past = past.into_iter().map(|past| (slug.clone(), past)).collect();
    // It reads many leads, so only where a button says what it goes back to.
    let is_needed = open.iter().any(|shown| is_mended_by_rollback(shown.issue.problem.code));
    let back = match &place.connection {
        Some(connection) if is_needed && place.shell.may_transform() => rollout::back(&app.store, connection).await?,
        _ => None,
    };
    let bound = match &place.connection {
        Some(connection) if place.shell.may_transform() => app.store.bound(connection).await?,
        _ => Vec::new(),
    };
    let version = match &bound[..] {
        [one] => Some(one.label.clone()),
        _ => None,
    };
    let over_time = over_time(app, &place, &open).await?;
    let open = open.into_iter().map(|shown| (slug.clone(), shown)).collect();
    let around = Around { can_connect: can_connect(app), back: back.as_ref(), version };
    Ok(Issues { over_time, ..page(place.shell, open, past, &around) })
}

async fn of_account(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    draw(&app, &actor, &page_of(&app, place).await?)
}

async fn all(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let slugs: HashMap<_, _> =
        app.store.accounts().await?.into_iter().map(|account| (account.id, account.slug)).collect();
    let slug = |account: &AccountId| slugs.get(account).cloned().unwrap_or_default();
    let open = issue::open(&app.store, actor.own_account(), shell.now).await?;
    let past = issue::over(&app.store, actor.own_account()).await?;
    let open = open.into_iter().map(|shown| (slug(&shown.issue.account_id), shown)).collect();
    let past = past.into_iter().map(|past| (slug(&past.issue.account_id), past)).collect();
    draw(&app, &actor, &page(shell, open, past, &Around { can_connect: can_connect(&app), back: None, version: None }))
}

/// Which issue a form is about.
type Named = Path<(String, String)>;

async fn acknowledge(visit: Visit, Path((_, id)): Named) -> Result<Response, ApiError> {
    act(visit, &id, Act::Acknowledge, "issue-seen").await
}

/// For how long a form mutes.
#[derive(Deserialize)]
struct MuteForm {
    /// Hours; empty: until it concerns more leads.
    hours: String,
}

async fn mute(visit: Visit, Path((_, id)): Named, Form(asked): Form<MuteForm>) -> Result<Response, ApiError> {
    act(visit, &id, Act::Mute(asked.hours.parse().ok()), "issue-muted").await
}

async fn unmute(visit: Visit, Path((_, id)): Named) -> Result<Response, ApiError> {
    act(visit, &id, Act::Unmute, "issue-unmuted").await
}

/// What a form says.
#[derive(Deserialize)]
struct CommentForm {
    text: String,
}

async fn comment(visit: Visit, Path((_, id)): Named, Form(asked): Form<CommentForm>) -> Result<Response, ApiError> {
    act(visit, &id, Act::Comment(asked.text), "issue-said").await
}

async fn act(visit: Visit, id: &str, act: Act, done: &str) -> Result<Response, ApiError> {
    let Visit { app, actor, place } = visit;
    let issue = app.store.issue(id).await?.filter(|issue| issue.account_id == place.account.id);
    let issue = issue.ok_or_else(|| IssueError::NotOpen(id.to_owned()))?;
    let typed = if let Act::Comment(text) = &act { text.clone() } else { String::new() };
    match issue::act(&app.store, &issue, act, &actor.name, place.shell.now).await {
        Ok(()) => Ok(Redirect::to(&format!("{}?done={done}#{id}", place.shell.at("issues"))).into_response()),
        Err(error) => {
            let fault = Fault::of(error.into())?;
            let wrong = Some(Wrong { id: id.to_owned(), typed, fault: fault.clone() });
            Ok(fault.on(draw(&app, &actor, &Issues { wrong, ..page_of(&app, place).await? })?))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::picture::deliveries::Span;

    const HOUR: i64 = 3_600_000;

    fn change(hour: i64, text: &str) -> Change {
        Change { at: Timestamp(hour * HOUR), text: text.to_owned(), href: None }
    }

    #[test]
    fn the_picture_goes_back_to_the_oldest_issue_but_a_week_at_most() {
        let now = Timestamp(1_000 * HOUR + HOUR / 2);
        for (began, period) in [(1_000, "day"), (977, "day"), (976, "week"), (1, "week")] {
            assert_eq!(period_since(Timestamp(began * HOUR), now).word, period, "{began}");
        }
    }

    #[test]
    fn issues_stand_among_the_changes_once_and_only_of_the_time_of_the_picture() {
        let span =
            Span { from: Timestamp(10 * HOUR), until: Timestamp(20 * HOUR), outcomes: Outcomes::default(), href: None };
        let changes = vec![change(11, "paused"), change(13, "resumed")];
        let mut picture = Deliveries { zone: TimeZone::UTC, spans: vec![span], changes };
        let marks = [(12, "Issue: b"), (9, "Issue: old"), (12, "Issue: a"), (12, "Issue: b"), (14, "Issue: b")];
        mark(&mut picture, marks.iter().map(|(hour, text)| change(*hour, text)).collect());
        let told: Vec<_> = picture.changes.iter().map(|change| change.text.as_str()).collect();
        assert_eq!(told, ["paused", "Issue: a", "Issue: b", "resumed", "Issue: b"]);
    }
}
