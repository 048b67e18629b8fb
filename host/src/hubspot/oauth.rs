//! HubSpot's OAuth 2.0: the address of the consent page, the calls about tokens, and what their answers mean. Neither
//! a form nor an answer is kept anywhere: both hold secrets. Of a refusal we keep its code words only.

use std::sync::Mutex;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer::Reply;
use super::client::HubSpot;
use crate::cause::{Code, Problem};

/// A longer word is none that HubSpot's table of codes has.
const CODE_CHARS_MAX: usize = 60;

/// What we are at HubSpot: the app that dealerships let in. Does not print its secret.
#[derive(Debug)]
pub struct OAuthApp {
    client_id: String,
    client_secret: SecretString,
    redirect_url: String,
    consent_base: String,
    api_version: String,
    /// Why HubSpot refuses the app itself, as it was told to the operator last.
    alarm: Mutex<Option<String>>,
}

/// What a code or a refresh token was exchanged for.
#[derive(Debug)]
pub struct Tokens {
    pub access: SecretString,
    /// None: the one before goes on.
    pub refresh: Option<SecretString>,
    pub expires_in: Duration,
    pub portal_id: Option<i64>,
    /// What the portal granted; none where the answer does not say.
    pub scopes: Option<Vec<String>>,
}

/// Why there are no tokens. The kinds are tried in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// It passes by itself. `asked` is HubSpot's Retry-After.
    Away { problem: Problem, asked: Duration },
    /// The portal no longer lets us in, or the code does not count.
    Revoked(Problem),
    /// HubSpot refuses the app itself: the operator's matter, and nobody is disconnected for it.
    Misconfigured(Problem),
}

impl TokenFailure {
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Away { problem, .. } | Self::Revoked(problem) | Self::Misconfigured(problem) => problem,
        }
    }

    /// The kind, as metrics name it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Away { .. } => "away",
            Self::Revoked(_) => "revoked",
            Self::Misconfigured(_) => "misconfigured",
        }
    }
}

/// What HubSpot knows of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Introspection {
    Active { scopes: Option<Vec<String>> },
    Dead,
    Unknown(TokenFailure),
}

impl OAuthApp {
    /// What HubSpot knows the app by.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where HubSpot sends people back to.
    pub fn redirect_url(&self) -> &str {
        &self.redirect_url
    }

    pub fn new(
        client_id: String,
        client_secret: SecretString,
        redirect_url: String,
        consent_base: &str,
        api_version: String,
    ) -> Self {
        let consent_base = consent_base.trim_end_matches('/').to_owned();
        Self { client_id, client_secret, redirect_url, consent_base, api_version, alarm: Mutex::default() }
    }

    /// Where the consent page lives, without a path.
    pub fn consent_base(&self) -> &str {
        &self.consent_base
    }

    /// Where a person agrees. `required` has to be what the app's file at HubSpot calls required.
    pub fn consent_address(&self, required: &[&str], optional: &[&str], state: &str) -> String {
        let mut address = format!(
            "{}/oauth/authorize?client_id={}&redirect_uri={}&scope={}",
            self.consent_base,
            encoded(&self.client_id),
            encoded(&self.redirect_url),
            encoded(&required.join(" ")),
        );
        if !optional.is_empty() {
            address += &format!("&optional_scope={}", encoded(&optional.join(" ")));
        }
        address + "&state=" + &encoded(state)
    }

    /// Takes note of whether HubSpot accepts the app itself. True when that is news.
    pub fn note_alarm(&self, problem: Option<&Problem>) -> bool {
        let mut alarm = self.alarm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let new = problem.map(|problem| problem.detail.clone());
        let is_news = *alarm != new;
        *alarm = new;
        is_news
    }
}

impl HubSpot {
    /// Turns the code that a consent came to into tokens. A code is good for one try.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn exchange_code(&self, app: &OAuthApp, code: &SecretString) -> Result<Tokens, TokenFailure> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", app.redirect_url.as_str()),
            ("code", code.expose_secret()),
        ];
        counted("exchange", tokens(&self.token_call(app, "", &fields).await), TokenFailure::label)
    }

    /// Fetches a new access token.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn refresh(&self, app: &OAuthApp, refresh_token: &SecretString) -> Result<Tokens, TokenFailure> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        counted("refresh", tokens(&self.token_call(app, "", &fields).await), TokenFailure::label)
    }

    /// Asks whether a refresh token still counts.
    pub async fn introspect(&self, app: &OAuthApp, refresh_token: &SecretString) -> Introspection {
        introspection(&self.about_token(app, "/introspect", refresh_token).await)
    }

    /// Ends a refresh token. Access tokens that are out live on until they expire.
    ///
    /// # Errors
    /// Why it could not be ended.
    pub async fn revoke(&self, app: &OAuthApp, refresh_token: &SecretString) -> Result<(), TokenFailure> {
        let reply = self.about_token(app, "/revoke", refresh_token).await;
        counted("revoke", judged(&reply).map(drop), TokenFailure::label)
    }

    /// The name of the field that holds the token is not certain: where HubSpot does not take the usual one, it is
    /// named after its kind.
    async fn about_token(&self, app: &OAuthApp, path: &str, refresh_token: &SecretString) -> Reply {
        let ask = async |field: &str| {
            let fields = [("token_type_hint", "refresh_token"), (field, refresh_token.expose_secret())];
            self.token_call(app, path, &fields).await
        };
        let reply = ask("token").await;
        match judged(&reply) {
            Err(TokenFailure::Misconfigured(_)) if reply.status() == Some(400) => ask("refresh_token").await,
            _ => reply,
        }
    }

    async fn token_call(&self, app: &OAuthApp, path: &str, fields: &[(&str, &str)]) -> Reply {
        let credentials = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose_secret())];
        self.send_form(&format!("/oauth/{}/token{path}", app.api_version), &[&credentials[..], fields].concat()).await
    }
}

