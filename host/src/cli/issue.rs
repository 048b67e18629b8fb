//! `leadline issue`: what stands in the way of leads, and what to do about it.

use super::Context;
use super::failure::{Failure, Result};
use crate::store::Issue;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the open issues, the oldest first.
    #[command(alias = "ls")]
    List {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
    },
    /// Show an issue: what happened, what to do, and whom it concerns.
    #[command(alias = "get")]
    Show {
        /// Id of the issue, `iss_…`.
        issue: String,
    },
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let issues = store.issues(account.as_ref()).await?;
            let row = |issue: &Issue| {
                let about = issue.problem.subject.clone().unwrap_or_default();
                let (waiting, without) = (issue.held.to_string(), issue.dropped.to_string());
                let title = issue.problem.code.title().to_owned();
                vec![issue.id.to_string(), title, about, waiting, without, issue.first_at.to_string()]
            };
            let header = ["Issue", "What", "About", "Waiting", "Went without", "Since"];
            context.list(&issues, &header, row, "No issues: nothing stands in the way.")
        }
        Command::Show { issue } => {
            let found = store.issue(&issue).await?;
            let found = found.ok_or_else(|| {
                Failure::not_found(format!("there is no open issue `{issue}`"))
                    .hint("one that is mended is closed by itself; `leadline issue list` shows those that are open")
            })?;
            let account = store.account(found.account_id.as_str()).await?;
            let slug = account.map_or_else(|| found.account_id.to_string(), |account| account.slug);
            context.one(&found, |issue| text(issue, &slug))
        }
    }
}

fn text(issue: &Issue, account: &str) -> String {
    let code = issue.problem.code;
    let mut lines = vec![format!("{} ({code})", code.title()), format!("  {}", issue.problem.detail)];
    lines.push(format!("  account {account}, since {}, last met {}", issue.first_at, issue.last_at));
    match issue.held {
        0 => {}
        1 => lines.push("  1 lead waits for it and goes on by itself".to_owned()),
        many => lines.push(format!("  {many} leads wait for it and go on by themselves")),
    }
    if issue.dropped > 0 {
        let leads = if issue.dropped == 1 { "lead" } else { "leads" };
        lines.push(format!(
            "  {} {leads} went through without the value; once it is mended: leadline property fill --account {account}",
            issue.dropped
        ));
    }
    lines.push(format!("What to do: {}", code.fix()));
    if let Some(path) = code.hubspot_path() {
        lines.push(format!("In HubSpot: {path}"));
    }
    lines.join("\n")
}
