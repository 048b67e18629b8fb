//! `leadline replay`: leads that are sent once more, as jobs that the service works on.

use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::cause::Code;
use crate::model::id::EventId;
use crate::model::replay::{Change, Estimate, Filter, Replay, ReplayState, SKIPPED_KEPT_MAX, Standing, Tally};
use crate::model::time::{Timestamp, clock};
use crate::model::word;
use crate::replay::{self, Wish};
use crate::store::{SkippedLead, Store};

/// Replays that a list shows at most, the newest.
const LISTED_MAX: u32 = 200;
/// Skipped leads that are shown one by one; with `--json` all that are kept.
const SKIPPED_SHOWN_MAX: usize = 20;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Send leads once more: one, or all that fit. What was delivered stays as it is, unless `--again` asks for it.
    Create(Create),
    /// List replays, the newest first.
    #[command(alias = "ls")]
    List {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
    },
    /// Show how far a replay is, and what it skipped and why.
    #[command(alias = "get")]
    Show {
        /// Id of the replay, `rpl_…`.
        replay: String,
    },
    /// Let a replay rest. What it sent on its way goes on.
    Pause { replay: String },
    /// Let a paused replay go on.
    Resume { replay: String },
    /// End a replay. What it sent on its way goes on.
    Cancel { replay: String },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Create(Create { dry_run: true, .. }) | Self::List { .. } | Self::Show { .. } => None,
            Self::Create(create) => Deed::to("replays.create", &create.account),
            Self::Pause { replay } => Deed::to("replays.pause", replay),
            Self::Resume { replay } => Deed::to("replays.resume", replay),
            Self::Cancel { replay } => Deed::to("replays.cancel", replay),
        }
    }
}

#[derive(clap::Args, Debug)]
pub struct Create {
    /// Slug or id of the account.
    #[arg(long)]
    account: String,
    /// Only this event, `evt_…`; may be given many times.
    #[arg(long)]
    event: Vec<EventId>,
    /// Only those that stand here: received, skipped, held, refused, pending, blocked, delivered, failed, cancelled.
    #[arg(long, value_parser = state)]
    state: Option<Standing>,
    /// Only those received then or later, such as `2026-11-23T08:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only those received before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Only those of this type, such as `lead.captured.v1`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only those that did not go through for this reason, such as `hubspot.refused`.
    #[arg(long, value_name = "CODE")]
    cause: Option<Code>,
    /// Only those of this dealership, by its slug.
    #[arg(long, value_name = "SLUG")]
    dealership: Option<String>,
    /// Only those with this name, address, phone number or lead id.
    #[arg(long)]
    text: Option<String>,
    /// Send what was delivered again too: a new delivery, with a second note on the timeline.
    #[arg(long)]
    again: bool,
    /// Plan anew what failed or was cancelled, by the transformation that is in use now, instead of going on with its
    /// stored plan. Nothing is in HubSpot twice: records are found by their keys, the note by its marker.
    #[arg(long)]
    afresh: bool,
    /// What to call it, such as "After the mapping was mended".
    #[arg(long)]
    name: Option<String>,
    /// Leads a second.
    #[arg(long)]
    rate: Option<u32>,
    /// Say what it would come to, and send nothing.
    #[arg(long)]
    dry_run: bool,
}

fn state(text: &str) -> std::result::Result<Standing, String> {
    let words = || Standing::ALL.iter().map(word).collect::<Vec<_>>().join(", ");
    serde_json::from_value(Value::String(text.to_owned())).map_err(|_| format!("there are {}", words()))
}

fn time(text: &str) -> std::result::Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|_| "a time is written as in `2026-11-23T08:00:00Z`".to_owned())
}

/// A replay with what it left alone.
#[derive(Serialize)]
struct Shown {
    replay: Replay,
    skipped: Vec<SkippedLead>,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Create(args) => create(args, &store, context).await,
        Command::List { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let replays = store.replays(account.as_ref(), LISTED_MAX).await?;
            context.list(
                &replays,
                &["Made", "Id", "Name", "State", "Sent on", "Skipped", "Expected"],
                row,
                "No replays.",
            )
        }
        Command::Show { replay } => {
            let replay = found(&store, &replay).await?;
            let skipped = store.skipped_leads(&replay).await?;
            context.one(&Shown { replay, skipped }, text)
        }
        Command::Pause { replay } => change(&replay, Change::Pause, &store, context).await,
        Command::Resume { replay } => change(&replay, Change::Resume, &store, context).await,
        Command::Cancel { replay } => change(&replay, Change::Cancel, &store, context).await,
    }
}

