//! How an app gets into a portal: the consent of a person, and the calls that turn it into tokens.

pub(crate) mod consent;
mod form;
mod token;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Refusal};
use crate::portal::PortalState;
use crate::portal::install::{Code, Installed};
use crate::request::Request;
use crate::time::SECOND_MS;
use crate::turn::{Turn, Version};
use crate::world::World;

pub(crate) use form::{hide_secrets, portal_named};

/// An OAuth app as registered with HubSpot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthApp {
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub redirect_urls: Vec<String>,
    pub required_scopes: Vec<String>,
    pub optional_scopes: Vec<String>,
}

/// One app in one portal. An app that comes back after an uninstall is another install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    pub portal: i64,
    pub client_id: String,
    pub scopes: Vec<String>,
    /// The latest one; it expires at `expires_at`.
    pub access_token: String,
    pub refresh_token: String,
    /// A refresh would succeed: the app is in the portal, and its refresh token was not revoked.
    pub active: bool,
    /// The app is in the portal. A revocation alone leaves it there.
    pub installed: bool,
    pub installed_at: i64,
    pub expires_at: i64,
}

impl Install {
    pub(crate) fn of(portal: &PortalState, install: &Installed) -> Self {
        let installed = install.is_there && !portal.deleted;
        Self {
            portal: portal.id,
            client_id: install.client_id.clone(),
            scopes: install.scopes.iter().cloned().collect(),
            access_token: install.access_token.clone(),
            refresh_token: install.refresh_token.clone(),
            active: installed && install.refresh_lives,
            installed,
            installed_at: install.installed_at,
            expires_at: install.expires_at,
        }
    }
}

impl OAuthApp {
    /// Why the app cannot send people back there; HubSpot takes https, and http for `localhost` only.
    pub(crate) fn refuses_redirect(&self, redirect_uri: &str) -> Option<String> {
        let after_http = redirect_uri.strip_prefix("http://");
        let is_localhost =
            after_http.is_some_and(|rest| matches!(rest.split([':', '/', '?']).next(), Some("localhost")));
        if !redirect_uri.starts_with("https://") && !is_localhost {
            return Some(format!("{redirect_uri} is neither https nor http://localhost"));
        }
        let is_registered = self.redirect_urls.iter().any(|url| url == redirect_uri);
        (!is_registered).then(|| format!("the app has not registered the redirect address {redirect_uri}"))
    }

    /// A scope that the app's file does not have.
    pub(crate) fn stranger<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let is_known =
            |scope: &str| self.required_scopes.iter().chain(&self.optional_scopes).any(|known| known == scope);
        scopes.into_iter().find(|scope| !is_known(scope))
    }
}

/// A person's Allow: the code that goes back to the app.
pub(crate) fn allow(
    world: &World,
    portal: &mut PortalState,
    client_id: &str,
    redirect_uri: &str,
    scopes: BTreeSet<String>,
) -> String {
    let expires_at = world.clock.now() + i64::from(portal.knobs.code_lifetime_s) * SECOND_MS;
    let code = Code { client_id: client_id.to_owned(), redirect_uri: redirect_uri.to_owned(), scopes, expires_at };
    let text = portal.installs.add_code(world.token_seed(portal.id), code);
    world.remember(&text, portal.id);
    text
}

/// Gives an app its tokens in a portal.
pub(crate) fn grant(world: &World, portal: &mut PortalState, client_id: &str, scopes: BTreeSet<String>) -> Install {
    let seed = world.token_seed(portal.id);
    let install = portal.installs.grant(seed, client_id, scopes, world.clock.now()).clone();
    world.remember(&install.access_token, portal.id);
    world.remember(&install.refresh_token, portal.id);
    Install::of(portal, &install)
}

/// An app takes itself out of a portal, with its own live token.
pub(crate) fn uninstall(portal: &mut PortalState, client_id: &str) -> Result<(), Refusal> {
    let install = portal.installs.of(client_id);
    let install = install.ok_or_else(|| Refusal::not_found(format!("the app {client_id} is not installed")))?;
    (install.is_there, install.refresh_lives) = (false, false);
    Ok(())
}

/// Is this one of the calls that this file answers?
pub(crate) fn has(request: &Request) -> bool {
    request.path.first().is_some_and(|area| area == "oauth")
}

pub(crate) fn answer(world: &World, turn: &mut Turn, request: &Request) -> Answer {
    let segments = request.segments();
    let call = match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["oauth", version, "token", rest @ ..]) if Version::parse(version).is_some() => match rest {
            [] => Some(token::Call::Token),
            ["introspect"] => Some(token::Call::Introspect),
            ["revoke"] => Some(token::Call::Revoke),
            _ => None,
        },
        _ => None,
    };
    match call {
        Some(call) => token::answer(world, turn, request, call),
        None => Refusal::unknown_path().into_answer(&mut turn.random),
    }
}

#[cfg(test)]
mod tests {
    use super::OAuthApp;

    #[test]
    fn redirects_are_https_or_localhost_and_registered() {
        let urls =
            ["https://a.example.com/cb", "http://localhost:8080/cb", "http://127.0.0.1/cb", "http://localhost.b/"];
        let app = OAuthApp {
            name: "A".to_owned(),
            client_id: "a".to_owned(),
            client_secret: "s".to_owned(),
            redirect_urls: urls.map(str::to_owned).to_vec(),
            required_scopes: vec!["oauth".to_owned()],
            optional_scopes: vec!["x".to_owned(), "y".to_owned()],
        };
        assert_eq!(urls.map(|url| app.refuses_redirect(url).is_none()), [true, true, false, false]);
        assert!(app.refuses_redirect("https://a.example.com/cb/").is_some());
        assert_eq!(app.stranger(["y", "oauth", "x"]), None);
        assert_eq!(app.stranger(["oauth", "z"]), Some("z"));
    }
}