fn counted<T, E>(call: &'static str, result: Result<T, E>, label: fn(&E) -> &'static str) -> Result<T, E> {
    let word = result.as_ref().map_or_else(label, |_| "ok");
    metrics::counter!("leadline_token_calls_total", "call" => call, "result" => word).increment(1);
    result
}

fn tokens(reply: &Reply) -> Result<Tokens, TokenFailure> {
    let body = judged(reply)?;
    let secret = |name: &str| body[name].as_str().filter(|text| !text.is_empty()).map(SecretString::from);
    let (Some(access), Some(seconds)) = (secret("access_token"), body["expires_in"].as_u64()) else {
        return Err(away("HubSpot's answer holds no token".to_owned(), Duration::ZERO));
    };
    Ok(Tokens {
        access,
        refresh: secret("refresh_token"),
        expires_in: Duration::from_secs(seconds),
        portal_id: body["hub_id"].as_i64(),
        scopes: scopes(body),
    })
}

fn introspection(reply: &Reply) -> Introspection {
    match judged(reply) {
        Ok(body) => match body["active"].as_bool() {
            Some(true) => Introspection::Active { scopes: scopes(body) },
            Some(false) => Introspection::Dead,
            None => Introspection::Unknown(away("HubSpot's answer does not say".to_owned(), Duration::ZERO)),
        },
        Err(failure) => Introspection::Unknown(failure),
    }
}

fn scopes(body: &Value) -> Option<Vec<String>> {
    let list = body["scopes"].as_array()?;
    Some(list.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
}

/// The body of a success, or which kind of failure it is.
fn judged(reply: &Reply) -> Result<&Value, TokenFailure> {
    let (status, body, retry_after) = match reply {
        Reply::Unreachable { detail, .. } => {
            let problem = Problem::new(Code::HubspotUnreachable, format!("HubSpot could not be reached: {detail}"));
            return Err(TokenFailure::Away { problem, asked: Duration::ZERO });
        }
        Reply::Answered { status, body, retry_after, .. } => (*status, body, retry_after.unwrap_or_default()),
    };
    if (200..300).contains(&status) {
        return Ok(body);
    }
    if matches!(status, 408 | 423 | 425 | 429 | 477 | 500..) || !body.is_object() {
        return Err(away(format!("HubSpot answered {status} to a call about a token"), retry_after));
    }
    let (error, code) = (word(&body["error"]), word(&body["status"]));
    let of_reply = |problem: Problem| problem.correlated(reply.correlation_id().map(str::to_owned));
    match (error, code) {
        (_, "BAD_HUB") => {
            let text = "HubSpot says that the account is gone, or that the app was removed from it";
            Err(TokenFailure::Revoked(of_reply(Problem::new(Code::AuthAppUninstalled, text))))
        }
        ("invalid_grant", _) | (_, "BAD_REFRESH_TOKEN" | "BAD_AUTH_CODE") => {
            let text = format!("HubSpot no longer accepts what it gave us ({})", shown(error, code));
            Err(TokenFailure::Revoked(of_reply(Problem::new(Code::AuthRevoked, text))))
        }
        _ => {
            let text = format!("HubSpot answered {status} to the app itself ({})", shown(error, code));
            Err(TokenFailure::Misconfigured(of_reply(Problem::new(Code::AppConfig, text))))
        }
    }
}

fn away(detail: String, asked: Duration) -> TokenFailure {
    TokenFailure::Away { problem: Problem::new(Code::HubspotServerError, detail), asked }
}

/// A code word of an answer. Anything else could be a secret that the answer repeats.
fn word(value: &Value) -> &str {
    let is_code = |text: &&str| {
        text.len() <= CODE_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    };
    value.as_str().filter(is_code).unwrap_or("")
}

fn shown(error: &str, code: &str) -> String {
    let words: Vec<_> = [error, code].into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "no reason".to_owned() } else { words.join(", ") }
}

