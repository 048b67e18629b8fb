//! A service that runs elsewhere, asked over HTTP: for what only it knows, such as its log.

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use super::failure::{Failure, Result};

/// Where it is.
#[derive(clap::Args, Debug)]
pub(super) struct Server {
    /// Address of the service. Its token stands in the file of `--api-token-file`, or in LEADLINE_API_TOKEN.
    #[arg(long, env = "LEADLINE_URL", value_name = "URL")]
    pub(super) server: Option<String>,
}

/// What of a problem is for people (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    fix: Option<Fix>,
}

/// What to do: a sentence, or a label and a command.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fix {
    Sentence(String),
    Button { label: String },
}

impl Server {
    /// An address below the one that is named.
    pub(super) fn url(&self, path: &str) -> Result<url::Url> {
        let Some(server) = &self.server else {
            return Err(Failure::usage("the address of the service is missing".to_owned())
                .hint("`--server https://leads.example.com`, or the environment variable LEADLINE_URL"));
        };
        url::Url::parse(server)
            .and_then(|url| url.join(path))
            .map_err(|error| Failure::usage(format!("`{server}` is no address: {error}")))
    }

    /// What it answers to a look, without the envelope.
    pub(super) async fn get(&self, context: &Context<'_>, path: &str) -> Result<Value> {
        let (url, token) = (self.url(path)?, token(context)?);
        let away = |error: reqwest::Error| away(&url, error);
        let request = reqwest::Client::new().get(url.clone()).bearer_auth(token.expose_secret());
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.map_err(away)?;
        if !status.is_success() {
            return Err(failure(status, wait.as_deref(), &body));
        }
        let mut answer: Value = serde_json::from_slice(&body)
            .map_err(|error| Failure::failed(format!("the service answered {status}, but no JSON: {error}")))?;
        Ok(answer["data"].take())
    }
}

/// What opens it.
pub(super) fn token(context: &Context<'_>) -> Result<SecretString> {
    context.config.api_token()?.ok_or_else(|| {
        Failure::usage("the token of the service is missing".to_owned())
            .hint("put it into the environment variable LEADLINE_API_TOKEN, or into a file for `--api-token-file`")
    })
}

/// Nobody answers there.
pub(super) fn away(url: &url::Url, error: reqwest::Error) -> Failure {
    let origin = url.origin().ascii_serialization();
    Failure::temporary(format!("{origin} cannot be reached: {}", error.without_url()))
}

/// An answer that is no success.
pub(super) fn failure(status: StatusCode, wait: Option<&str>, body: &[u8]) -> Failure {
    // A proxy in front of the service has words of its own; the status has to do then.
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let words = problem.detail.or(problem.title).unwrap_or_else(|| format!("the service answered {status}"));
    let text = match &problem.code {
        Some(code) => format!("{code}: {words}"),
        None => words,
    };
    let failure = match status.as_u16() {
        401 | 403 => Failure::not_allowed(text),
        404 => Failure::not_found(text),
        409 => Failure::conflict(text),
        400 | 413 | 415 | 422 => Failure::problems(text),
        429 | 503 => Failure::temporary(text),
        _ => Failure::failed(text),
    };
    match (problem.fix, wait) {
        (Some(Fix::Sentence(fix) | Fix::Button { label: fix }), _) => failure.hint(fix),
        (None, Some(seconds)) => failure.hint(format!("try it again in {seconds} s")),
        (None, None) => failure,
    }
}
