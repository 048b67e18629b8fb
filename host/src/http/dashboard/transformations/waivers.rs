//! Requests to use a version although gates are closed: what waits for a second person, on the page of what is in use,
//! and what he says to it.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;

use super::{back_to, unchanged};
use crate::app::App;
use crate::http::dashboard::shell::{Shell, Visit};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::waivers;
use crate::model::access::{Actor, Right};
use crate::model::account::Account;
use crate::model::id::BindingId;
use crate::model::waiver::{Signer, Waiver};
use crate::view::moment::Moment;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/transformation/waivers/{id}/approve", post(approve))
        .route("/accounts/{account}/transformation/waivers/{id}/decline", post(decline));
    needing(Right::Transform, change)
}

/// A request that waits for a second person.
pub(super) struct Asked {
    pub(super) waiver: Waiver,
    pub(super) at: Moment,
    /// Whoever reads the page may be the one who asked, or works for one account only.
    pub(super) is_own: bool,
    /// Something else was enabled since: it has to be asked for anew.
    pub(super) is_late: bool,
}

/// The requests of an account that wait. `newest` is the binding that counts by now.
pub(super) async fn waiting(
    app: &App,
    actor: &Actor,
    (shell, account): (&Shell, &Account),
    newest: Option<&BindingId>,
) -> Result<Vec<Asked>, ApiError> {
    let waivers = app.store.waivers(Some(&account.id)).await?.into_iter().filter(|waiver| waiver.answered.is_none());
    let signer = Signer::from(actor);
    let asked = |waiver: Waiver| Asked {
        at: shell.time(waiver.asked_at),
        is_own: waiver.is_of(&signer) || actor.own_account().is_some(),
        is_late: waiver.seen.as_ref() != newest,
        waiver,
    };
    Ok(waivers.map(asked).collect())
}

/// Approves what somebody else asked for.
async fn approve(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    match waivers::approved(&app, &actor, &id).await {
        Ok(_) => Ok(back_to(&place.shell, "enabled")),
        Err(error) => unchanged(&app, &actor, place, String::new(), error).await,
    }
}

async fn decline(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    match waivers::declined(&app, &actor, &id).await {
        Ok(()) => Ok(back_to(&place.shell, "waiver-declined")),
        Err(error) => unchanged(&app, &actor, place, String::new(), error).await,
    }
}
