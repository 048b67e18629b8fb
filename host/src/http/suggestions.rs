//! `/v1/accounts/{account}/suggestions`: what a dealership can do with its leads in HubSpot, and what of it was dismissed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::List;
use super::error::ApiError;
use super::guard::needing;
use super::reach::{owner, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::account::Account;
use crate::view::suggestions::{Suggestion, is_known, suggestions};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list));
    let change = OpenApiRouter::new().routes(routes!(set));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// What can be done with the leads in HubSpot. The list is whole, and has one page.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/suggestions",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The suggestions", body = List<Suggestion>)),
    extensions(("x-command" = json!("leadline account suggestions acme")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<List<Suggestion>, ApiError> {
    let (account, connection) = owner(&app, &actor, &name).await?;
    let dismissed = app.store.dismissed(&account.id).await?;
    Ok(List::whole(suggestions(&account, &connection, &dismissed)))
}

/// Whether a suggestion is shown.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetSuggestion)]
#[serde(deny_unknown_fields)]
struct Set {
    dismissed: bool,
}

/// Dismisses a suggestion for the whole account, or brings it back.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/suggestions/{item}",
    tag = "Accounts and sources",
    params(
        ("account" = String, Path, description = "Slug or id", example = "acme"),
        ("item" = String, Path, description = "Its name", example = "assign")
    ),
    request_body(content = Set, example = json!({ "dismissed": true })),
    responses((status = 204, description = "It is noted")),
    extensions(("x-command" = json!("leadline account suggestions acme --dismiss assign")))
)]
async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path((name, item)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let Set { dismissed } = read(&body, "Send {\"dismissed\": true}.")?;
    let account = super::reach::account(&app, &actor, &name).await?;
    dismiss(&app, &actor, &account, &item, dismissed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notes that somebody does not want to see a suggestion again, or wants to after all.
pub(super) async fn dismiss(
    app: &App,
    actor: &Actor,
    account: &Account,
    item: &str,
    is_dismissed: bool,
) -> Result<(), ApiError> {
    if !is_known(item) {
        return Err(ApiError::NotFound(format!("there is no suggestion `{item}`")));
    }
    Ok(app.store.dismiss(&account.id, item, (is_dismissed, &actor.name), (app.clock)()).await?)
}
