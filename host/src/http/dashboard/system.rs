//! Screens of whoever runs the service: keys and app, the system with its checks, its log and its support bundle, and the
//! read-only mode.

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{House, Shell};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::operate::bundle::{self, PARTS};
use crate::operate::doctor::{self, Check, Verdict};
use crate::operate::keys::{self, Begun, Keys, RingKey};
use crate::operate::lines::{self, LINES_KEPT, Level, Line};
use crate::operate::system::{self, System};
use crate::operate::{processes, read_only};
use crate::store::SourceSecret;
use crate::view::connection::Chip;
use crate::view::moment::{Moment, span};
use crate::view::operator;

/// Lines of the log on the page of the system; all that are kept have one of their own.
const LINES_SHOWN: usize = 20;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let operate = OpenApiRouter::new()
        .route("/keys", get(show_keys))
        .route("/keys/rotate", post(rotate))
        .route("/keys/prune", post(prune))
        .route("/system", get(show_system))
        .route("/system/log", get(show_log))
        .route("/system/bundle", get(preview))
        .route("/system/read-only", post(set_mode));
    needing(Right::Operate, operate)
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    shell: Shell,
    keys: Keys,
    /// Each key of the ring, when it was made or seen first, and how long ago that is.
    ring: Vec<(RingKey, Option<(Moment, String)>)>,
    secrets: Vec<SecretRow>,
    /// The service knows where browsers reach it.
    has_address: bool,
    /// Keys that seal nothing, and can be taken out.
    unused: usize,
    /// Processes that need the same ring.
    processes: usize,
}

struct SecretRow {
    secret: SourceSecret,
    made: Moment,
    age: String,
    until: Option<Moment>,
}

async fn show_keys(House { app, actor, shell }: House) -> Result<Response, ApiError> {
    let keys = keys::gather(&app, shell.now).await?;
    let ago = |at| span(u64::try_from(shell.now.since(at).as_millis()).unwrap_or(u64::MAX));
    let made = |key: &RingKey| key.known_since.map(|at| (shell.time(at), ago(at)));
    let ring = keys.ring.iter().map(|key| (key.clone(), made(key))).collect();
    let row = |secret: &SourceSecret| SecretRow {
        made: shell.time(secret.created_at),
        age: span(u64::try_from(shell.now.since(secret.created_at).as_millis()).unwrap_or(u64::MAX)),
        until: secret.valid_until.map(|until| shell.time(until)),
        secret: secret.clone(),
    };
    let secrets = keys.source_secrets.iter().map(row).collect();
    let page = KeysPage {
        secrets,
        has_address: app.public_url.is_some(),
        unused: keys.ring.iter().filter(|key| !key.seals && key.values == 0).count(),
        processes: processes::living(&app.store, shell.now).await?.len(),
        ring,
        keys,
        shell,
    };
    draw(&app, &actor, &page)
}

async fn rotate(House { app, .. }: House) -> Result<Response, ApiError> {
    let done = match keys::rotate(&app).await? {
        Begun::New(_) | Begun::GoesOn => "rotating",
        Begun::Running => "nothing",
    };
    Ok(Redirect::to(&format!("/keys?done={done}")).into_response())
}

async fn prune(House { app, .. }: House) -> Result<Response, ApiError> {
    let done = if app.store.prune_keys().await?.is_empty() { "nothing" } else { "pruned" };
    Ok(Redirect::to(&format!("/keys?done={done}")).into_response())
}

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    shell: Shell,
    system: System,
    size: String,
    free: Option<String>,
    started: Moment,
    room: &'static str,
    checks: Vec<CheckRow>,
    lines: Vec<LineRow>,
    /// Why and since when only operators may change something, and who said so.
    mode: Option<(String, Moment, String)>,
}

async fn show_system(House { app, actor, shell }: House) -> Result<Response, ApiError> {
    let system = system::gather(&app).await?;
    let checks = doctor::of_service(&app, shell.now).await;
    let mode = actor.read_only.clone();
    let page = SystemPage {
        size: operator::bytes(system.database.bytes),
        free: system.database.free_bytes.map(operator::bytes),
        started: shell.time(app.started_at),
        checks: checks.iter().map(check_row).collect(),
        lines: line_rows(&shell, Level::Trace, LINES_SHOWN),
        mode: mode.map(|mode| (mode.reason, shell.time(mode.since), mode.by)),
        room: match app.store.room() {
            crate::store::Room::Enough => "enough",
            crate::store::Room::Short => "less than twice its reserve: nothing new is planned",
            crate::store::Room::Reserve => "less than its reserve: leads are refused with 503",
        },
        system,
        shell,
    };
    draw(&app, &actor, &page)
}

