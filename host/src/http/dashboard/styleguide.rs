//! Every part of a page in every state, with made-up data: for whoever changes one of them, and for the browser's tests.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::Shell;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::outcome::Outcome;
use crate::picture::{Drawn, gallery};
use crate::view::connection::Chip;
use crate::view::logs::tone;
use crate::view::moment::Moment;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/styleguide", get(show)))
}

#[derive(Template)]
#[template(path = "styleguide.html")]
struct Page {
    shell: Shell,
    outcomes: Vec<(Outcome, &'static str)>,
    chips: Vec<Chip>,
    moment: Moment,
    pictures: Vec<(&'static str, Drawn)>,
}

const CHIPS: [(&str, &str, &str); 6] = [
    ("good", "✓", "Connected"),
    ("warning", "!", "Needs attention"),
    ("bad", "✕", "Reconnect required"),
    ("none", "⏸", "Paused"),
    ("none", "○", "Not connected"),
    ("sending", "◔", "at work"),
];

async fn show(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let page = Page {
        outcomes: Outcome::ALL.map(|outcome| (outcome, tone(outcome))).to_vec(),
        chips: CHIPS.map(|(tone, icon, label)| Chip { tone, icon, label }).to_vec(),
        moment: shell.time(shell.now),
        pictures: gallery(),
        shell,
    };
    draw(&app, &actor, &page)
}
