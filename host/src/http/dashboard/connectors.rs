//! Connectors: HubSpot's card, the way to connect it, and everything that is done with a connection.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::{Place, Shell, Visit, is_embedded};
use crate::app::App;
use crate::connection::check::{self, Check};
use crate::connection::consent::{self, Wish};
use crate::connection::ending::{self, EndError};
use crate::connection::needs;
use crate::connection::policy::{self, API_VERSIONS, Change};
use crate::connection::scopes::{Feature, PERMISSIONS};
use crate::http::connections::refused;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Auth, Connection, ConnectionState, ContactWrite, Policy};
use crate::picture::Drawn;
use crate::store::Waiting;
use crate::view::connection::{Chip, LIMIT_LOOK_BACK, chip, limit_gauge, portal_address};
use crate::view::moment::Moment;

/// How long one can think better of it.
const UNDO: Duration = Duration::from_secs(10);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/connectors", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/connectors/connect", post(connect))
        .route("/accounts/{account}/connectors/diagnose", post(diagnose))
        .route("/accounts/{account}/connectors/pause", post(pause))
        .route("/accounts/{account}/connectors/resume", post(resume))
        .route("/accounts/{account}/connectors/disconnect", post(disconnect))
        .route("/accounts/{account}/connectors/policy", post(set_policy))
        .route("/accounts/{account}/connectors/stay", post(stay));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "connectors.html")]
struct Page {
    shell: Shell,
    chip: Chip,
    /// None where the account was never connected.
    connection: Option<Shown>,
    /// Whether people can be sent to HubSpot to agree.
    can_connect: bool,
    is_live: bool,
    check: Option<Check>,
    way: Option<Way>,
}

/// A way to HubSpot's consent that somebody asked for.
enum Way {
    /// A link for somebody else.
    Link(String),
    /// HubSpot lets nobody agree in a frame, so its page opens in a window of its own: this address.
    Window(String),
}

/// A connection, in words.
struct Shown {
    portal: String,
    portal_id: i64,
    is_sandbox: bool,
    address: String,
    apps_address: String,
    since: Moment,
    checked: Option<Moment>,
    token: &'static str,
    api_version: String,
    is_paused: bool,
    /// It is disconnected then, unless somebody presses the button.
    ends: Option<Moment>,
    /// What it says, what to do, and the code.
    problem: Option<(String, &'static str, &'static str)>,
    permissions: Vec<Granted>,
    policy: Policy,
    /// By which the policy that is shown is told from others.
    policy_tag: String,
    limit: Drawn,
}

/// A permission that is needed, and whether HubSpot gave it.
struct Granted {
    words: &'static str,
    why: &'static str,
    scope: &'static str,
    chip: Chip,
}

async fn shown(app: &App, shell: &Shell, connection: &Connection) -> Result<Shown, ApiError> {
    let needed = needs(&app.store, connection).await?;
    let permissions = PERMISSIONS.iter().filter(|permission| needed.contains(&permission.feature));
    let granted = |scope: &str| match &connection.scopes {
        _ if scope == "oauth" => Chip { tone: "good", icon: "✓", label: "granted" },
        None => Chip { tone: "none", icon: "?", label: "not known" },
        Some(_) if connection.has_scope(scope) => Chip { tone: "good", icon: "✓", label: "granted" },
        Some(_) => Chip { tone: "warning", icon: "!", label: "missing" },
    };
    let portal = connection.portal.clone().unwrap_or_default();
    let used = app.store.limit_use(connection, shell.now - LIMIT_LOOK_BACK, shell.now).await?;
    Ok(Shown {
        portal: portal.name.unwrap_or_else(|| "HubSpot".to_owned()),
        portal_id: connection.portal_id,
        is_sandbox: matches!(portal.account_type.as_str(), "SANDBOX" | "DEVELOPER_TEST"),
        address: portal_address(connection, &format!("home?portalId={}", connection.portal_id)),
        apps_address: portal_address(connection, &format!("integrations-settings/{}/installed", connection.portal_id)),
        since: shell.time(connection.created_at),
        checked: (connection.checked_at.0 > 0).then(|| shell.time(connection.checked_at)),
        token: match connection.auth {
            Auth::OAuth => "renews by itself",
            Auth::Token => "of a private app; it stays until somebody changes it in HubSpot",
        },
        api_version: connection.api_version.clone(),
        is_paused: connection.state == ConnectionState::Paused && connection.ends_at.is_none(),
        ends: connection.ends_at.map(|at| shell.time(at)),
        problem: connection
            .problem
            .as_ref()
            .map(|problem| (problem.detail.clone(), problem.code.fix(), problem.code.as_str())),
        permissions: permissions
            .map(|one| Granted { words: one.words, why: one.why, scope: one.scope, chip: granted(one.scope) })
            .collect(),
        policy: connection.policy.clone(),
        policy_tag: policy::tag(connection),
        limit: limit_gauge(&used, &shell.zone, shell.now),
    })
}

async fn page(app: &App, place: Place, check: Option<Check>, way: Option<Way>) -> Result<Page, ApiError> {
    let Place { shell, connection, .. } = place;
    let live = connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    Ok(Page {
        chip: chip(connection.as_ref(), shell.open_issues > 0),
        is_live: live.is_some(),
        connection: match &connection {
            Some(connection) => Some(shown(app, &shell, connection).await?),
            None => None,
        },
        can_connect: can_connect(app),
        check,
        way,
        shell,
    })
}