async fn create(args: Create, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let account = context.account(store, &args.account).await?;
    let Create { event, state, from, to, event_type, cause, dealership, text, .. } = args;
    let (event, events) = match <[EventId; 1]>::try_from(event) {
        Ok([event]) => (Some(event), Vec::new()),
        Err(events) => (None, events),
    };
    let wish = Wish {
        filter: Filter { event, events, state, from, to, event_type, cause, dealership, text },
        again: args.again,
        afresh: args.afresh,
        rate: args.rate,
        name: args.name.unwrap_or_default(),
    };
    if args.dry_run {
        let estimate = replay::estimate(store, &account, &wish, clock()).await?;
        return context.one(&estimate, estimate_text);
    }
    let made = replay::create(store, &account, &wish, clock()).await?;
    context.one(&made, |made| {
        let estimate = estimate_text(&made.estimate);
        format!("Replay {} runs.\n{estimate}\n`leadline replay show {}` says how far it is.", made.id, made.id)
    })
}

async fn change(id: &str, change: Change, store: &Store, context: &mut Context<'_>) -> Result<()> {
    replay::change(store, &found(store, id).await?, change, clock()).await?;
    let changed = found(store, id).await?;
    context.one(&changed, |replay| format!("Replay {} is {}.", replay.id, word(&replay.state)))
}

async fn found(store: &Store, id: &str) -> Result<Replay> {
    let found = store.replay(id).await?;
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no replay `{id}`")).hint("`leadline replay list` shows them")
    })
}

fn row(replay: &Replay) -> Vec<String> {
    let expected = replay.estimate.replayed + replay.estimate.skipped;
    let counts = [replay.tally.replayed(), replay.tally.skipped(), expected].map(|count| count.to_string());
    let mut row = vec![replay.created_at.to_string(), replay.id.to_string(), replay.name.clone(), word(&replay.state)];
    row.extend(counts);
    row
}

fn estimate_text(estimate: &Estimate) -> String {
    let Estimate { replayed, skipped, seconds, tally } = estimate;
    let mut lines = vec![format!("{replayed} to be sent on their way, {skipped} to be skipped; about {seconds} s")];
    lines.extend(tally_lines(tally));
    lines.join("\n")
}

fn tally_lines(tally: &Tally) -> Vec<String> {
    let line = |standing, fate: &crate::model::replay::Fate, count| {
        format!("  {count:>6}  {:<9}  {}", word(standing), fate.text())
    };
    let rows =
        tally.0.iter().flat_map(|(standing, fates)| fates.iter().map(move |(fate, count)| (standing, fate, count)));
    rows.map(|(standing, fate, count)| line(standing, fate, count)).collect()
}

fn text(shown: &Shown) -> String {
    let Shown { replay, skipped } = shown;
    let name = if replay.name.is_empty() { String::new() } else { format!(" · {}", replay.name) };
    let mut lines = vec![format!("{}{name} · {}", replay.id, word(&replay.state))];
    let again = if replay.again { ", what was delivered too" } else { "" };
    let afresh = if replay.afresh { ", what failed is planned afresh" } else { "" };
    lines.push(format!(
        "  {}{again}{afresh}, {} a second, since {}",
        filter_text(&replay.filter),
        replay.rate,
        replay.created_at
    ));
    let (done, expected) =
        (replay.tally.replayed() + replay.tally.skipped(), replay.estimate.replayed + replay.estimate.skipped);
    let end = match (replay.state, replay.finished_at) {
        (ReplayState::Done | ReplayState::Cancelled, Some(at)) => format!(", ended {at}"),
        _ => String::new(),
    };
    lines.push(format!("  done with {done} of about {expected}{end}"));
    lines.extend(tally_lines(&replay.tally));
    for one in skipped.iter().take(SKIPPED_SHOWN_MAX) {
        lines.push(format!("  {}  {}", one.event_id, one.text));
    }
    if skipped.len() > SKIPPED_SHOWN_MAX {
        lines.push(format!("  the first {SKIPPED_KEPT_MAX} skipped leads are kept; `--json` shows them"));
    }
    lines.join("\n")
}

fn filter_text(filter: &Filter) -> String {
    let Filter { event, events, state, from, to, event_type, cause, dealership, text } = filter;
    let parts = [
        event.as_ref().map(|event| format!("event {event}")),
        (!events.is_empty()).then(|| format!("{} events", events.len())),
        state.as_ref().map(|state| format!("state {}", word(state))),
        event_type.as_ref().map(|event_type| format!("type {event_type}")),
        cause.map(|cause| format!("cause {cause}")),
        dealership.as_ref().map(|slug| format!("dealership {slug}")),
        text.as_ref().map(|text| format!("text {text}")),
        from.map(|from| format!("from {from}")),
        to.map(|to| format!("to {to}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
