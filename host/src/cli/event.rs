//! `leadline event`: events, and what became of them.

pub(super) mod rerun;
mod runs;
mod trial;
mod types;

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::file::read;
use super::lead::tail;
use super::{Context, source, who};
use crate::contract::Action;
use crate::digest::sha256_hex;
use crate::model::event::{Event, EventState};
use crate::model::id::EventId;
use crate::model::time::clock;
use crate::model::word;
use crate::replay::{self, Retried};
use crate::signature::Secret;
use crate::store::{EventFilter, ShownDelivery, ShownEvent, Store};

/// What is said of an event that is older than the service keeps bodies.
const REMOVED: &str = "body, log, plan and calls were removed: they are kept for 30 days, unless `serve --keep-bodies-days` says otherwise";
/// Events that one page of a list shows at most.
const PAGE_MAX: u32 = 200;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Post an event to the service.
    Send(Send),
    /// List events, newest first.
    #[command(alias = "ls")]
    List(Filter),
    /// Show an event: its log, records, calls and attempts; with `--json` its body, plan and answers too.
    #[command(alias = "get")]
    Show {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// Show every run of a transformation on an event: version, outcome, what it used, and its log.
    Runs {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// Run a stored event again, with the same version and settings: is every byte the same? Or with another build: what
    /// would change? Nothing is sent.
    Rerun(rerun::Args),
    /// Try a lead again now: one that waits for its next attempt is due, one that ended is replayed.
    Retry {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// Call a lead off that waits: nothing more of it is sent. It can be replayed.
    Cancel {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// List the event types: version, standing and end; of one its schema and a sample too.
    Types {
        /// Only this one, such as `lead.captured.v1`.
        name: Option<String>,
    },
    /// Send a test lead the whole way. Its contact is real, and can be taken out again.
    Test(trial::Args),
    /// Read what HubSpot holds of a test lead, beside what was sent. Exit code 3 when it is something else.
    ReadBack {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// Take the contact of a test lead out of HubSpot again, and the deals that the lead made.
    DeleteTestContact {
        /// Id of the event, `evt_…`.
        event: String,
    },
    /// Follow the leads of an account: a line for each that comes, and whenever something becomes of one. Ends with Ctrl-C.
    Tail(tail::Args),
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Retry { event } => Deed::to("events.retry", event),
            Self::Cancel { event } => Deed::to("events.cancel", event),
            Self::Test(args) => args.deed(),
            Self::ReadBack { event } => Deed::to("events.read-back", event),
            Self::DeleteTestContact { event } => Deed::to("events.test-contact.delete", event),
            // What is sent enters by the door, as every event.
            Self::Send(_)
            | Self::List(_)
            | Self::Show { .. }
            | Self::Runs { .. }
            | Self::Rerun(_)
            | Self::Types { .. }
            | Self::Tail(_) => None,
        }
    }
}

#[derive(clap::Args, Debug)]
pub struct Send {
    /// JSON file of the event: `{"type", "timestamp", "data"}`.
    file: PathBuf,
    /// Id of the source.
    #[arg(long)]
    source: String,
    /// Sign it with the source's secret, read from the data folder.
    #[arg(long)]
    sign: bool,
    /// Sign it with the secret of this file, for a service elsewhere.
    #[arg(long, value_name = "FILE", conflicts_with = "sign")]
    secret_file: Option<PathBuf>,
    /// The event's id at the sender; made of the body where it is not given, so that a repeat is a repeat.
    #[arg(long)]
    id: Option<String>,
    /// Address of the service.
    #[arg(long, env = "LEADLINE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

#[derive(clap::Args, Debug)]
pub struct Filter {
    /// Only those of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only those in this state: received, planned, skipped, held, refused.
    #[arg(long, value_parser = state)]
    state: Option<EventState>,
    /// Only those of this type, such as `lead.captured.v1`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// At most this many.
    #[arg(long)]
    limit: Option<u32>,
}

fn state(text: &str) -> std::result::Result<EventState, String> {
    serde_json::from_value(Value::String(text.to_owned()))
        .map_err(|_| "there are received, planned, skipped, held and refused".to_owned())
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Send(args) => send(args, context).await,
        Command::List(filter) => {
            let store = context.store().await?;
            let limit = filter.limit.unwrap_or(20);
            if !(1..=PAGE_MAX).contains(&limit) {
                return Err(Failure::usage(format!("a page has 1 to {PAGE_MAX} events, not {limit}")));
            }
            let filter = EventFilter { limit, ..event_filter(filter, &store, context).await? };
            let events = store.events(&filter).await?;
            context.list(&events, &["Received", "Id", "Type", "State", "Reason"], row, "No events match.")
        }
        Command::Show { event } => {
            let store = context.store().await?;
            let id = event_id(&event)?;
            let shown = store.event(&id).await?;
            let shown = shown.ok_or_else(|| {
                Failure::not_found(format!("there is no event `{id}`")).hint("`leadline event list` shows the newest")
            })?;
            context.one(&shown, text)
        }
        Command::Runs { event } => runs::run(&event, context).await,
        Command::Rerun(args) => rerun::run(args, context).await,
        Command::Retry { event } => {
            let store = context.store().await?;
            let event = found(&store, &event_id(&event)?).await?;
            match replay::retry(&store, &event, clock()).await? {
                Retried::DueNow => context.one(&serde_json::json!({ "event": event.id, "due_now": true }), |_| {
                    format!("Event {} is tried again now.", event.id)
                }),
                Retried::Replayed(replay) => context
                    .one(&replay, |replay| format!("Event {} is sent once more, by replay {}.", event.id, replay.id)),
            }
        }
        Command::Cancel { event } => {
            let store = context.store().await?;
            let event = found(&store, &event_id(&event)?).await?;
            replay::cancel(&store, &event, &format!("{} at the terminal", who()), clock()).await?;
            context.one(&serde_json::json!({ "event": event.id, "cancelled": true }), |_| {
                format!("Event {} is called off; `leadline event retry {}` replays it.", event.id, event.id)
            })
        }
        Command::Types { name } => types::run(name.as_deref(), context),
        Command::Test(args) => trial::send(args, context).await,
        Command::ReadBack { event } => trial::read_it_back(&event, context).await,
        Command::DeleteTestContact { event } => trial::delete_contact(&event, context).await,
        Command::Tail(args) => tail::run(args, context).await,
    }
}

async fn event_filter(filter: Filter, store: &Store, context: &Context<'_>) -> Result<EventFilter> {
    let account = context.account_or_all(store, filter.account.as_deref()).await?;
    Ok(EventFilter {
        account,
        state: filter.state,
        event_type: filter.event_type,
        after: None,
        older_than: None,
        limit: PAGE_MAX,
    })
}

fn event_id(text: &str) -> Result<EventId> {
    text.parse().map_err(|error: crate::model::id::IdError| Failure::usage(error.to_string()))
}

/// The event of an id.
async fn found(store: &Store, id: &EventId) -> Result<Event> {
    let found = store.find_event(id).await?;
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no event `{id}`")).hint("`leadline event list` shows the newest")
    })
}

