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
use super::fault::Fault;
use super::shell::{Place, Shell, Visit, is_embedded};
use crate::app::App;
use crate::cause::{Code, Problem};
use crate::connection::check::{self, Check};
use crate::connection::consent::{self, Wish};
use crate::connection::ending::{self, EndError};
use crate::connection::needs;
use crate::connection::policy::{self, API_VERSIONS, Change, PolicyError};
use crate::connection::scopes::{self, Feature, PERMISSIONS};
use crate::connection::standing::{Unsent, standing};
use crate::http::connections::refused;
use crate::http::error::ApiError;
use crate::http::etag;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::account::{Agreed, Agreement, Auth, Connection, ConnectionState, ContactWrite, Policy, Waiting};
use crate::model::time::Timestamp;
use crate::picture::Drawn;
use crate::view::connection::{Chip, LIMIT_LOOK_BACK, chip, limit_gauge, portal_address};
use crate::view::moment::{Moment, things};

/// How long one can think better of it.
const UNDO: Duration = Duration::from_secs(10);
/// How often the page looks what is left to send.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Who can connect an account again.
const WHO_AGREES_ANEW: &str =
    "A new permission is asked for, so a HubSpot super admin agrees, or somebody with App Marketplace Access.";
const WHO_AGREES_AGAIN: &str = "Nothing new is asked for, so anybody can do it who may install apps in HubSpot, such as a super admin, or somebody with App Marketplace Access.";

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
    support_email: Option<String>,
    /// HubSpot lets nobody agree in a frame, so its page opens in a window of its own: this address.
    window: Option<String>,
    /// Why leads are not written as somebody typed.
    wrong: Option<Fault>,
    /// What he typed otherwise than somebody else, who was quicker.
    differs: Vec<Differs>,
}

/// A part of how leads are written: as it is by now, and as it was typed.
#[derive(Debug, PartialEq, Eq)]
struct Differs {
    what: &'static str,
    now: String,
    typed: String,
}

/// A connection, in words.
struct Shown {
    portal: String,
    portal_id: i64,
    is_sandbox: bool,
    address: String,
    apps_address: String,
    /// Where its records are looked at.
    domain: String,
    since: Moment,
    /// Who connected it, and when.
    agreed: Option<(String, Moment)>,
    /// When a lead went through last.
    last_success: Option<Moment>,
    checked: Option<Moment>,
    token: &'static str,
    /// The version of HubSpot's API that is talked to.
    talks: String,
    is_paused: bool,
    /// It is disconnected then, unless somebody presses the button.
    ends: Option<Moment>,
    /// What is sent before; none where it does not wait for that.
    left: Option<String>,
    /// The page is loaded again then.
    look_at: Timestamp,
    /// Who can connect it again, where somebody has to.
    who_reconnects: Option<&'static str>,
    /// The permission for creating properties can be asked for.
    may_ask_to_create: bool,
    unsent: Vec<Unsent>,
    /// What it says, what to do, and the code.
    problem: Option<(String, &'static str, &'static str)>,
    permissions: Vec<Granted>,
    /// As the form shows it, with the version of HubSpot's API.
    policy: Policy,
    api_version: String,
    /// By which the policy that counts is told from others.
    policy_tag: String,
    limit: Drawn,
}

