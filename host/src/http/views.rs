//! `/v1/views`: filters of the list of leads that somebody gave a name.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::account::Account;
use crate::model::id::ViewId;
use crate::store::{SaveView, SavedView, VIEWS_MAX};
use crate::view::saved;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list));
    let change = OpenApiRouter::new().routes(routes!(save)).routes(routes!(remove));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// The saved views of an account, by their names.
#[utoipa::path(
    get,
    path = "/v1/views",
    tag = "Leads",
    params(Whose),
    responses((status = 200, description = "The views", body = List<SavedView>)),
    extensions(("x-command" = json!("leadline lead view list --account acme")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
) -> Result<List<SavedView>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let nobody = || ApiError::BadRequest("views are those of one account".to_owned(), "Name it: `?account=acme`.");
    Ok(List::whole(app.store.views(&account.ok_or_else(nobody)?.id).await?))
}

/// A filter and its name.
#[derive(Deserialize, ToSchema)]
#[schema(as = SaveView)]
#[serde(deny_unknown_fields)]
struct Save {
    /// Slug or id.
    account: String,
    name: String,
    /// As the end of the list's address: `outcome=failed&cause=property.missing`.
    query: String,
}

/// Gives a filter of the list a name. A view of the same name is replaced.
#[utoipa::path(
    post,
    path = "/v1/views",
    tag = "Leads",
    request_body(content = Save, example = json!({ "account": "acme", "name": "Failed", "query": "outcome=failed" })),
    responses((status = 200, description = "The view", body = Data<SavedView>)),
    extensions(("x-command" = json!("leadline lead view save Failed --account acme --outcome failed")))
)]
async fn save(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<SavedView>, ApiError> {
    let asked: Save =
        read(&body, "Send {\"account\": \"acme\", \"name\": \"Failed\", \"query\": \"outcome=failed\"}.")?;
    let account = account(&app, &actor, &asked.account).await?;
    Ok(one(keep(&app, &actor, &account, &asked.name, &asked.query).await?))
}

/// Saves a view of an account.
pub(super) async fn keep(
    app: &App,
    actor: &Actor,
    account: &Account,
    name: &str,
    query: &str,
) -> Result<SavedView, ApiError> {
    let (name, query) =
        saved::checked(name, query).map_err(|unfit| ApiError::BadRequest(unfit.to_string(), unfit.fix()))?;
    let now = (app.clock)();
    let view = SavedView {
        id: ViewId::new(now),
        account_id: account.id.clone(),
        name,
        query,
        made_by: actor.name.clone(),
        made_at: now,
    };
    match app.store.save_view(&view).await? {
        SaveView::Saved(view) => Ok(view),
        SaveView::TooMany => Err(ApiError::Conflict(
            format!("the account has {VIEWS_MAX} views already"),
            "Remove one that nobody uses.",
        )),
    }
}

/// Removes a saved view.
#[utoipa::path(
    delete,
    path = "/v1/views/{id}",
    tag = "Leads",
    params(("id" = ViewId, Path, description = "The view")),
    responses((status = 204, description = "It is gone")),
    extensions(("x-command" = json!("leadline lead view remove VIEW")))
)]
async fn remove(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no view `{id}`"));
    let account = app.store.account_of_view(&id).await?.filter(|account| actor.reaches(account)).ok_or_else(missing)?;
    if app.store.remove_view(&account, &id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}