fn row(event: &Event) -> Vec<String> {
    let reason = event.reason.as_ref().map(|reason| reason.detail.clone()).unwrap_or_default();
    let state = event.delivery.as_ref().map_or_else(|| word(&event.state), word);
    vec![event.received_at.to_string(), event.id.to_string(), event.event_type.clone(), state, reason]
}

async fn send(args: Send, context: &mut Context<'_>) -> Result<()> {
    if !args.url.starts_with("http://") && !args.url.starts_with("https://") {
        let text = format!("`{}` is no address of a service", args.url);
        return Err(Failure::usage(text).hint("it begins with `http://` or `https://`"));
    }
    let body = read(&args.file)?;
    let id = args.id.clone().unwrap_or_else(|| {
        let mut digest = sha256_hex(&body);
        digest.truncate(24);
        format!("msg_{digest}")
    });
    let at = clock().seconds();
    let url = format!("{}/v1/sources/{}/events", args.url.trim_end_matches('/'), args.source);
    let mut request = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at);
    if let Some(secret) = secret(&args, context).await? {
        let secret = Secret::parse(secret.expose_secret()).map_err(anyhow::Error::from)?;
        request = request.header("webhook-signature", secret.sign(&id, at, &body));
    }
    let response = request.body(body).send().await;
    let response = response.map_err(|error| {
        Failure::temporary(format!("{url} does not answer: {error}")).hint("is `leadline serve` running there?")
    })?;
    let status = response.status();
    let answer: Value = response.json().await.unwrap_or(Value::Null);
    if !status.is_success() {
        let detail = answer["detail"].as_str().unwrap_or("no reason given").to_owned();
        let failure = match status.as_u16() {
            409 => Failure::conflict(format!("{status}: {detail}")),
            429 | 503 => Failure::temporary(format!("{status}: {detail}")),
            _ => Failure::failed(format!("{status}: {detail}")),
        };
        return Err(failure.hint(answer["fix"].as_str().unwrap_or("look at `leadline source rejected`")));
    }
    context.one(&answer, |answer| {
        let event = answer["event_id"].as_str().unwrap_or_default();
        let known = if answer["duplicate"] == true { "was there already" } else { "is stored" };
        format!("Event {event} {known}. `leadline event show {event}` says what became of it.")
    })
}

