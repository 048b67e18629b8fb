//! `leadline delivery`: events on their way to HubSpot, each by itself.

use serde_json::Value;

use super::Context;
use super::failure::{Failure, Result};
use crate::model::access::Sight;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{DeliveryId, EventId, IdError};
use crate::model::time::clock;
use crate::model::word;
use crate::store::{DeliveryFilter, ShownEvent, Store};
use crate::view::delivery::{self, Trace, TraceSpan};
use crate::view::lead::Call;
use crate::view::moment::{span, zone_of};
use crate::view::outcome::Reader;

/// Deliveries that one list shows at most.
const PAGE_MAX: u32 = 200;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List deliveries, newest first.
    #[command(alias = "ls")]
    List(Filter),
    /// Show a delivery: how it stands and why, what it wrote, and the attempts so far.
    #[command(alias = "get")]
    Show {
        /// Id of the delivery, `dlv_…`.
        delivery: String,
    },
    /// List the calls to HubSpot that a delivery took part in; with `--json` what was sent and answered.
    Calls {
        /// Id of the delivery, `dlv_…`.
        delivery: String,
    },
    /// Say what took the time: waiting, the transformation, each call, and the time between attempts.
    Trace {
        /// Id of the delivery, `dlv_…`.
        delivery: String,
    },
}

#[derive(clap::Args, Debug)]
pub struct Filter {
    /// Only those of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only those in this state: pending, delivered, blocked, failed, cancelled.
    #[arg(long, value_parser = state)]
    state: Option<DeliveryState>,
    /// Only those of this event, `evt_…`.
    #[arg(long)]
    event: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

fn state(text: &str) -> std::result::Result<DeliveryState, String> {
    serde_json::from_value(Value::String(text.to_owned()))
        .map_err(|_| "there are pending, delivered, blocked, failed and cancelled".to_owned())
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List(filter) => {
            let found = list(filter, &store, context).await?;
            context.list(&found, &["Id", "Event", "State", "Attempts", "Reason"], row, "No deliveries match.")
        }
        Command::Show { delivery } => {
            let (shown, reader) = found(&store, &delivery).await?;
            let connection = store.connection_of(&shown.event.account_id).await?;
            let shown = delivery::Delivery::of(&shown, connection.as_ref(), Sight::Whole, &reader);
            context.one(&shown.ok_or_else(|| missing(&delivery))?, text)
        }
        Command::Calls { delivery } => {
            let (shown, reader) = found(&store, &delivery).await?;
            let calls = delivery::calls(&shown, Sight::Whole, &reader);
            let header = ["At", "Operation", "Status", "Took", "HubSpot's id"];
            context.list(&calls, &header, call_row, "It has called nobody.")
        }
        Command::Trace { delivery } => {
            let (shown, reader) = found(&store, &delivery).await?;
            let trace = Trace::of(&shown, Sight::Whole, &reader).ok_or_else(|| missing(&delivery))?;
            context.one(&trace, trace_text)
        }
    }
}

async fn list(filter: Filter, store: &Store, context: &Context<'_>) -> Result<Vec<Delivery>> {
    let Filter { account, state, event, limit } = filter;
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Failure::usage(format!("a page has 1 to {PAGE_MAX} deliveries, not {limit}")));
    }
    let account = context.account_or_all(store, account.as_deref()).await?;
    let Some(event) = event else {
        let filter = DeliveryFilter { account, state, limit, ..DeliveryFilter::default() };
        return Ok(store.deliveries(&filter).await?);
    };
    let id: EventId = event.parse().map_err(|error: IdError| Failure::usage(error.to_string()))?;
    let event = store.find_event(&id).await?;
    let event = event.filter(|event| account.is_none_or(|account| event.account_id == account));
    let event = event.ok_or_else(|| {
        Failure::not_found(format!("there is no event `{id}`")).hint("`leadline event list` shows the newest")
    })?;
    let mut all = store.deliveries_of_event(&event, state).await?;
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}

/// The event of a delivery, with what became of it on this way, and who reads.
async fn found(store: &Store, text: &str) -> Result<(ShownEvent, Reader)> {
    let id: DeliveryId = text.parse().map_err(|error: IdError| Failure::usage(error.to_string()))?;
    let shown = store.delivery(&id).await?.ok_or_else(|| missing(text))?;
    let connection = store.connection_of(&shown.event.account_id).await?;
    Ok((shown, Reader { now: clock(), zone: zone_of(connection.as_ref()) }))
}

fn missing(id: &str) -> Failure {
    Failure::not_found(format!("there is no delivery `{id}`")).hint("`leadline delivery list` shows the newest")
}

fn row(delivery: &Delivery) -> Vec<String> {
    let reason = delivery.reason.as_ref().map(|reason| reason.detail.clone()).unwrap_or_default();
    let (id, event) = (delivery.id.to_string(), delivery.event_id.to_string());
    vec![id, event, word(&delivery.state), delivery.attempts.to_string(), reason]
}

fn call_row(call: &Call) -> Vec<String> {
    let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let (took, id) = (call.took.clone().unwrap_or_default(), call.correlation_id.clone().unwrap_or_default());
    vec![call.at.at.to_string(), call.operation.clone(), status, took, id]
}

fn text(shown: &delivery::Delivery) -> String {
    let mut lines = vec![format!("{} · {} · event {}", shown.id, word(&shown.state), shown.event)];
    lines.extend(shown.reason.iter().map(|reason| format!("  {}: {}\n  {}", reason.code, reason.detail, reason.fix)));
    lines.extend(shown.records.iter().map(|record| {
        let fate = if record.is_new { "created" } else { "found" };
        format!("  {:<8} {fate} as {}", record.label, record.id)
    }));
    lines.extend(shown.attempts.iter().map(|attempt| format!("  attempt  {} · {}", attempt.at.at, attempt.words)));
    lines.extend(shown.next.iter().map(|next| format!("  next     {}", next.at)));
    lines.extend(shown.done_at.iter().map(|done| format!("  done     {done}")));
    lines.join("\n")
}

fn trace_text(trace: &Trace) -> String {
    let line = |one: &TraceSpan| format!("  {}  {:>9}  {} · {}", one.from, span(one.millis), one.name, one.detail);
    let next = trace.next.iter().map(|next| format!("  {}  the next attempt is due", next.at));
    let lines = std::iter::once(trace.delivery.to_string()).chain(trace.spans.iter().map(line)).chain(next);
    lines.collect::<Vec<_>>().join("\n")
}