/// A check, and what to do.
struct CheckRow {
    name: &'static str,
    chip: Chip,
    text: String,
    remedy: String,
}

fn check_row(check: &Check) -> CheckRow {
    CheckRow {
        name: check.name,
        chip: verdict_chip(check.verdict),
        text: check.text.clone(),
        remedy: check.remedy.clone().unwrap_or_default(),
    }
}

fn verdict_chip(verdict: Verdict) -> Chip {
    let (tone, icon) = match verdict {
        Verdict::Ok => ("good", "✓"),
        Verdict::Note => ("none", "i"),
        Verdict::Failed => ("bad", "✕"),
    };
    Chip { tone, icon, label: verdict.word() }
}

/// A line of the log.
struct LineRow {
    at: Moment,
    chip: Chip,
    line: Line,
}

fn line_rows(shell: &Shell, least: Level, limit: usize) -> Vec<LineRow> {
    let row = |line: Line| {
        let (tone, icon) = match line.level {
            Level::Error => ("bad", "✕"),
            Level::Warn => ("warning", "!"),
            Level::Info | Level::Debug | Level::Trace => ("none", "·"),
        };
        LineRow { at: shell.time(line.at), chip: Chip { tone, icon, label: line.level.word() }, line }
    };
    lines::last(least, limit).into_iter().map(row).collect()
}

/// Which lines are looked for.
#[derive(Default, Deserialize)]
struct WantedLines {
    level: Option<Level>,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    shell: Shell,
    lines: Vec<LineRow>,
    /// Each level with whether it is the chosen one.
    levels: Vec<(String, &'static str, bool)>,
}

async fn show_log(House { app, actor, shell }: House, uri: Uri) -> Result<Response, ApiError> {
    let least = serde_urlencoded::<WantedLines>(&uri).level.unwrap_or(Level::Trace);
    let level = |level: Level| (level.word().to_lowercase(), level.word(), level == least);
    let page = LogPage { lines: line_rows(&shell, least, LINES_KEPT), levels: Level::ALL.map(level).to_vec(), shell };
    draw(&app, &actor, &page)
}

#[derive(Template)]
#[template(path = "bundle.html")]
struct BundlePage {
    shell: Shell,
    parts: Vec<Part>,
    /// The file itself, as an address: what is downloaded is what is shown, byte for byte.
    href: String,
    name: String,
    size: String,
}

/// A part of the bundle.
struct Part {
    name: &'static str,
    about: &'static str,
    /// As the file has it.
    text: String,
}

async fn preview(House { app, actor, shell }: House) -> Result<Response, ApiError> {
    let bundle = bundle::of_service(&app, shell.now).await?;
    let text = |value: &serde_json::Value| serde_json::to_string_pretty(value).expect("JSON is JSON");
    let part = |(name, about)| Part { name, about, text: bundle.get(name).map_or_else(String::new, text) };
    let file = text(&bundle);
    let page = BundlePage {
        parts: PARTS.map(part).into(),
        href: format!("data:application/json;base64,{}", BASE64.encode(&file)),
        name: format!("leadline-bundle-{}.json", shell.now.to_string().replace(':', "")),
        size: operator::bytes(file.len() as u64),
        shell,
    };
    draw(&app, &actor, &page)
}

/// Whether only operators may change something, and why.
#[derive(Deserialize)]
struct SetMode {
    mode: String,
    #[serde(default)]
    reason: String,
}

async fn set_mode(House { app, actor, shell }: House, Form(asked): Form<SetMode>) -> Result<Response, ApiError> {
    let done = if asked.mode == "on" {
        read_only::begin(&app.store, &asked.reason, &actor.name, shell.now).await?;
        "read-only"
    } else if read_only::end(&app.store).await? {
        "read-write"
    } else {
        "nothing"
    };
    Ok(Redirect::to(&format!("/system?done={done}")).into_response())
}