/// The secret to sign with, if it is to be signed.
async fn secret(args: &Send, context: &Context<'_>) -> Result<Option<SecretString>> {
    if let Some(file) = &args.secret_file {
        return source::read_secret(file).map(Some);
    }
    if !args.sign {
        return Ok(None);
    }
    let secret = context.store().await?.current_secret(&args.source, clock()).await?;
    let missing = || {
        Failure::not_found(format!("there is no source `{}` in the data folder", args.source))
            .hint("`leadline source list` shows them; for a service elsewhere, use `--secret-file`")
    };
    secret.ok_or_else(missing).map(Some)
}

fn text(shown: &ShownEvent) -> String {
    let event = &shown.event;
    let mut lines = vec![format!("{} · {} · {}", event.id, event.event_type, word(&event.state))];
    lines.extend(
        event.reason.as_ref().map(|reason| format!("  {}: {}\n  {}", reason.code, reason.detail, reason.code.fix())),
    );
    lines.push(format!(
        "  happened {} · received {} · sender's id {}",
        event.occurred_at, event.received_at, event.sender_id
    ));
    if shown.body.is_none() {
        lines.push(format!("  {REMOVED}"));
    }
    for log in &shown.logs {
        lines.push(format!("  log of {}", log.version));
        lines.extend(log.lines.iter().map(|(level, line)| format!("    {}  {line}", level.label())));
    }
    for delivery in &shown.deliveries {
        delivery_lines(delivery, &mut lines);
    }
    lines.join("\n")
}

fn delivery_lines(shown: &ShownDelivery, lines: &mut Vec<String>) {
    let delivery = &shown.delivery;
    let run = shown.run.map_or_else(String::new, |run| format!(" · fuel {} in {} µs", run.fuel, run.micros));
    lines.push(format!(
        "  {} · {} after {} {}{run}",
        delivery.id,
        word(&delivery.state),
        delivery.attempts,
        if delivery.attempts == 1 { "attempt" } else { "attempts" },
    ));
    lines.extend(
        delivery
            .reason
            .as_ref()
            .map(|reason| format!("    {}: {}\n    {}", reason.code, reason.detail, reason.code.fix())),
    );
    for (index, progress) in delivery.progress.actions.iter().enumerate() {
        let action = shown.plan.as_ref().and_then(|plan| plan.actions.get(index));
        let fate = match (&progress.record, &progress.problem) {
            (Some(record), _) if record.new => format!("created as {}", record.id),
            (Some(record), _) => format!("found as {}", record.id),
            (None, Some(problem)) => problem.detail.clone(),
            (None, None) => "open".to_owned(),
        };
        lines.push(format!("    {:<8} {fate}", action.map_or("record", Action::label)));
    }
    lines.extend(
        delivery
            .progress
            .dropped
            .iter()
            .map(|dropped| format!("    dropped  {} = {}: {}", dropped.field, dropped.value, dropped.reason)),
    );
    let filled = delivery.progress.filled.iter();
    lines.extend(
        filled.map(|one| format!("    filled   {} = {}, after it was left out at first", one.field, one.value)),
    );
    let normalized = delivery.progress.normalized.iter();
    lines.extend(normalized.map(|one| format!("    stored   {} = {}, sent as {}", one.field, one.stored, one.sent)));
    for call in &shown.calls {
        let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let correlation = call.correlation_id.as_ref().map_or_else(String::new, |id| format!(" · HubSpot's id {id}"));
        lines.push(format!("    call     {} · {} · {status}{correlation}", call.started_at, call.operation));
    }
    for attempt in &shown.attempts {
        let next = attempt.next_at.map_or_else(String::new, |next| format!(", next {next}"));
        lines.push(format!("    attempt  {} · {} · {}{next}", attempt.at, attempt.class, attempt.problem.detail));
    }
}
