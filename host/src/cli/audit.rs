//! `leadline audit`: who did what, in the dashboard, by the API and on the command line.

use super::Context;
use super::failure::{Failure, Result};
use super::output::printable;
use crate::model::id::AuditId;
use crate::store::{AuditEntry, Beside, Store};
use crate::view::activity::{self, Change, Query};
use crate::view::moment::zone_of;

/// Entries that are read at once.
const PAGE: u32 = 500;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List what was done, the newest first: in an account, or, without one, to the service.
    #[command(alias = "ls")]
    List(List),
}

#[derive(clap::Args, Debug)]
pub struct List {
    /// Slug or id; without it, what concerns the service or several accounts.
    #[arg(long)]
    account: Option<String>,
    /// Only what somebody did whose name holds this.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    actor: String,
    /// Only actions that begin so, such as `connections`, or `bindings.create`.
    #[arg(long, value_name = "ACTION", default_value = "", hide_default_value = true)]
    action: String,
    /// Only what was done to something whose id holds this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    subject: String,
    /// Only what was done then or later: a moment, or a day in the time zone of the portal.
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    from: String,
    /// Only what was done before that moment, or until the end of that day.
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    until: String,
    /// Only what was done before this entry: the last one of the list before.
    #[arg(long, value_name = "ENTRY")]
    after: Option<AuditId>,
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// All of it as a table for spreadsheets.
    #[arg(long, conflicts_with_all = ["limit", "after"])]
    csv: bool,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let Command::List(list) = command;
    let store = context.store().await?;
    let account = context.account_or_all(&store, list.account.as_deref()).await?;
    let connection = match &account {
        Some(account) => store.connection_of(account).await?,
        None => None,
    };
    let List { actor, action, subject, from, until, .. } = list;
    let query = Query { actor, action, subject, from, until };
    if let Some((field, value)) = query.wrong() {
        let text = format!("`{value}` is no {field} to filter by");
        return Err(Failure::usage(text).hint("it is a moment, or a day such as 2026-11-28"));
    }
    let filter = query.filter(account.as_ref(), &zone_of(connection.as_ref()));
    if list.csv {
        let table = activity::table(&store, &filter).await?;
        let lines = table.lines().map(printable);
        return Ok(lines.into_iter().try_for_each(|line| writeln!(context.out, "{line}"))?);
    }
    let found = entries(&store, &filter, list.after, list.limit).await?;
    let row = |entry: &AuditEntry| {
        let when = entry.at.to_string();
        vec![when, entry.actor.clone(), entry.action.clone(), entry.subject.clone(), printable(&told(entry))]
    };
    context.list(&found, &["At", "Who", "What", "To what", "Set, or asked for"], row, "Nothing that fits was done.")
}

async fn entries(
    store: &Store,
    filter: &crate::store::AuditFilter,
    after: Option<AuditId>,
    limit: usize,
) -> Result<Vec<AuditEntry>> {
    let mut beside = after.map_or(Beside::Newest, Beside::OlderThan);
    let mut found = Vec::new();
    while found.len() < limit {
        let page = store.audit_page(filter, &beside, PAGE).await?;
        found.extend(page.entries);
        match found.last().filter(|_| page.has_older) {
            Some(last) => beside = Beside::OlderThan(last.id.clone()),
            None => break,
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// What was set, before and after; else what was asked for.
fn told(entry: &AuditEntry) -> String {
    let changes = activity::changes(&entry.detail);
    if changes.is_empty() {
        return activity::asked(&entry.detail);
    }
    let change = |Change { what, before, after }: &Change| match what.as_str() {
        "" => format!("{before} → {after}"),
        what => format!("{what}: {before} → {after}"),
    };
    changes.iter().map(change).collect::<Vec<_>>().join(", ")
}
