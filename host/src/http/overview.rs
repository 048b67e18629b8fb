//! What Overview and Fields say of an account's leads, for programs: the same views, as JSON.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::account;
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::overview::{fields_of_account, of_account};
use crate::view::fields::FieldsByDay;
use crate::view::moment;
use crate::view::overview::{Overview, PERIODS, Period, Window};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().routes(routes!(show)).routes(routes!(fields)))
}

/// Which time, and of whom.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// `day`, `week` or `month`; a week where it is not given.
    #[param(example = "week")]
    period: Option<String>,
    /// Only this dealership of the account, by its slug.
    dealership: Option<String>,
}

/// Days instead of a period, as the account's clocks show them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Days {
    /// The first day, such as `2026-11-22`.
    from: Option<String>,
    /// The last day; today where only the first is given.
    until: Option<String>,
}

/// How things stand in an account: the verdict in a sentence, and the figures behind it. Test leads are left out.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/overview",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme"), Asked, Days),
    responses((status = 200, description = "The overview", body = Data<Overview>)),
    extensions(("x-command" = json!("leadline account overview acme")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    Query(days): Query<Days>,
) -> Result<One<Overview>, ApiError> {
    let account = account(&app, &actor, &name).await?;
    let (period, dealership) = read(asked)?;
    let connection = app.store.connection_of(&account.id).await?;
    let now = (app.clock)();
    let (from, until) = (days.from.unwrap_or_default(), days.until.unwrap_or_default());
    let window = Window::chosen(period, (&from, &until), &moment::zone_of(connection.as_ref()), now)
        .map_err(|wrong| ApiError::BadRequest(wrong.to_string(), wrong.fix()))?;
    Ok(one(of_account(&app.store, &account, connection.as_ref(), &window, dealership.as_deref(), now).await?))
}

/// Which fields the leads of an account had a value for, day by day, and what of it is in HubSpot.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/fields",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme"), Asked),
    responses((status = 200, description = "The fields", body = Data<FieldsByDay>)),
    extensions(("x-command" = json!("leadline account fields acme")))
)]
async fn fields(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<One<FieldsByDay>, ApiError> {
    let account = account(&app, &actor, &name).await?;
    let (period, dealership) = read(asked)?;
    let connection = app.store.connection_of(&account.id).await?;
    let now = (app.clock)();
    Ok(one(fields_of_account(&app.store, &account, connection.as_ref(), period, dealership.as_deref(), now).await?))
}

pub(super) fn read(asked: Asked) -> Result<(Period, Option<String>), ApiError> {
    let word = asked.period.as_deref().unwrap_or("week");
    let period = PERIODS.into_iter().find(|period| period.word == word).ok_or_else(|| {
        ApiError::BadRequest(format!("there is no period `{word}`"), "Send `day`, `week` or `month`.")
    })?;
    Ok((period, asked.dealership.filter(|slug| !slug.is_empty())))
}
