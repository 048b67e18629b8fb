//! `leadline event tail`: what happens to the leads of an account, as it happens.

use std::collections::HashMap;
use std::time::Duration;

use super::{Meant, Which, cells};
use crate::cli::Context;
use crate::cli::failure::{Failure, Result};
use crate::cli::output::printable;
use crate::model::id::{AccountId, ChangeId, EventId};
use crate::model::time::{Timestamp, clock};
use crate::store::{Fit, Position, Store};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(500);
/// How often the store is told that somebody watches.
const RENEWED: Duration = Duration::from_secs(60);
/// Leads of which is remembered what was printed last.
const REMEMBERED_MAX: usize = 10_000;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Stop after so many lines.
    #[arg(long)]
    limit: Option<u32>,
    /// One JSON object a line.
    #[arg(long)]
    jsonl: bool,
}

pub(in crate::cli) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let which = Which { account: Some(account(args.which.account.clone(), &store).await?), ..args.which };
    let meant = Meant::find(&which, &store, context).await?;
    let Some(account) = meant.account.as_ref().map(|account| account.id.clone()) else { return Ok(()) };
    let mut following = Following::begin(&store, account).await?;
    let (mut left, mut printed) = (args.limit.unwrap_or(u32::MAX), HashMap::<EventId, Vec<String>>::new());
    let mut ended = std::pin::pin!(tokio::signal::ctrl_c());
    while left > 0 {
        let events = following.next(&store).await?;
        for lead in store.leads_of(&following.account, &events).await? {
            let row = meant.row(&lead);
            let line = cells(&row);
            // A change that nobody sees, or one that was seen before.
            if left == 0 || meant.filter.fits(&lead) != Fit::In || printed.get(&row.event) == Some(&line) {
                continue;
            }
            if context.json || args.jsonl {
                context.json(&row)?;
            } else {
                writeln!(context.out, "{}", printable(&line.join("  ")))?;
            }
            left -= 1;
            if printed.len() >= REMEMBERED_MAX {
                printed.clear();
            }
            printed.insert(row.event, line);
        }
        context.out.flush()?;
        // There may be more than were read at once.
        let rest = if events.is_empty() { EVERY } else { Duration::ZERO };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = &mut ended => break,
        }
    }
    Ok(())
}

/// The account to follow: the one that is named, else the only one that there is.
async fn account(named: Option<String>, store: &Store) -> Result<String> {
    if let Some(named) = named {
        return Ok(named);
    }
    match &store.accounts().await?[..] {
        [only] => Ok(only.slug.clone()),
        _ => Err(Failure::usage("one account is followed at a time".to_owned())
            .hint("name it by `--account`; `leadline account list` shows them")),
    }
}

/// How far somebody has followed an account.
struct Following {
    account: AccountId,
    position: Position,
    renewed: Timestamp,
}

impl Following {
    async fn begin(store: &Store, account: AccountId) -> Result<Self> {
        let now = clock();
        store.watch(&account, now).await?;
        Ok(Self { account, position: Position::at(ChangeId::earliest(now)), renewed: now })
    }

    /// The leads to which something happened since.
    async fn next(&mut self, store: &Store) -> Result<Vec<EventId>> {
        let now = clock();
        if now.since(self.renewed) >= RENEWED {
            store.watch(&self.account, now).await?;
            self.renewed = now;
        }
        let changes = store.changes(&self.account, &mut self.position, |_| true).await?;
        Ok(changes.events.into_iter().collect())
    }
}
