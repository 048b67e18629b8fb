//! The dashboard: one file a group of screens. A handler finds what the screen shows, a view says how, a template draws it.

mod accounts;
mod activity;
mod alerts;
mod bench;
mod connectors;
mod deletion;
mod event_types;
mod fault;
mod fields;
mod form;
mod help;
mod issues;
mod logs;
mod mapping;
mod operator;
mod overview;
mod privacy;
mod replays;
mod settings;
mod setup;
mod shell;
mod styleguide;
mod system;
mod test;
mod transformations;
mod wishes;

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::appearance::{Appearance, Change, Theme};
use super::error::{ApiError, as_problem};
use super::guard::needing;
use super::page::{self, Frame};
use crate::app::App;
use crate::model::access::{Actor, Right};

/// Where others try something out, and have every turn.
const BUSY: &str = "Other leads are being tried; try it again in a moment.";
/// A problem's JSON is never longer.
const PROBLEM_BYTES_MAX: usize = 256 << 10;

/// Every screen, each behind the right that it needs. What goes wrong is told as a page.
pub(super) fn router(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    let own = OpenApiRouter::new().route("/", get(home)).route("/appearance", post(appearance));
    needing(Right::Read, own)
        .merge(accounts::router())
        .merge(activity::router())
        .merge(alerts::router())
        .merge(connectors::router())
        .merge(deletion::router())
        .merge(event_types::router())
        .merge(fields::router())
        .merge(issues::router())
        .merge(logs::router())
        .merge(mapping::router())
        .merge(operator::router())
        .merge(overview::router())
        .merge(privacy::router())
        .merge(replays::router())
        .merge(settings::router())
        .merge(setup::router())
        .merge(styleguide::router())
        .merge(system::router())
        .merge(test::router())
        .merge(bench::router())
        .merge(transformations::router())
        .merge(wishes::router())
        .merge(help::router())
        .layer(middleware::map_response(as_problem))
        .layer(middleware::from_fn_with_state(app.clone(), as_page))
}

/// The beginning, as after signing in.
async fn home(State(app): State<Arc<App>>, actor: Actor) -> Result<Redirect, ApiError> {
    Ok(Redirect::to(&super::sign_in::home(&app, actor.own_account()).await?))
}

#[derive(Deserialize)]
struct Choice {
    #[serde(flatten)]
    change: Change,
    back: String,
}

/// Keeps in the browser how somebody wants his pages, and shows him the page again.
async fn appearance(State(app): State<Arc<App>>, actor: Actor, Form(asked): Form<Choice>) -> Response {
    let mut response = back_to(&asked.back);
    asked.change.keep(&app, actor.session.as_ref(), &mut response);
    response
}

/// Back to a page of ours, by an address that a form brought along.
fn back_to(address: &str) -> Response {
    let ours = super::sign_in::is_ours(address);
    Redirect::to(if ours { address } else { "/" }).into_response()
}

/// Draws a template as a whole page or a part of one.
fn draw(app: &App, actor: &Actor, template: &impl Template) -> Result<Response, ApiError> {
    let html = template.render().map_err(anyhow::Error::from)?;
    let mut response = Html(html).into_response();
    page::secure(app, actor, &mut response);
    Ok(response)
}

/// What went wrong, for somebody in front of a browser: the same problem that a program is told.
pub(super) async fn as_page(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    let theme = Appearance::of(request.headers()).theme;
    let response = next.run(request).await;
    let is_problem =
        response.headers().get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/problem+json"));
    if !wants_page || !is_problem {
        return response;
    }
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), PROBLEM_BYTES_MAX).await.unwrap_or_default();
    problem_page(&app, theme, status, &body)
}

#[derive(Deserialize)]
struct Told {
    title: String,
    detail: String,
    fix: String,
    code: String,
    request_id: Option<String>,
}

#[derive(Template)]
#[template(path = "quiet/problem.html")]
struct Problem {
    frame: Frame,
    detail: String,
    fix: String,
    /// By what the log knows the request.
    support_code: String,
    /// The address of what it means.
    article: String,
}

fn problem_page(app: &App, theme: Theme, status: StatusCode, body: &[u8]) -> Response {
    let Ok(told) = serde_json::from_slice::<Told>(body) else {
        return (status, Body::empty()).into_response();
    };
    let Told { title, detail, fix, code, request_id } = told;
    let (frame, article) = (Frame { theme, ..Frame::of(app, title) }, crate::help::address(&code));
    let support_code = request_id.unwrap_or(code);
    page::quiet(app, status, &Problem { frame, detail: sentence(&detail), fix, support_code, article })
}

/// The same words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
