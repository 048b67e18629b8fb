//! `leadline issue`: what stands in the way of leads, what to do about it, and what people say and do meanwhile.

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::{Context, who};
use crate::issue::{self, Act, Found, IssueError, Shown, ShownPast, Standing};
use crate::model::time::clock;
use crate::model::word;
use crate::store::Comment;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the open issues, the oldest first; those that are muted come last.
    #[command(alias = "ls")]
    List {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
        /// The last ones that are over.
        #[arg(long)]
        over: bool,
    },
    /// Show an issue: what happened, what to do, whom it concerns, and what was said.
    #[command(alias = "get")]
    Show {
        /// Id of the issue, `iss_…`.
        issue: String,
    },
    /// Say that you have seen an issue and see to it.
    #[command(alias = "acknowledge")]
    Ack {
        /// Id of the issue, `iss_…`.
        issue: String,
    },
    /// Mute an issue: nobody is told of it, and it is not counted. What it holds waits as before.
    Mute {
        /// Id of the issue, `iss_…`.
        issue: String,
        /// For so many hours; without it, until it concerns more leads than now.
        #[arg(long)]
        hours: Option<u32>,
    },
    /// End the mute of an issue.
    Unmute {
        /// Id of the issue, `iss_…`.
        issue: String,
    },
    /// Say something about an issue. It stays readable when the issue is over.
    Comment {
        /// Id of the issue, `iss_…`.
        issue: String,
        text: String,
    },
}

impl Command {
    /// Never with what is said: it may name a shopper.
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Ack { issue } => Deed::to("issues.acknowledge", issue),
            Self::Mute { issue, .. } => Deed::to("issues.mute", issue),
            Self::Unmute { issue } => Deed::to("issues.unmute", issue),
            Self::Comment { issue, .. } => Deed::to("issues.comments", issue),
            Self::List { .. } | Self::Show { .. } => None,
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            IssueError::Store(error) => error.into(),
            IssueError::NotOpen(_) => Self::not_found(text).hint(fix),
            IssueError::TooMany => Self::conflict(text).hint(fix),
            IssueError::NoText | IssueError::LongText(_) | IssueError::Hours(_) => Self::usage(text).hint(fix),
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account, over: false } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let issues = issue::open(&store, account.as_ref(), clock()).await?;
            let header = ["Issue", "What", "About", "Waiting", "Went without", "Since", "State"];
            context.list(&issues, &header, row, "No issues: nothing stands in the way.")
        }
        Command::List { account, over: true } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let past = issue::over(&store, account.as_ref()).await?;
            let header = ["Issue", "What", "About", "Since", "Over", "Went on", "Comments"];
            context.list(&past, &header, past_row, "No issue is over yet.")
        }
        Command::Show { issue } => show(&issue, context).await,
        Command::Ack { issue } => act(&issue, Act::Acknowledge, context).await,
        Command::Mute { issue, hours } => act(&issue, Act::Mute(hours), context).await,
        Command::Unmute { issue } => act(&issue, Act::Unmute, context).await,
        Command::Comment { issue, text } => act(&issue, Act::Comment(text), context).await,
    }
}

async fn act(id: &str, act: Act, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let open = store.issue(id).await?.ok_or_else(|| IssueError::NotOpen(id.to_owned()))?;
    issue::act(&store, &open, act, &who(), clock()).await?;
    show(id, context).await
}

async fn show(id: &str, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let found = issue::find(&store, id, clock()).await?.ok_or_else(|| IssueError::NotOpen(id.to_owned()))?;
    let account = store.account(found.account().as_str()).await?;
    let slug = account.map_or_else(|| found.account().to_string(), |account| account.slug);
    context.one(&found, |found| match found {
        Found::Open(shown) => text(shown, &slug),
        Found::Over(past) => past_text(past, &slug),
    })
}

fn row(shown: &Shown) -> Vec<String> {
    let issue = &shown.issue;
    let about = issue.problem.subject.clone().unwrap_or_default();
    let (waiting, without) = (issue.held.to_string(), issue.dropped.to_string());
    vec![
        issue.id.to_string(),
        shown.title.to_owned(),
        about,
        waiting,
        without,
        issue.first_at.to_string(),
        word(&shown.state),
    ]
}

fn past_row(past: &ShownPast) -> Vec<String> {
    let issue = &past.issue;
    vec![
        issue.id.to_string(),
        past.title.to_owned(),
        issue.problem.subject.clone().unwrap_or_default(),
        issue.first_at.to_string(),
        issue.over_at.to_string(),
        issue.released.to_string(),
        past.comments.len().to_string(),
    ]
}

fn text(shown: &Shown, account: &str) -> String {
    let issue = &shown.issue;
    let code = issue.problem.code;
    let mut lines = vec![format!("{} ({code})", code.title()), format!("  {}", issue.problem.detail)];
    lines.push(format!("  account {account}, since {}, last met {}", issue.first_at, issue.last_at));
    if let Some(suspected) = &shown.suspected {
        lines.push(format!("  it began {}, by {}", suspected.text, suspected.by));
    }
    if let Some(tried) = &shown.in_vain {
        let by = if tried.by.is_empty() { String::new() } else { format!(", by {}", tried.by) };
        lines.push(format!("  the fix did not help: {}{by}", tried.text));
    }
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
    if let Some(seen) = &issue.acknowledged {
        lines.push(format!("  {} sees to it, since {}", seen.by, seen.at));
    }
    if let Some(muted) = issue.muted.as_ref().filter(|_| shown.state == Standing::Muted) {
        let until = muted.until.map_or_else(|| "it concerns more leads".to_owned(), |until| until.to_string());
        lines.push(format!("  muted by {} until {until}", muted.by));
    }
    lines.push(format!("What to do: {}", code.fix()));
    if let Some(path) = code.hubspot_path() {
        lines.push(format!("In HubSpot: {path}"));
    }
    lines.extend(shown.comments.iter().map(said));
    lines.join("\n")
}

fn past_text(past: &ShownPast, account: &str) -> String {
    let issue = &past.issue;
    let code = issue.problem.code;
    let mut lines = vec![format!("{} ({code})", code.title()), format!("  {}", issue.problem.detail)];
    lines.push(format!("  account {account}, since {}, over since {}", issue.first_at, issue.over_at));
    match issue.released {
        0 => {}
        1 => lines.push("  1 lead went on by itself".to_owned()),
        many => lines.push(format!("  {many} leads went on by themselves")),
    }
    lines.extend(past.comments.iter().map(said));
    lines.join("\n")
}

fn said(comment: &Comment) -> String {
    format!("{}, {}: {}", comment.at, comment.by, comment.text)
}
