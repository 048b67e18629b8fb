//! `leadline audit`: who did what, in the dashboard, by the API and on the command line.

use super::Context;
use super::failure::Result;
use super::output::printable;
use crate::model::id::AuditId;
use crate::store::AuditEntry;

/// Entries that are looked through for those that fit.
const LOOKED_MAX: u32 = 10_000;
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
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only actions that begin so, such as `connections`, or `bindings.create`.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done to something whose id holds this.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

impl List {
    fn takes(&self, entry: &AuditEntry) -> bool {
        let holds = |text: &str, part: &Option<String>| {
            part.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        holds(&entry.actor, &self.actor)
            && holds(&entry.subject, &self.subject)
            && self.action.as_ref().is_none_or(|begin| entry.action.starts_with(begin.as_str()))
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let Command::List(list) = command;
    let store = context.store().await?;
    let account = context.account_or_all(&store, list.account.as_deref()).await?;
    let (mut found, mut before, mut looked) = (Vec::new(), None::<AuditId>, 0);
    while found.len() < list.limit && looked < LOOKED_MAX {
        let page = store.audit(account.as_ref(), before.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
        looked += PAGE;
        found.extend(page.into_iter().filter(|entry| list.takes(entry)));
    }
    found.truncate(list.limit);
    let row = |entry: &AuditEntry| {
        let detail = if entry.detail.is_null() { String::new() } else { printable(&entry.detail.to_string()) };
        vec![entry.at.to_string(), entry.actor.clone(), entry.action.clone(), entry.subject.clone(), detail]
    };
    context.list(&found, &["At", "Who", "What", "To what", "Asked for"], row, "Nothing that fits was done.")
}