/// A value of a query, with `%20` for a space: HubSpot's page does not take `+`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(status: u16, body: Value) -> Reply {
        let text = body.to_string();
        Reply::Answered { status, body, text, correlation_id: None, retry_after: None, rate: None }
    }

    #[test]
    fn the_consent_address_has_scopes_apart_and_no_plus() {
        let redirect = "https://leads.example.com/oauth/callback".to_owned();
        let secret = SecretString::from("s3cret");
        let app = OAuthApp::new("id-1".into(), secret, redirect, "https://app.hubspot.com/", "2026-09".into());
        assert_eq!(
            app.consent_address(&["oauth", "crm.objects.contacts.read"], &["crm.objects.deals.read"], "a b&c"),
            "https://app.hubspot.com/oauth/authorize?client_id=id-1\
             &redirect_uri=https%3A%2F%2Fleads.example.com%2Foauth%2Fcallback\
             &scope=oauth%20crm.objects.contacts.read&optional_scope=crm.objects.deals.read&state=a%20b%26c"
        );
        assert!(!app.consent_address(&["oauth"], &[], "s").contains("optional_scope"));
        assert!(!format!("{app:?}").contains("s3cret"));
    }

    #[test]
    fn a_failed_token_call_is_away_revoked_or_our_own_mistake_in_this_order() {
        let refusal =
            |error: &str, status: &str| json!({ "error": error, "status": status, "message": "sim-refresh-secret" });
        let rows = [
            (429, refusal("invalid_grant", "BAD_REFRESH_TOKEN"), "away", Code::HubspotServerError),
            (423, json!({}), "away", Code::HubspotServerError),
            (477, json!({}), "away", Code::HubspotServerError),
            (500, refusal("invalid_client", "BAD_CLIENT_ID"), "away", Code::HubspotServerError),
            (503, Value::Null, "away", Code::HubspotServerError),
            (400, Value::Null, "away", Code::HubspotServerError),
            (404, Value::Null, "away", Code::HubspotServerError),
            (400, refusal("invalid_grant", "BAD_REFRESH_TOKEN"), "revoked", Code::AuthRevoked),
            (401, refusal("invalid_grant", ""), "revoked", Code::AuthRevoked),
            (400, refusal("", "BAD_REFRESH_TOKEN"), "revoked", Code::AuthRevoked),
            (400, refusal("", "BAD_AUTH_CODE"), "revoked", Code::AuthRevoked),
            (400, refusal("access_denied", "BAD_HUB"), "revoked", Code::AuthAppUninstalled),
            (400, refusal("invalid_client", "BAD_CLIENT_ID"), "misconfigured", Code::AppConfig),
            (400, refusal("invalid_client", "BAD_CLIENT_SECRET"), "misconfigured", Code::AppConfig),
            (400, refusal("unauthorized_client", ""), "misconfigured", Code::AppConfig),
            (400, refusal("invalid_request", "BAD_REDIRECT_URI"), "misconfigured", Code::AppConfig),
            (400, refusal("invalid_request", "BAD_SCOPES"), "misconfigured", Code::AppConfig),
            (403, json!({ "category": "BANNED" }), "misconfigured", Code::AppConfig),
            (404, json!({}), "misconfigured", Code::AppConfig),
        ];
        for (status, body, label, code) in rows {
            let failure = tokens(&answered(status, body.clone())).unwrap_err();
            assert_eq!((failure.label(), failure.problem().code), (label, code), "{status} {body}");
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
        let gone = Reply::Unreachable { may_have_arrived: true, detail: "no answer in time".into() };
        assert_eq!(tokens(&gone).unwrap_err().label(), "away");
    }

    #[test]
    fn tokens_are_read_and_do_not_print() {
        let body = json!({ "access_token": "sim-access", "refresh_token": "sim-refresh", "expires_in": 1800, "hub_id": 4711, "scopes": ["oauth"] });
        let read = tokens(&answered(200, body.clone())).unwrap();
        assert_eq!(
            (read.access.expose_secret(), read.portal_id, read.expires_in.as_secs()),
            ("sim-access", Some(4711), 1800)
        );
        assert!(!format!("{read:?}").contains("sim-"), "{read:?}");
        for missing in ["access_token", "expires_in"] {
            let mut broken = body.clone();
            broken[missing] = Value::Null;
            assert_eq!(tokens(&answered(200, broken)).unwrap_err().label(), "away", "{missing}");
        }
    }

    #[test]
    fn only_an_explicit_no_makes_a_token_dead() {
        assert_eq!(introspection(&answered(200, json!({ "active": false }))), Introspection::Dead);
        let active = introspection(&answered(200, json!({ "active": true, "scopes": ["oauth"] })));
        assert_eq!(active, Introspection::Active { scopes: Some(vec!["oauth".to_owned()]) });
        for odd in [json!({}), json!({ "active": "false" })] {
            assert!(matches!(introspection(&answered(200, odd)), Introspection::Unknown(_)));
        }
        assert!(matches!(
            introspection(&answered(400, json!({ "error": "invalid_grant" }))),
            Introspection::Unknown(_)
        ));
    }

    #[test]
    fn the_operator_is_told_once_for_each_change() {
        let app = OAuthApp::new("id".into(), SecretString::from("s"), String::new(), "", String::new());
        let problem = Problem::new(Code::AppConfig, "no");
        let told = [None, Some(&problem), Some(&problem), None, None].map(|problem| app.note_alarm(problem));
        assert_eq!(told, [false, true, false, true, false]);
    }
}
