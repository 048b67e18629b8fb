//! The calls about tokens: a code or a refresh token for new ones, what a token is worth, its end.

use serde_json::{Value, json};

use super::OAuthApp;
use super::form::{Form, No, bad_request, expect_fields, form, no};
use crate::answer::Answer;
use crate::condition;
use crate::portal::PortalState;
use crate::portal::install::{ACCESS_S, Worth};
use crate::request::Request;
use crate::time::SECOND_MS;
use crate::turn::Turn;
use crate::world::{World, locked};

/// Who is behind every install: the first owner of each portal.
const USER_ID: u64 = 77;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Token,
    Introspect,
    Revoke,
}

pub(super) fn answer(world: &World, turn: &mut Turn, request: &Request, call: Call) -> Answer {
    let result = form(world, turn, request).and_then(|form| {
        let knobs = locked(&world.knobs).clone();
        let client = form.get("client_id").map(String::as_str).unwrap_or_default();
        if call == Call::Token
            && let Err(refusal) = condition::admit_token_call(&mut locked(&world.token_calls), &knobs, client, turn.now)
        {
            return Ok(refusal.into_answer(&mut turn.random));
        }
        let app = app(world, &form)?;
        match call {
            Call::Token => token(world, turn, &form, &app).map(|body| Answer::json(200, body)),
            Call::Introspect => introspect(world, turn, &form, &app).map(|body| Answer::json(200, body)),
            Call::Revoke => revoke(world, &form, &app).map(|()| Answer::empty(200)),
        }
    });
    result.unwrap_or_else(|no| {
        let body = json!({
            "error": no.error, "error_description": no.message, "status": no.status, "message": no.message,
        });
        Answer::json(400, body)
    })
}

/// The app that calls, if it knows its secret.
fn app(world: &World, form: &Form) -> Result<OAuthApp, No> {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let app = world.app(field("client_id"));
    let app = app.ok_or_else(|| no("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id"))?;
    if app.client_secret != field("client_secret") {
        return Err(no("invalid_client", "BAD_CLIENT_SECRET", "missing or wrong client secret"));
    }
    Ok(app)
}

fn token(world: &World, turn: &Turn, form: &Form, app: &OAuthApp) -> Result<Value, No> {
    match form.get("grant_type").map(String::as_str) {
        Some("authorization_code") => {
            expect_fields(form, &["grant_type", "client_id", "client_secret", "redirect_uri", "code"])?;
            exchange_code(world, turn, app, &form["redirect_uri"], &form["code"])
        }
        Some("refresh_token") => {
            expect_fields(form, &["grant_type", "client_id", "client_secret", "refresh_token"])?;
            refresh(world, turn, app, &form["refresh_token"])
        }
        _ => Err(no("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant_type")),
    }
}

fn exchange_code(world: &World, turn: &Turn, app: &OAuthApp, redirect_uri: &str, code: &str) -> Result<Value, No> {
    let bad_code = || no("invalid_grant", "BAD_AUTH_CODE", "missing, unknown, used or expired auth code");
    let bad_redirect = |text: &str| no("invalid_request", "BAD_REDIRECT_URI", text);
    if let Some(text) = app.refuses_redirect(redirect_uri) {
        return Err(bad_redirect(&text));
    }
    let (_, portal) = world.portal_of(code).ok_or_else(bad_code)?;
    let mut portal = locked(&portal);
    let known = portal.installs.code(code).filter(|code| code.client_id == app.client_id);
    let known = known.filter(|code| turn.now < code.expires_at).ok_or_else(bad_code)?;
    if known.redirect_uri != redirect_uri {
        return Err(bad_redirect("the redirect address is another one than on the consent page"));
    }
    refuse_deleted(&portal)?;
    let code = portal.installs.take_code(code).ok_or_else(bad_code)?;
    let install = super::grant(world, &mut portal, &app.client_id, code.scopes);
    Ok(tokens(portal.id, &install.access_token, &install.refresh_token, &install.scopes))
}