impl Shown {
    /// How leads are written, for those who cannot change it.
    fn words(&self) -> [(&'static str, String); 7] {
        words((&self.policy, &self.api_version))
    }
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
    let standing = standing(&app.store, connection).await?;
    let is_new_asked = !scopes::missing(connection, &needed).is_empty();
    let used = app.store.limit_use(connection, shell.now - LIMIT_LOOK_BACK, shell.now).await?;
    Ok(Shown {
        portal: portal.name.unwrap_or_else(|| "HubSpot".to_owned()),
        portal_id: connection.portal_id,
        is_sandbox: matches!(portal.account_type.as_str(), "SANDBOX" | "DEVELOPER_TEST"),
        address: portal_address(connection, &format!("home?portalId={}", connection.portal_id)),
        apps_address: portal_address(connection, &format!("integrations-settings/{}/installed", connection.portal_id)),
        domain: portal.ui_domain,
        since: shell.time(connection.created_at),
        agreed: connection.agreed.as_ref().map(|agreed| (agreed.words(), shell.time(agreed.at))),
        last_success: standing.last_delivered_at.map(|at| shell.time(at)),
        checked: (connection.checked_at.0 > 0).then(|| shell.time(connection.checked_at)),
        token: match connection.auth {
            Auth::OAuth => "renews by itself",
            Auth::Token => "of a private app; it stays until somebody changes it in HubSpot",
        },
        talks: connection.api_version.clone(),
        is_paused: connection.state == ConnectionState::Paused && connection.ends_at.is_none(),
        ends: ends(connection).map(|at| shell.time(at)),
        left: standing.left_to_send.map(|left| things(left, "lead is left to send", "leads are left to send")),
        look_at: connection.ends_at.unwrap_or(shell.now).max(shell.now + LOOK_EVERY),
        who_reconnects: needs_reconnect(connection).then_some(if is_new_asked {
            WHO_AGREES_ANEW
        } else {
            WHO_AGREES_AGAIN
        }),
        may_ask_to_create: can_connect(app) && connection.auth == Auth::OAuth && !check::lets_create(connection),
        unsent: standing.unsent,
        problem: connection
            .problem
            .as_ref()
            .map(|problem| (problem.detail.clone(), problem.code.fix(), problem.code.as_str())),
        permissions: permissions
            .map(|one| Granted { words: one.words, why: one.why, scope: one.scope, chip: granted(one.scope) })
            .collect(),
        policy: connection.policy.clone(),
        api_version: connection.api_version.clone(),
        policy_tag: etag::tag(&policy::told(connection)),
        limit: limit_gauge(&used, &shell.zone, shell.now),
    })
}

/// When a connection ends at the latest.
fn ends(connection: &Connection) -> Option<Timestamp> {
    match connection.sends_last_since() {
        Some(since) => Some(since + ending::SEND_MAX),
        None => connection.ends_at,
    }
}

fn needs_reconnect(connection: &Connection) -> bool {
    let is_out = |problem: &Problem| matches!(problem.code, Code::AuthRevoked | Code::AuthAppUninstalled);
    connection.state == ConnectionState::ReconnectRequired || connection.problem.as_ref().is_some_and(is_out)
}

async fn page(app: &App, place: Place, check: Option<Check>, window: Option<String>) -> Result<Page, ApiError> {
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
        support_email: app.support_email.clone(),
        window,
        wrong: None,
        differs: Vec::new(),
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
    /// The screen to come back to.
    back: Option<String>,
}

/// Where one can come back to after HubSpot; the first where nobody says.
const BACK: [&str; 3] = ["setup", "connectors", "fields"];

async fn connect(visit: Visit, Form(asked): Form<Connect>) -> Result<Response, ApiError> {
    let features: &[Feature] = if asked.create.is_some() { &[Feature::CreateContactProperties] } else { &[] };
    let back = BACK.into_iter().find(|screen| asked.back.as_deref() == Some(*screen));
    on_to_hubspot(visit, (features, back), asked.how.as_deref()).await
}

/// On to the page that says what HubSpot will be asked for: what the account uses, and these features. Or its address,
/// for the one who may agree, or for a window outside of the frame; a window has no session of the frame, and needs
/// none. `back` is the screen to come back to.
pub(super) async fn on_to_hubspot(
    Visit { app, actor, place }: Visit,
    (features, back): (&[Feature], Option<&str>),
    how: Option<&str>,
) -> Result<Response, ApiError> {
    if !can_connect(&app) {
        let text = "this service is not set up as a HubSpot app".to_owned();
        return Err(ApiError::Conflict(text, "Ask the operator, or take the token of a private app that may do it."));
    }
    let live = place.connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let (is_for_another, now) = (how == Some("link"), (app.clock)());
    let how = if is_for_another { Agreed::Link } else { Agreed::Person };
    let asked = Some(Agreement::new(actor.name.clone(), how, now));
    let wish = Wish { connection: live, features, transformation: None, asked, back };
    let invitation = consent::invite(&app.store, &place.account, wish, now).await?;
    let ticket = invitation.ticket.expose_secret();
    // Its page can be loaded again, and says when the admin is done.
    let address = match is_for_another {
        true => format!("{}?link={ticket}", place.shell.at("setup")),
        false => format!("/connect/{ticket}"),
    };
    if is_embedded(&actor) && !is_for_another {
        return draw(&app, &actor, &page(&app, place, None, Some(address)).await?);
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
    Ok((place.shell, place.connection.ok_or_else(not_connected)?))
}

fn not_connected() -> ApiError {
    ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.")
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
    /// At once: it was to end already, and somebody does not want to wait for that.
    now: Option<String>,
}

async fn disconnect(Visit { app, place, .. }: Visit, Form(end): Form<End>) -> Result<Response, ApiError> {
    let (shell, connection) = found(place)?;
    let waiting: Waiting = serde_json::from_value(json!(end.waiting)).map_err(|_| {
        ApiError::BadRequest(format!("`{}` is no way to end", end.waiting), "Choose send, hold or discard.")
    })?;
    let undo = if end.now.is_some() { Duration::ZERO } else { UNDO };
    ending::begin(&app.store, &app.hubspot, &connection, (waiting, undo), &*app.clock).await.map_err(refused)?;
    app.wake.deliver.notify_one();
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

impl PolicyForm {
    fn policy(&self) -> Policy {
        Policy {
            strict: self.strict.is_some(),
            hold_without_email: self.hold_without_email.is_some(),
            contact_key: self.contact_key.trim().to_owned(),
            deal_key: self.deal_key.trim().to_owned(),
            contact_write: self.contact_write,
            lifecycle_guard: self.lifecycle_guard.is_some(),
            ..Policy::default()
        }
    }

    /// Everything is named that the form shows.
    fn change(&self) -> Change {
        let policy = self.policy();
        Change {
            strict: Some(policy.strict),
            hold_without_email: Some(policy.hold_without_email),
            lifecycle_guard: Some(policy.lifecycle_guard),
            contact_write: Some(policy.contact_write),
            contact_key: Some(policy.contact_key),
            deal_key: Some(policy.deal_key),
            names: None,
            api_version: Some(self.api_version.clone()),
        }
    }
}

async fn set_policy(Visit { app, actor, place }: Visit, Form(form): Form<PolicyForm>) -> Result<Response, ApiError> {
    let connection = place.connection.clone().ok_or_else(not_connected)?;
    let changed = match form.tag == etag::tag(&policy::told(&connection)) {
        true => policy::change(&app.store, &connection, form.change(), place.shell.now).await,
        false => Err(PolicyError::Meanwhile),
    };
    match changed {
        Ok(changed) => {
            actor.changes(policy::told(&connection), policy::told(&changed.connection));
            app.wake.deliver.notify_one();
            Ok(to(&place.shell, "policy"))
        }
        Err(error) => unsaved(&app, &actor, place, &form, error).await,
    }
}

/// The page with the form as it was typed, and why that does not count. Where somebody else was quicker, what counts by
/// now stands beside it, and whoever saves once more has seen it.
async fn unsaved(
    app: &App,
    actor: &Actor,
    place: Place,
    form: &PolicyForm,
    error: PolicyError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error.into())?;
    let connection = app.store.connection_of(&place.account.id).await?;
    let mut drawn = page(app, Place { connection, ..place }, None, None).await?;
    drawn.wrong = Some(fault.clone());
    if let Some(shown) = &mut drawn.connection {
        let typed = form.policy();
        if fault.is_late() {
            drawn.differs = differs((&shown.policy, &shown.api_version), (&typed, &form.api_version));
        }
        (shown.policy, shown.api_version) = (typed, form.api_version.clone());
    }
    Ok(fault.on(draw(app, actor, &drawn)?))
}

/// In what two ways of writing leads differ.
fn differs(now: (&Policy, &str), typed: (&Policy, &str)) -> Vec<Differs> {
    let pairs = words(now).into_iter().zip(words(typed));
    let one = |((what, now), (_, typed))| Differs { what, now, typed };
    pairs.map(one).filter(|one| one.now != one.typed).collect()
}

/// How leads are written, for people.
fn words((policy, api_version): (&Policy, &str)) -> [(&'static str, String); 7] {
    let either = |is: bool, yes: &str, no: &str| if is { yes } else { no }.to_owned();
    let is_upsert = policy.contact_write == ContactWrite::Upsert;
    [
        ("A value HubSpot refuses", either(policy.strict, "holds the lead", "is left out")),
        (
            "A lead without an address",
            either(policy.hold_without_email, "waits until somebody looked at it", "is sent"),
        ),
        (
            "A lifecycle stage before the one that a contact has",
            either(policy.lifecycle_guard, "is never asked for", "is asked for"),
        ),
        ("Contacts are written", either(is_upsert, "new and known ones in one call", "known and new ones apart")),
        ("Recognises a contact without an address", policy.contact_key.clone()),
        ("Recognises a deal", policy.deal_key.clone()),
        ("HubSpot's API", api_version.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_people_typed_differs_where_it_differs() {
        let now = Policy { strict: true, ..Policy::default() };
        let typed = Policy { contact_key: "own_id".to_owned(), ..Policy::default() };
        let told = differs((&now, "2026-09"), (&typed, "2026-03"));
        let told: Vec<_> = told.iter().map(|one| (one.what, one.now.as_str(), one.typed.as_str())).collect();
        let expected = [
            ("A value HubSpot refuses", "holds the lead", "is left out"),
            ("Recognises a contact without an address", "leadline_lead_id", "own_id"),
            ("HubSpot's API", "2026-09", "2026-03"),
        ];
        assert_eq!(told, expected);
        assert!(differs((&now, "2026-09"), (&now, "2026-09")).is_empty());
    }
}
