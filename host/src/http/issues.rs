//! `/v1/issues`: what stands in the way of leads, and what people say and do about it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{Whose, account_or_all, read};
use crate::app::App;
use crate::issue::{self, Act, Found, IssueError, Shown, ShownPast};
use crate::model::access::{Actor, Right};
use crate::model::id::CauseId;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list)).routes(routes!(past)).routes(routes!(show));
    let change = OpenApiRouter::new()
        .routes(routes!(acknowledge))
        .routes(routes!(mute))
        .routes(routes!(unmute))
        .routes(routes!(comment));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            IssueError::Store(error) => error.into(),
            IssueError::NotOpen(_) => Self::NotFound(text),
            IssueError::TooMany => Self::Conflict(text, fix),
            IssueError::NoText | IssueError::LongText(_) | IssueError::Hours(_) => Self::BadRequest(text, fix),
        }
    }
}

/// What holds leads up, or lets them through without a value: the oldest first, those that are muted last.
#[utoipa::path(
    get,
    path = "/v1/issues",
    tag = "Properties and issues",
    params(Whose, Wanted),
    responses((status = 200, description = "The issues that are open", body = List<Shown>)),
    extensions(("x-command" = json!("leadline issue list")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Shown>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let issues = issue::open(&app.store, account.as_ref(), (app.clock)()).await?;
    page.of(issues, |shown| shown.issue.id.as_str())
}

/// Issues that are over, with what was said about them: the last ones first.
///
/// They are remembered for a year.
#[utoipa::path(
    get,
    path = "/v1/issues/past",
    tag = "Properties and issues",
    params(Whose, Wanted),
    responses((status = 200, description = "The last issues that are over", body = List<ShownPast>)),
    extensions(("x-command" = json!("leadline issue list --over")))
)]
async fn past(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<ShownPast>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let issues = issue::over(&app.store, account.as_ref()).await?;
    page.of(issues, |shown| shown.issue.id.as_str())
}

/// The issue of an id, as far as who asks may reach it.
pub(super) async fn reached(app: &App, actor: &Actor, id: &str) -> Result<Found, ApiError> {
    let found = issue::find(&app.store, id, (app.clock)()).await?.filter(|found| actor.reaches(found.account()));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no issue `{id}`")))
}

/// Does something about an open issue, and shows how it stands then.
async fn act(app: &App, actor: &Actor, id: &str, act: Act) -> Result<One<Found>, ApiError> {
    let Found::Open(shown) = reached(app, actor, id).await? else {
        return Err(IssueError::NotOpen(id.to_owned()).into());
    };
    issue::act(&app.store, &shown.issue, act, &actor.name, (app.clock)()).await?;
    Ok(one(reached(app, actor, id).await?))
}

/// One issue: open, or over for less than a year.
#[utoipa::path(
    get,
    path = "/v1/issues/{id}",
    tag = "Properties and issues",
    params(("id" = CauseId, Path, description = "The issue")),
    responses((status = 200, description = "The issue", body = Data<Found>)),
    extensions(("x-command" = json!("leadline issue show ISSUE")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Found>, ApiError> {
    Ok(one(reached(&app, &actor, &id).await?))
}

/// Says that somebody has seen an issue and sees to it.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/acknowledge",
    tag = "Properties and issues",
    params(("id" = CauseId, Path, description = "The issue")),
    responses((status = 200, description = "The issue", body = Data<Found>)),
    extensions(("x-command" = json!("leadline issue ack ISSUE")))
)]
async fn acknowledge(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Found>, ApiError> {
    act(&app, &actor, &id, Act::Acknowledge).await
}

/// For how long an issue is muted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MuteIssue {
    /// Without it, until the issue concerns more leads than now.
    #[schema(minimum = 1, maximum = 2160)]
    hours: Option<u32>,
}

/// Mutes an issue: nobody is told of it, and it is not counted.
///
/// What it holds waits as before. When it is over, the mute is over too: a cause that comes back is another issue.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/mute",
    tag = "Properties and issues",
    params(("id" = CauseId, Path, description = "The issue")),
    request_body(content = MuteIssue, example = json!({ "hours": 24 })),
    responses((status = 200, description = "The issue", body = Data<Found>)),
    extensions(("x-command" = json!("leadline issue mute ISSUE --hours 24")))
)]
async fn mute(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<One<Found>, ApiError> {
    const FIX: &str = "Send {\"hours\": 24}, or {}.";
    let asked: MuteIssue = if body.is_empty() { MuteIssue { hours: None } } else { read(&body, FIX)? };
    act(&app, &actor, &id, Act::Mute(asked.hours)).await
}

/// Ends the mute of an issue.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/unmute",
    tag = "Properties and issues",
    params(("id" = CauseId, Path, description = "The issue")),
    responses((status = 200, description = "The issue", body = Data<Found>)),
    extensions(("x-command" = json!("leadline issue unmute ISSUE")))
)]
async fn unmute(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Found>, ApiError> {
    act(&app, &actor, &id, Act::Unmute).await
}

/// What is said about an issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentOnIssue {
    #[schema(max_length = 2000)]
    text: String,
}

/// Says something about an issue. It stays readable when the issue is over.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/comments",
    tag = "Properties and issues",
    params(("id" = CauseId, Path, description = "The issue")),
    request_body(content = CommentOnIssue, example = json!({ "text": "I have asked the dealership's admin." })),
    responses((status = 200, description = "The issue", body = Data<Found>)),
    extensions(("x-command" = json!("leadline issue comment ISSUE 'I have asked the admin.'")))
)]
async fn comment(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<One<Found>, ApiError> {
    let asked: CommentOnIssue = read(&body, "Send {\"text\": \"I have asked the admin.\"}.")?;
    act(&app, &actor, &id, Act::Comment(asked.text)).await
}
