//! What a dealership asks of the house: deals with its leads, word of an event type; and support, who sees to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::{House, Shell, Visit};
use crate::app::App;
use crate::connection::scopes::{Feature, PERMISSIONS};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::reach;
use crate::http::wishes::asked_by;
use crate::model::access::Right;
use crate::model::wish::{Deals, Wish, Wished};
use crate::view::moment::Moment;
use crate::view::wishes::ShownWish;
use crate::wish;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/deals", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/deals", post(deals))
        .route("/accounts/{account}/event-types/tell-me", post(tell_me));
    let done = OpenApiRouter::new().route("/wishes/done", post(done));
    needing(Right::Read, read).merge(needing(Right::Change, change)).merge(needing(Right::Transform, done))
}

/// A wish on a page.
pub(super) struct Row {
    pub(super) shown: ShownWish,
    pub(super) at: Moment,
    pub(super) done_at: Option<Moment>,
}

/// Wishes with their times, as a page shows them.
pub(super) fn rows(shell: &Shell, wishes: Vec<ShownWish>) -> Vec<Row> {
    let row = |shown: ShownWish| Row {
        at: shell.time(shown.wish.asked_at),
        done_at: shown.wish.done_at.map(|at| shell.time(at)),
        shown,
    };
    wishes.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "deals.html")]
struct Page {
    shell: Shell,
    /// What is asked already, and what was answered.
    asked: Option<Row>,
    answers: Deals,
    /// What deals need, in HubSpot's words and in plain ones.
    permissions: Vec<(&'static str, &'static str)>,
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let wishes = app.store.wishes(Some(&place.account.id)).await?;
    let of_deals = |wish: Wish| match &wish.wished {
        Wished::Deals(deals) => Some((deals.clone(), ShownWish::of(wish, &place.account))),
        Wished::EventType { .. } => None,
    };
    let known = wishes.into_iter().find_map(of_deals);
    let (answers, shown) = known.map_or((Deals::default(), None), |(answers, shown)| (answers, Some(shown)));
    let needed = PERMISSIONS.iter().filter(|permission| permission.feature == Feature::Deals);
    let page = Page {
        asked: rows(&place.shell, shown.into_iter().collect()).pop(),
        answers,
        permissions: needed.map(|permission| (permission.scope, permission.words)).collect(),
        shell: place.shell,
    };
    draw(&app, &actor, &page)
}

async fn deals(Visit { app, actor, place }: Visit, Form(answers): Form<Deals>) -> Result<Response, ApiError> {
    asked_by(&app, &actor, &place.account, Wished::Deals(answers)).await?;
    Ok(Redirect::to(&format!("{}?done=asked", place.shell.at("deals"))).into_response())
}

/// Which event type somebody waits for.
#[derive(Deserialize)]
struct TellMe {
    name: String,
}

async fn tell_me(Visit { app, actor, place }: Visit, Form(asked): Form<TellMe>) -> Result<Response, ApiError> {
    asked_by(&app, &actor, &place.account, Wished::EventType { name: asked.name }).await?;
    Ok(Redirect::to(&format!("{}?done=asked", place.shell.at("event-types"))).into_response())
}

/// Which wish is seen to.
#[derive(Deserialize)]
struct Done {
    account: String,
    kind: String,
    name: String,
    /// The page that the button was on.
    back: String,
}

async fn done(House { app, actor, .. }: House, Form(asked): Form<Done>) -> Result<Response, ApiError> {
    let account = reach::account(&app, &actor, &asked.account).await?;
    wish::fulfil(&app.store, &account, (&asked.kind, &asked.name), &actor.name, (app.clock)()).await?;
    Ok(super::back_to(&asked.back))
}
