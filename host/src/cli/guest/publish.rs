//! `leadline guest publish`: uploads the component as a draft, with the samples of its crate. Whoever runs the service decides what uses it.

use std::path::Path;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::multipart::{Form, Part};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::file;
use super::super::output::printable;
use super::super::service::{self, Server};
use super::Component;
use crate::transform::Tried;
use crate::view::tried;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
    /// Slug of the account that gets it.
    #[arg(long, value_name = "SLUG")]
    account: String,
    /// Name of the transformation. [default: the one that `describe` gives]
    #[arg(long)]
    name: Option<String>,
    /// What is new, for whoever enables it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// A version, as the service answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Version {
    label: String,
    id: String,
    hash: String,
    #[serde(default)]
    warnings: Vec<String>,
    /// What it did on its samples.
    #[serde(default)]
    figures: Tried,
}

#[derive(Deserialize)]
struct Data {
    data: Version,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let mut url = args.server.url("/v1/versions")?;
    let token = service::token(context)?;
    let checked = args.component.load()?;
    let name = args.name.as_deref().unwrap_or(&checked.manifest.name);
    url.query_pairs_mut().append_pair("account", &args.account).append_pair("name", name);
    if let Some(note) = &args.note {
        url.query_pairs_mut().append_pair("note", note);
    }
    let request = reqwest::Client::new().post(url.clone()).bearer_auth(token.expose_secret());
    let request = match sample_files(&args.component.dir)? {
        files if files.is_empty() => request.header(CONTENT_TYPE, "application/wasm").body(checked.bytes),
        files => request.multipart(form(checked.bytes, files)?),
    };
    let away = |error: reqwest::Error| service::away(&url, error);
    let response = request.send().await.map_err(away)?;
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await.map_err(away)?;
    let version = answer(status, wait.as_deref(), &body)?;
    let known = status == StatusCode::OK;
    let mut shown = json!(version);
    shown["known"] = json!(known);
    context.one(&shown, |_| text(&version, known))
}

/// The samples of the crate, which go up with it; none where it has none.
fn sample_files(crate_folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = crate_folder.join("examples");
    if folder.is_dir() { file::sample_files(&folder) } else { Ok(Vec::new()) }
}

fn form(component: Vec<u8>, files: Vec<(String, Vec<u8>)>) -> Result<Form> {
    let part = |bytes: Vec<u8>, kind: &str| Part::bytes(bytes).mime_str(kind).map_err(anyhow::Error::from);
    let component = part(component, "application/wasm")?.file_name("component.wasm");
    // As they are: the names of parts have slashes.
    let mut form = Form::new().percent_encode_noop().part("component", component);
    for (path, bytes) in files {
        let json = part(bytes, "application/json")?.file_name(path.clone());
        form = form.part(format!("examples/{path}"), json);
    }
    Ok(form)
}

/// What the service says.
fn answer(status: StatusCode, wait: Option<&str>, body: &[u8]) -> Result<Version> {
    if status.is_success() {
        let answer: Data = serde_json::from_slice(body).map_err(|error| {
            Failure::failed(format!("the service answered {status}, but not with a version: {error}"))
        })?;
        return Ok(answer.data);
    }
    Err(service::failure(status, wait, body))
}

fn text(version: &Version, known: bool) -> String {
    let Version { label, id, hash, warnings, figures } = version;
    let what = if known { "was there already, byte for byte, and stays as it is" } else { "is a draft" };
    let mut lines = vec![format!("{label} {what}\n  id    {id}\n  hash  {hash}")];
    lines.extend(tried::lines(figures).iter().map(|line| printable(line)));
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push("nothing uses it before somebody enables it".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_a_service_has_its_exit_code() {
        let version = br#"{"data":{"label":"deals@3","id":"tfv_1","hash":"ab","warnings":[]}}"#;
        for status in [200, 201] {
            let answer = answer(StatusCode::from_u16(status).unwrap(), None, version).unwrap();
            assert_eq!((answer.label.as_str(), answer.id.as_str()), ("deals@3", "tfv_1"));
        }
        let problem = br#"{"code":"upload.import","detail":"it imports `wasi:sockets/tcp`","fix":"Switch it off."}"#;
        let button = br#"{"title":"Busy","fix":{"label":"Wait","href":"/"}}"#;
        for (status, body, code) in [
            (401, &b"{}"[..], 4),
            (403, b"{}", 4),
            (404, b"", 5),
            (409, b"{}", 6),
            (422, problem, 3),
            (413, b"too large", 3),
            (429, button, 7),
            (503, b"{}", 7),
            (500, b"<html>", 1),
            (200, b"<html>", 1),
        ] {
            let failure = answer(StatusCode::from_u16(status).unwrap(), Some("30"), body).unwrap_err();
            assert_eq!(failure.code, code, "{status}: {failure:?}");
        }
        let failure = format!("{:?}", answer(StatusCode::UNPROCESSABLE_ENTITY, None, problem).unwrap_err());
        assert!(failure.contains("upload.import: it imports `wasi:sockets/tcp`") && failure.contains("Switch it off."));
        let failure = format!("{:?}", answer(StatusCode::TOO_MANY_REQUESTS, Some("30"), b"{}").unwrap_err());
        assert!(failure.contains("try it again in 30 s"), "{failure}");
    }
}