/// Whether people can be sent to HubSpot to agree.
pub(super) fn can_connect(app: &App) -> bool {
    app.hubspot.app().is_some() && app.public_url.is_some()
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    draw(&app, &actor, &page(&app, place, None, None).await?)
}

/// How somebody wants to connect.
#[derive(Deserialize)]
struct Connect {
    /// `link`: the address is shown, for somebody else.
    how: Option<String>,
    /// Permission for creating properties is asked for too.
    create: Option<String>,
}

/// On to the page that says what HubSpot will be asked for; or its address, for the one who may agree, or for a window
/// outside of the frame. A window has no session of the frame, and needs none.
async fn connect(Visit { app, actor, place }: Visit, Form(asked): Form<Connect>) -> Result<Response, ApiError> {
    let (Some(public_url), Some(_)) = (&app.public_url, app.hubspot.app()) else {
        let text = "this service is not set up as a HubSpot app".to_owned();
        return Err(ApiError::Conflict(text, "Ask the operator, or connect with the token of a private app."));
    };
    let live = place.connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let features: &[Feature] = if asked.create.is_some() { &[Feature::CreateContactProperties] } else { &[] };
    let wish = Wish { connection: live, features, transformation: None };
    let invitation = consent::invite(&app.store, &place.account, wish, (app.clock)()).await?;
    if asked.how.as_deref() == Some("link") {
        let way = Way::Link(invitation.link(public_url));
        return draw(&app, &actor, &page(&app, place, None, Some(way)).await?);
    }
    let address = format!("/connect/{}", invitation.ticket.expose_secret());
    if is_embedded(&actor) {
        return draw(&app, &actor, &page(&app, place, None, Some(Way::Window(address))).await?);
    }
    Ok(Redirect::to(&address).into_response())
}

/// Every check in order, with a live call to HubSpot.
async fn diagnose(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let Some(connection) = &place.connection else { return Ok(to(&place.shell, "nothing")) };
    let checked = check::check(&app.store, &app.hubspot, connection, &*app.clock).await?;
    let place = Place { connection: Some(checked.connection.clone()), ..place };
    draw(&app, &actor, &page(&app, place, Some(checked), None).await?)
}

fn to(shell: &Shell, done: &str) -> Response {
    Redirect::to(&format!("{}?done={done}", shell.at("connectors"))).into_response()
}

/// The connection that a form is about.
fn found(place: Place) -> Result<(Shell, Connection), ApiError> {
    let missing = || ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.");
    Ok((place.shell, place.connection.ok_or_else(missing)?))
}

async fn pause(Visit { app, place, .. }: Visit) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    ending::pause(&app.store, &connection).await.map_err(refused)?;
    Ok(to(&shell, "paused"))
}

async fn resume(Visit { app, place, .. }: Visit) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    ending::resume(&app.store, &connection, (app.clock)()).await.map_err(refused)?;
    app.wake.deliver.notify_one();
    Ok(to(&shell, "resumed"))
}

/// What becomes of the leads that wait.
#[derive(Deserialize)]
struct End {
    waiting: String,
}

async fn disconnect(Visit { app, place, .. }: Visit, Form(end): Form<End>) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    let waiting: Waiting = serde_json::from_value(json!(end.waiting)).map_err(|_| {
        ApiError::BadRequest(format!("`{}` is no way to end", end.waiting), "Choose send, hold or discard.")
    })?;
    ending::disconnect_later(&app.store, &connection, waiting, ((app.clock)(), UNDO)).await.map_err(refused)?;
    Ok(Redirect::to(&shell.at("connectors")).into_response())
}

async fn stay(Visit { app, place, .. }: Visit) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    match ending::stay(&app.store, &connection, (app.clock)()).await {
        Ok(()) => {
            app.wake.deliver.notify_one();
            Ok(to(&shell, "stays"))
        }
        Err(EndError::Ended(_)) => Ok(to(&shell, "too-late")),
        Err(error) => Err(refused(error)),
    }
}

/// How leads are to be written. A box that is not ticked is not sent.
#[derive(Deserialize)]
struct PolicyForm {
    tag: String,
    strict: Option<String>,
    hold_without_email: Option<String>,
    lifecycle_guard: Option<String>,
    contact_write: ContactWrite,
    contact_key: String,
    deal_key: String,
    api_version: String,
}

async fn set_policy(Visit { app, actor, place }: Visit, Form(form): Form<PolicyForm>) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    let change = Change {
        strict: Some(form.strict.is_some()),
        hold_without_email: Some(form.hold_without_email.is_some()),
        lifecycle_guard: Some(form.lifecycle_guard.is_some()),
        contact_write: Some(form.contact_write),
        contact_key: Some(form.contact_key.trim().to_owned()),
        deal_key: Some(form.deal_key.trim().to_owned()),
        api_version: Some(form.api_version),
    };
    let changed = policy::change(&app.store, &connection, change, Some(&form.tag), shell.now).await?;
    actor.changes(policy::told(&connection), policy::told(&changed.connection));
    app.wake.deliver.notify_one();
    Ok(to(&shell, "policy"))
}
