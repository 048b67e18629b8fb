//! The fleet: whether all goes well, how leads went, and which accounts and portals are in trouble.

use std::sync::Arc;

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::http::dashboard::accounts::serde_urlencoded;
use crate::http::dashboard::draw;
use crate::http::dashboard::shell::{House, Shell};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::operate::fleet::{self, AccountHealth, Fleet};
use crate::picture::Drawn;
use crate::view::connection::Chip;
use crate::view::operator::leads::{CHOICES, Pictures};
use crate::view::operator::{self, PortalRow};
use crate::view::overview::{Period, Tile, Window};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Operate, OpenApiRouter::new().route("/fleet", get(show)))
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct Page {
    shell: Shell,
    tone: &'static str,
    verdict: String,
    tiles: Vec<Tile>,
    /// Nothing is counted in this process.
    is_uncounted: bool,
    is_paused: bool,
    /// The time that the pictures show, of those to choose from.
    period: Period,
    periods: [Period; 2],
    pictures: Pictures,
    squares: Drawn,
    portals: Vec<PortalRow>,
    troubled: Vec<(AccountHealth, Chip)>,
}

/// Which time the pictures are to show.
#[derive(Default, Deserialize)]
struct Shown {
    period: Option<String>,
}

async fn show(House { app, actor, shell }: House, uri: Uri) -> Result<Response, ApiError> {
    let wanted = serde_urlencoded::<Shown>(&uri).period;
    let period = CHOICES.into_iter().find(|period| Some(period.word) == wanted.as_deref()).unwrap_or(CHOICES[0]);
    let window = Window::last(period, shell.now);
    let leads = fleet::leads_of_all(&app.store, (window.from, window.until)).await?;
    let fleet = fleet::of_service(&app, shell.now).await?;
    let (tone, verdict) = operator::verdict(&fleet);
    let Fleet { troubled, all, lately, .. } = &fleet;
    let page = Page {
        tone,
        verdict,
        tiles: operator::fleet_tiles(&fleet),
        is_uncounted: lately.is_none(),
        is_paused: fleet.is_paused,
        period,
        periods: CHOICES,
        pictures: Pictures::of(&leads, &window, &shell.zone, shell.now),
        portals: operator::portal_rows(&fleet.portals),
        squares: operator::squares(all),
        troubled: troubled.iter().map(|account| (account.clone(), operator::health_chip(account.health))).collect(),
        shell,
    };
    draw(&app, &actor, &page)
}
