//! Set up: the steps from connecting HubSpot to the first lead, each with its proof, and the link for an admin who connects.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::connection::consent::{self, LinkState};
use crate::connection::needs;
use crate::connection::scopes::{self, MissingScope};
use crate::connection::setup::{Setup, setup};
use crate::connection::standing::{Unsent, unsent};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Account, ConnectionState};
use crate::model::time::Timestamp;
use crate::view::moment::Moment;

/// How often the page looks whether the admin is done.
const LOOK_EVERY: Duration = Duration::from_secs(3);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/setup", get(show));
    needing(Right::Read, read)
}

#[derive(Template)]
#[template(path = "setup.html")]
struct Page {
    shell: Shell,
    setup: Setup,
    /// Somebody comes back from HubSpot just now.
    has_arrived: bool,
    link: Option<Link>,
    /// What HubSpot did not permit.
    missing: Vec<MissingScope>,
    unsent: Vec<Unsent>,
}

/// A link for the admin.
struct Link {
    address: String,
    until: Option<Moment>,
    is_used: bool,
    /// The page is loaded again then, as long as nobody has used it.
    look_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Asked {
    /// The ticket of a link that was made just now.
    link: Option<String>,
    done: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let asked: Asked = serde_urlencoded(&uri);
    let live = connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let missing = match live {
        Some(live) => scopes::missing(live, &needs(&app.store, live).await?),
        None => Vec::new(),
    };
    let page = Page {
        setup: setup(&app.store, &account, connection.as_ref()).await?,
        has_arrived: live.is_some() && asked.done.as_deref() == Some("connected"),
        link: match asked.link.filter(|_| shell.may_change()) {
            Some(ticket) => link(&app, &shell, &account, &ticket).await?,
            None => None,
        },
        unsent: if live.is_some() { unsent(&app.store, &account.id).await? } else { Vec::new() },
        missing,
        shell,
    };
    draw(&app, &actor, &page)
}

/// How far a link has come; none where it is no link of the account.
async fn link(app: &App, shell: &Shell, account: &Account, ticket: &str) -> Result<Option<Link>, ApiError> {
    let Some(public_url) = &app.public_url else { return Ok(None) };
    let Some(state) = consent::link_state(&app.store, account, ticket, shell.now).await? else { return Ok(None) };
    let (until, is_used) = match state {
        LinkState::Waiting { until } => (Some(until), false),
        LinkState::Used => (None, true),
        LinkState::Over => (None, false),
    };
    Ok(Some(Link {
        address: format!("{public_url}/connect/{ticket}"),
        look_at: until.map(|_| shell.now + LOOK_EVERY),
        until: until.map(|at| shell.time(at)),
        is_used,
    }))
}
