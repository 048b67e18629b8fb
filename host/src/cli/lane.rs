//! `leadline lane`: the queues, who works on them, and what stands still.

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::model::lane::{LaneKind, PauseScope};
use crate::model::time::{Timestamp, clock};
use crate::store::{COUNTED_MAX, LaneDoing, LaneFilter, ShownLane, Store};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the lanes: what waits in them, who works on them, and which of them rest or are paused. Those that are due
    /// come first, and counts end at 1000+.
    #[command(alias = "ls")]
    List {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
        /// Only those in this state.
        #[arg(long, value_enum)]
        state: Option<LaneDoing>,
        /// So many at most.
        #[arg(long, default_value_t = 500)]
        limit: u32,
        /// Leave out so many of those that are due first: the list before had them.
        #[arg(long, default_value_t = 0)]
        skip: u32,
    },
    /// Let a lane stand still, or all of them. Calls that are under way are finished, events are taken in and wait.
    Pause(Which),
    /// Let it go on. Wider and narrower pauses stay.
    Resume(Which),
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Pause(which) => which.deed("lanes.pause"),
            Self::Resume(which) => which.deed("lanes.resume"),
            Self::List { .. } => None,
        }
    }
}

impl Which {
    fn deed(&self, action: &'static str) -> Option<Deed> {
        match &self.lane {
            Some(lane) => Deed::to(action, lane),
            None => Deed::of(action, "", None),
        }
    }
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Id of the lane: the account's for its plans, the connection's for its deliveries.
    lane: Option<String>,
    /// Everything: for maintenance.
    #[arg(long)]
    all: bool,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account, state, limit, skip } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let filter = LaneFilter { account, state, of_note: false };
            list(&store, &filter, (skip, limit), context).await
        }
        Command::Pause(which) => {
            let scope = scope(&store, &which).await?;
            pause(&store, &scope, &name(&which), context).await
        }
        Command::Resume(which) => {
            let scope = scope(&store, &which).await?;
            resume(&store, &scope, &name(&which), context).await
        }
    }
}

async fn list(store: &Store, filter: &LaneFilter, part: (u32, u32), context: &mut Context<'_>) -> Result<()> {
    let lanes = store.lanes_that_fit(filter, part, clock()).await?;
    let row = |lane: &ShownLane| {
        let kind = match lane.kind {
            LaneKind::Plan => "plan",
            LaneKind::Deliver => "deliver",
        };
        let state = [
            lane.paused_since.map(|since| format!("paused since {since}")),
            lane.held.as_ref().map(|(owner, until)| format!("held by {owner} until {until}")),
            lane.rest.as_ref().map(|(until, why)| match why {
                Some(why) => format!("rests until {until}: {}", why.code.title()),
                None => format!("rests until {until}"),
            }),
        ];
        let state: Vec<_> = state.into_iter().flatten().collect();
        let counts = [lane.firsts, lane.retries, lane.due].map(counted);
        let mut row = vec![lane.account.clone(), kind.to_owned()];
        row.extend(counts);
        row.extend([state.join(", "), lane.id.clone()]);
        row
    };
    let header = ["Account", "Kind", "First attempts", "Retries", "Due", "State", "Lane"];
    context.list(&lanes, &header, row, "No lanes yet: `leadline account create \"Ocean Honda\"`.")
}

fn counted(count: i64) -> String {
    if count > COUNTED_MAX { format!("{COUNTED_MAX}+") } else { count.to_string() }
}

async fn scope(store: &Store, which: &Which) -> Result<PauseScope> {
    let Some(id) = &which.lane else { return Ok(PauseScope::All) };
    let found = store.lane(id).await?;
    found.ok_or_else(|| Failure::not_found(format!("there is no lane `{id}`")).hint("`leadline lane list` shows them"))
}

fn name(which: &Which) -> String {
    which.lane.as_ref().map_or_else(|| "everything".to_owned(), |id| format!("lane {id}"))
}

/// Pauses something that people call `name`.
pub(super) async fn pause(store: &Store, scope: &PauseScope, name: &str, context: &mut Context<'_>) -> Result<()> {
    let paused = store.pause(scope, clock()).await?;
    let words = match paused {
        true => "is paused. Calls that are under way are finished; events are taken in and wait",
        false => "was paused already",
    };
    said(store, format!("{} {words}.", capitalised(name)), context).await
}

/// Resumes something that people call `name`.
pub(super) async fn resume(store: &Store, scope: &PauseScope, name: &str, context: &mut Context<'_>) -> Result<()> {
    if !store.resume(scope).await? {
        return Err(Failure::conflict(format!("{name} is not paused")).hint("`leadline lane list` shows what is"));
    }
    said(store, format!("{} is resumed. What waited goes on by itself.", capitalised(name)), context).await
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Says what was done, and what is paused now.
async fn said(store: &Store, sentence: String, context: &mut Context<'_>) -> Result<()> {
    let pauses = store.pauses().await?;
    context.one(&pauses, |pauses| {
        let line = |(scope, since): &(PauseScope, Timestamp)| format!("  paused since {since}: {scope}");
        std::iter::once(sentence).chain(pauses.iter().map(line)).collect::<Vec<_>>().join("\n")
    })
}
