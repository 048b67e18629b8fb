//! The calls about tokens: a code or a refresh token for new ones, what a token is worth, its end.

use std::collections::BTreeMap;

use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::OAuthApp;
use crate::answer::{Answer, Refusal};
use crate::condition;
use crate::finding::FindingKind;
use crate::portal::PortalState;
use crate::portal::install::{ACCESS_S, Worth};
use crate::request::{Request, pairs};
use crate::time::SECOND_MS;
use crate::turn::Turn;
use crate::world::{World, locked};

/// Form fields and answer fields that no log may keep.
const SECRET_FIELDS: [&str; 6] = ["client_secret", "code", "token", "access_token", "refresh_token", "code_verifier"];

const HIDDEN: &str = "(hidden)";

/// Who is behind every install: the first owner of each portal.
const USER_ID: u64 = 77;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Token,
    Introspect,
    Revoke,
}

/// A refusal in the words of OAuth, beside HubSpot's own.
struct No {
    error: &'static str,
    status: &'static str,
    message: String,
}

type Form = BTreeMap<String, String>;

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

/// The portal that a token call is about, if the code or the token in its form is known.
pub(crate) fn portal_named(world: &World, request: &Request) -> Option<i64> {
    let fields = pairs(std::str::from_utf8(&request.body).ok()?);
    let named = fields.iter().filter(|(name, _)| SECRET_FIELDS.contains(&name.as_str()));
    named.into_iter().find_map(|(_, value)| Some(world.portal_of(value)?.0))
}

/// The same body, form or JSON, with every secret in it replaced.
pub(crate) fn hide_secrets(body: &[u8]) -> Vec<u8> {
    if let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) {
        for (name, value) in &mut fields {
            if SECRET_FIELDS.contains(&name.as_str()) {
                *value = json!(HIDDEN);
            }
        }
        return Value::Object(fields).to_string().into_bytes();
    }
    let text = String::from_utf8_lossy(body);
    let parts = pairs(&text).into_iter().map(|(name, value)| match SECRET_FIELDS.contains(&name.as_str()) {
        true => format!("{name}={HIDDEN}"),
        false => format!("{name}={value}"),
    });
    parts.collect::<Vec<_>>().join("&").into_bytes()
}

fn no(error: &'static str, status: &'static str, message: impl Into<String>) -> No {
    No { error, status, message: message.into() }
}

fn bad_request(message: impl Into<String>) -> No {
    no("invalid_request", "BAD_REQUEST", message)
}

/// The form in the body: each field once, and nothing in the query.
fn form(world: &World, turn: &Turn, request: &Request) -> Result<Form, No> {
    if !request.query.is_empty() {
        return Err(bad_request("the fields of a token call stand in its body, never in the query"));
    }
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        let text = format!("a token call takes a form, and this one came as `{content_type}`");
        world.find(portal_named(world, request), FindingKind::TokenCallNotAForm, turn.number, text.clone());
        return Err(bad_request(text));
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| bad_request("the form is not text"))?;
    let mut form = Form::new();
    for (name, value) in pairs(text) {
        if form.insert(name.clone(), value).is_some() {
            return Err(bad_request(format!("the form has {name} twice")));
        }
    }
    Ok(form)
}

/// Refuses a form with other fields than these, or without one of them.
fn expect_fields(form: &Form, fields: &[&str]) -> Result<(), No> {
    if let Some(name) = fields.iter().find(|name| form.get(**name).is_none_or(String::is_empty)) {
        return Err(bad_request(format!("missing required field {name}")));
    }
    match form.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(bad_request(format!("unknown field {name}"))),
        None => Ok(()),
    }
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

/// An app takes itself out of a portal, with its own live token.
pub(crate) fn uninstall(portal: &mut PortalState, client_id: &str) -> Result<(), Refusal> {
    let install = portal.installs.of(client_id);
    let install = install.ok_or_else(|| Refusal::not_found(format!("the app {client_id} is not installed")))?;
    (install.is_there, install.refresh_lives) = (false, false);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::hide_secrets;

    #[test]
    fn secrets_are_hidden_in_forms_and_in_json() {
        for (body, hidden) in [
            (
                "grant_type=refresh_token&refresh_token=abc&client_id=x",
                "grant_type=refresh_token&refresh_token=(hidden)&client_id=x",
            ),
            ("code=1&client%5Fsecret=2", "code=(hidden)&client_secret=(hidden)"),
            (r#"{"access_token":"a","hub_id":1}"#, r#"{"access_token":"(hidden)","hub_id":1}"#),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(hide_secrets(body.as_bytes())).unwrap(), hidden);
        }
    }
}