fn refresh(world: &World, turn: &Turn, app: &OAuthApp, refresh_token: &str) -> Result<Value, No> {
    let bad_token = || no("invalid_grant", "BAD_REFRESH_TOKEN", "missing or unknown refresh token");
    let (_, portal) = world.portal_of(refresh_token).ok_or_else(bad_token)?;
    let mut portal = locked(&portal);
    refuse_deleted(&portal)?;
    portal
        .installs
        .of_refresh_token(refresh_token)
        .filter(|one| one.client_id == app.client_id)
        .ok_or_else(bad_token)?;
    let (id, rotates, seed) = (portal.id, portal.knobs.rotate_refresh, world.token_seed(portal.id));
    let install = portal.installs.refresh(seed, refresh_token, rotates, turn.now).ok_or_else(bad_token)?;
    world.remember(&install.access_token, id);
    world.remember(&install.refresh_token, id);
    let scopes: Vec<_> = install.scopes.iter().cloned().collect();
    Ok(tokens(id, &install.access_token, &install.refresh_token, &scopes))
}

fn refuse_deleted(portal: &PortalState) -> Result<(), No> {
    if portal.deleted { Err(no("access_denied", "BAD_HUB", "the account does not exist any more")) } else { Ok(()) }
}

fn tokens(portal: i64, access_token: &str, refresh_token: &str, scopes: &[String]) -> Value {
    json!({
        "token_type": "bearer", "access_token": access_token, "refresh_token": refresh_token,
        "expires_in": ACCESS_S, "hub_id": portal, "user_id": USER_ID, "scopes": scopes, "token_use": "access_token",
    })
}

/// The token in the form, and which of the two kinds it is said to be.
fn hinted<'a>(world: &World, form: &'a Form) -> Result<(&'a str, bool), No> {
    let hint = form.get("token_type_hint").map(String::as_str).unwrap_or_default();
    if !matches!(hint, "access_token" | "refresh_token") {
        return Err(bad_request("token_type_hint must be access_token or refresh_token"));
    }
    let field = if locked(&world.knobs).token_field_named_by_hint { hint } else { "token" };
    expect_fields(form, &["client_id", "client_secret", "token_type_hint", field])?;
    Ok((form[field].as_str(), hint == "refresh_token"))
}

fn introspect(world: &World, turn: &Turn, form: &Form, app: &OAuthApp) -> Result<Value, No> {
    let (token, is_refresh) = hinted(world, form)?;
    let dead = || json!({"active": false});
    let Some((_, portal)) = world.portal_of(token) else { return Ok(dead()) };
    let portal = locked(&portal);
    let live = match (is_refresh, portal.installs.worth(token, turn.now)) {
        (true, _) => portal.installs.of_refresh_token(token).map(|install| (install, None)),
        (false, Worth::Live(install, expires_at)) => Some((install, Some((expires_at - turn.now) / SECOND_MS))),
        (false, Worth::Expired | Worth::Nothing) => None,
    };
    let Some((install, expires_in)) = live.filter(|(one, _)| one.client_id == app.client_id && !portal.deleted) else {
        return Ok(dead());
    };
    let mut body = json!({
        "active": true, "hub_id": portal.id, "user_id": USER_ID, "user": portal.user(USER_ID),
        "hub_domain": format!("portal-{}.example.com", portal.id), "app_id": world.app_number(&app.client_id),
        "scopes": install.scopes, "token_use": if is_refresh { "refresh_token" } else { "access_token" },
    });
    if let Some(seconds) = expires_in {
        body["expires_in"] = json!(seconds);
    }
    Ok(body)
}

/// Ends a refresh token. Live access tokens go on, and the app stays installed.
fn revoke(world: &World, form: &Form, app: &OAuthApp) -> Result<(), No> {
    let (token, is_refresh) = hinted(world, form)?;
    if let Some((_, portal)) = world.portal_of(token).filter(|_| is_refresh)
        && let Some(install) = locked(&portal).installs.of(&app.client_id)
        && install.refresh_token == token
    {
        install.refresh_lives = false;
    }
    Ok(())
}
