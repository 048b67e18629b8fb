//! `/v1/metrics/{series}`: the numbers behind the pictures of an account's overview.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use clap::ValueEnum as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::alerts::named;
use super::answer::{Data, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::overview::{Asked, read};
use super::reach::Whose;
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::overview::series_of_account;
use crate::view::overview::series::{Name, Series};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().routes(routes!(show)))
}

/// The numbers behind one picture of an account's overview. Test leads are left out.
///
/// The steps of a series are the hours of a day, or the days of a week or a month.
#[utoipa::path(
    get,
    path = "/v1/metrics/{series}",
    tag = "Accounts and sources",
    params(("series" = inline(Name), Path, description = "Which picture"), Whose, Asked),
    responses((status = 200, description = "The numbers", body = Data<Series>)),
    extensions(("x-command" = json!("leadline account series acme deliveries")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(series): Path<String>,
    Query(whose): Query<Whose>,
    Query(asked): Query<Asked>,
) -> Result<One<Series>, ApiError> {
    let account = named(&app, &actor, whose.account.as_deref()).await?;
    let name = Name::from_str(&series, false);
    let name = name.map_err(|_| ApiError::NotFound(format!("there is no series `{series}`; there are {}", names())))?;
    let (period, dealership) = read(asked)?;
    let connection = app.store.connection_of(&account.id).await?;
    let (connection, now) = (connection.as_ref(), (app.clock)());
    let numbers = series_of_account(&app.store, &account, connection, name, period, dealership.as_deref(), now);
    Ok(one(numbers.await?))
}

fn names() -> String {
    let names = Name::value_variants().iter().filter_map(|name| Some(name.to_possible_value()?.get_name().to_owned()));
    names.collect::<Vec<_>>().join(", ")
}
