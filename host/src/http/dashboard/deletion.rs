//! Deleting an account: what goes, and the slug to be typed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::fault::Fault;
use super::shell::{House, Shell};
use crate::app::App;
use crate::deletion;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::reach;
use crate::model::access::Right;
use crate::model::account::Account;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Operate, OpenApiRouter::new().route("/accounts/{account}/delete", get(ask).post(delete)))
}

#[derive(Template)]
#[template(path = "delete.html")]
struct Page {
    account: Account,
    is_connected: bool,
    /// What was typed, and why it does not do.
    typed: String,
    wrong: Option<Fault>,
    shell: Shell,
}

async fn page(app: &App, account: Account, shell: Shell) -> Result<Page, ApiError> {
    let is_connected = app.store.holds_on_to_hubspot(&account.id).await?;
    Ok(Page { account, is_connected, typed: String::new(), wrong: None, shell })
}

async fn ask(House { app, actor, shell }: House, Path(name): Path<String>) -> Result<Response, ApiError> {
    let account = reach::from_outside(&app, &actor, &name).await?;
    draw(&app, &actor, &page(&app, account, shell).await?)
}

#[derive(Deserialize)]
struct Confirmation {
    confirm: String,
}

async fn delete(
    House { app, actor, shell }: House,
    Path(name): Path<String>,
    Form(Confirmation { confirm }): Form<Confirmation>,
) -> Result<Response, ApiError> {
    let account = reach::from_outside(&app, &actor, &name).await?;
    match deletion::delete(&app.store, &account, &confirm, (app.clock)()).await {
        Ok(()) => Ok(Redirect::to("/accounts?done=account-deleted").into_response()),
        Err(error) => {
            let fault = Fault::of(error.into())?;
            let drawn = Page { typed: confirm, wrong: Some(fault.clone()), ..page(&app, account, shell).await? };
            Ok(fault.on(draw(&app, &actor, &drawn)?))
        }
    }
}
