//! The consent page: what the app wants, in plain words, and a person's Allow or Deny.

use std::collections::BTreeSet;

use super::OAuthApp;
use crate::answer::Answer;
use crate::html::escape;
use crate::pages;
use crate::request::{Request, encoded, pairs};
use crate::scope;
use crate::world::{World, locked};

/// What may stand in the address of the page.
const FIELDS: [&str; 5] = ["client_id", "redirect_uri", "scope", "optional_scope", "state"];

/// The wish that the address of the page spells out, checked against the app's file.
struct Wish {
    app: OAuthApp,
    fields: Vec<(String, String)>,
    scopes: BTreeSet<String>,
}

pub(crate) fn is_here(request: &Request) -> bool {
    request.segments().as_slice() == ["oauth", "authorize"]
}

pub(crate) fn answer(world: &World, request: &Request) -> Answer {
    let fields = match request.method.as_str() {
        "POST" => pairs(&String::from_utf8_lossy(&request.body)),
        _ => request.query.clone(),
    };
    let (asked, decided) = fields.into_iter().partition(|(name, _)| !matches!(name.as_str(), "portal" | "decision"));
    match (wish(world, asked), request.method.as_str()) {
        (Err(why), _) => pages::page(400, "This app cannot be connected", &blocked(&why)),
        (Ok(wish), "POST") => decide(world, &wish, &decided),
        (Ok(wish), _) => pages::page(200, &format!("Connect {} to HubSpot", wish.app.name), &question(world, &wish)),
    }
}

/// What is asked for; or why the page stops here, and sends nobody back to the app.
fn wish(world: &World, fields: Vec<(String, String)>) -> Result<Wish, String> {
    if let Some((name, _)) = fields.iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
        return Err(format!("the address has an unknown parameter, {name}"));
    }
    let field = |wanted: &str| {
        let mut values = fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        (values.next().unwrap_or_default(), values.next().is_some())
    };
    if let Some(name) = FIELDS.iter().find(|name| field(name).1) {
        return Err(format!("the address has the parameter {name} twice"));
    }
    let words = |name: &str| -> BTreeSet<String> { field(name).0.split_whitespace().map(str::to_owned).collect() };
    let app = world.app(field("client_id").0).ok_or("there is no app with this client id")?;
    if let Some(why) = app.refuses_redirect(field("redirect_uri").0) {
        return Err(why);
    }
    let (required, optional) = (words("scope"), words("optional_scope"));
    if required != app.required_scopes.iter().cloned().collect() {
        return Err("the scopes differ from those that the app has registered as required".to_owned());
    }
    if let Some(scope) = optional.iter().find(|scope| !app.optional_scopes.contains(scope)) {
        return Err(format!("the app has not registered the optional scope {scope}"));
    }
    Ok(Wish { app, scopes: required.union(&optional).cloned().collect(), fields })
}

fn blocked(why: &str) -> String {
    format!(
        "<p class=\"bad\">{}.</p><p>Whoever made the link must put it right; nothing was connected.</p>",
        escape(why)
    )
}

fn question(world: &World, wish: &Wish) -> String {
    let scopes = wish
        .scopes
        .iter()
        .map(|name| format!("<li>{} <small>{}</small></li>", escape(scope::in_words(name)), escape(name)));
    let hidden = wish
        .fields
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value)));
    let portals = world.portals();
    let choices = portals.iter().filter_map(|portal| {
        let portal = locked(portal);
        (!portal.deleted).then(|| format!("<option value=\"{0}\">{1} ({0})</option>", portal.id, escape(&portal.name)))
    });
    format!(
        "<section><h2>{} wants to</h2><ul>{}</ul></section>\
         <form method=\"post\" action=\"/oauth/authorize\">{}\
         <label>Account <select name=\"portal\">{}</select></label>\
         <button name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\">Deny</button></form>",
        escape(&wish.app.name),
        scopes.collect::<String>(),
        hidden.collect::<String>(),
        choices.collect::<String>(),
    )
}

/// Sends the person back to the app, with a code or with an error, and with the state as it came.
fn decide(world: &World, wish: &Wish, decided: &[(String, String)]) -> Answer {
    let decision = |name: &str| decided.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let field = |name: &str| wish.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let redirect_uri = field("redirect_uri").unwrap_or_default();
    let portal = decision("portal").and_then(|id| world.portal(id.parse().ok()?));
    let mut back = match (decision("decision"), portal) {
        (Some("deny"), _) => vec![("error", "access_denied".to_owned()), ("error_description", "denied".to_owned())],
        (Some("allow"), Some(portal)) if !locked(&portal).deleted => {
            let code =
                super::allow(world, &mut locked(&portal), &wish.app.client_id, redirect_uri, wish.scopes.clone());
            vec![("code", code)]
        }
        _ => return pages::page(400, "This app cannot be connected", &blocked("choose an account, and Allow or Deny")),
    };
    back.extend(field("state").map(|state| ("state", state.to_owned())));
    let query: Vec<_> = back.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let join = if redirect_uri.contains('?') { '&' } else { '?' };
    let mut answer = Answer::empty(302);
    answer.headers.push(("Location".to_owned(), format!("{redirect_uri}{join}{}", query.join("&"))));
    answer
}
