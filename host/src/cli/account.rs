//! `leadline account`: dealerships.

use serde::Serialize;

use super::failure::{Failure, Result};
use super::output::grouped;
use super::transform::released;
use super::{Context, lane};
use crate::model::account::{Account, Connection, QuotaClass, Source};
use crate::model::lane::PauseScope;
use crate::model::share::Share;
use crate::model::time::{Timestamp, clock};
use crate::model::word;
use crate::quota::{self, Given};
use crate::store::{CreateAccount, Store};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make an account.
    Create {
        /// The dealership's name, such as "Ocean Honda".
        name: String,
        /// What people type; made of the name where it is not given.
        #[arg(long)]
        slug: Option<String>,
    },
    /// List the accounts.
    #[command(alias = "ls")]
    List,
    /// Let planning and delivering stand still. Events are taken in and wait; calls that are under way are finished.
    Pause {
        /// Slug or id.
        account: String,
    },
    /// Let everything go on that a pause of the account held.
    Resume {
        /// Slug or id.
        account: String,
    },
    /// Change what an account may use. It counts from the next event on, and what waited for more runs again.
    Set {
        /// Slug or id.
        #[arg(long)]
        account: String,
        /// What a run of its transformations may use: `standard`, or `javascript` for guests that bring an interpreter.
        #[arg(long, value_name = "CLASS")]
        quota: QuotaClass,
    },
    /// Show an account: its portal, its transformations, its sources.
    #[command(alias = "get")]
    Show {
        /// Slug or id.
        account: String,
    },
}

/// An account with what it owns.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    account: Account,
    /// Since when nothing of it is planned or delivered, because somebody paused it, or everything.
    paused_since: Option<Timestamp>,
    connections: Vec<Connection>,
    event_types: Vec<String>,
    transformations: Vec<Bound>,
    sources: Vec<Source>,
}

#[derive(Serialize)]
struct Bound {
    event_type: String,
    version: String,
    settings: serde_json::Value,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Create { name, slug } => create(&store, &name, slug, context).await,
        Command::List => {
            let accounts = store.accounts().await?;
            let row = |account: &Account| {
                vec![account.slug.clone(), account.name.clone(), account.id.to_string(), account.created_at.to_string()]
            };
            context.list(
                &accounts,
                &["Slug", "Name", "Id", "Created"],
                row,
                "No accounts yet: `leadline account create \"Ocean Honda\"`.",
            )
        }
        Command::Pause { account } => {
            let account = context.account(&store, &account).await?;
            lane::pause(&store, &PauseScope::Account(account.id), &name_of(&account.slug), context).await
        }
        Command::Resume { account } => {
            let account = context.account(&store, &account).await?;
            lane::resume(&store, &PauseScope::Account(account.id), &name_of(&account.slug), context).await
        }
        Command::Set { account, quota } => {
            let account = context.account(&store, &account).await?;
            let given = quota::give(&store, &account, quota, clock()).await?;
            context.one(&given, |given| {
                format!("Account `{}` has the quota {}.{}", given.account, quota_words(given), released(given.released))
            })
        }
        Command::Show { account } => {
            let account = context.account(&store, &account).await?;
            let shown = show(&store, account).await?;
            context.one(&shown, text)
        }
    }
}

async fn create(store: &Store, name: &str, slug: Option<String>, context: &mut Context<'_>) -> Result<()> {
    let slug = slug.unwrap_or_else(|| slug_of(name));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.trim().is_empty() || slug.is_empty() || slug.len() > 64 || !slug.bytes().all(plain) {
        return Err(Failure::usage(format!("`{slug}` is no slug: lower-case letters, digits and `-`, 64 at most"))
            .hint("choose one with `--slug`"));
    }
    match store.create_account(&slug, name.trim(), clock()).await? {
        CreateAccount::Created(account) => context.one(&account, |account| {
            format!(
                "Account {} ({}) is there, with the slug `{}`.\nNext: leadline connection connect --account {slug}\n      leadline source create --account {slug}",
                account.name, account.id, account.slug
            )
        }),
        CreateAccount::SlugTaken => Err(Failure::conflict(format!("there is an account `{slug}` already")).hint("choose another one with `--slug`")),
    }
}

fn name_of(slug: &str) -> String {
    format!("account `{slug}`")
}

fn slug_of(name: &str) -> String {
    let words = name.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

async fn show(store: &Store, account: Account) -> Result<Shown> {
    let routing = store.routing(&account.id).await?;
    let mut transformations = Vec::new();
    for binding in routing.bindings.into_iter().chain(routing.rest).filter(|binding| binding.share > Share::NONE) {
        let settings = serde_json::from_str(&binding.settings).map_err(anyhow::Error::from)?;
        let version = match binding.share {
            Share::ALL => binding.label,
            share => format!("{} on {share} of the events", binding.label),
        };
        transformations.push(Bound { event_type: binding.event_type, version, settings });
    }
    let pauses = store.pauses().await?;
    let is_whole = |(scope, _): &&(PauseScope, Timestamp)| {
        *scope == PauseScope::All || *scope == PauseScope::Account(account.id.clone())
    };
    Ok(Shown {
        paused_since: pauses.iter().find(is_whole).map(|(_, since)| *since),
        sources: store.sources(Some(&account.id)).await?,
        connections: routing.connections,
        event_types: routing.subscriptions.into_iter().map(|subscription| subscription.event_type).collect(),
        transformations,
        account,
    })
}

/// A class with its numbers.
fn quota_words(given: &Given) -> String {
    format!(
        "{}: {} fuel, {} MiB and {} ms a run",
        given.quota,
        grouped(given.fuel),
        given.memory_bytes >> 20,
        given.millis
    )
}

fn text(shown: &Shown) -> String {
    let mut lines = vec![format!(
        "{} ({}, slug `{}`), since {}",
        shown.account.name, shown.account.id, shown.account.slug, shown.account.created_at
    )];
    lines.push(format!("  quota {}", quota_words(&Given::of(&shown.account))));
    if let Some(since) = shown.paused_since {
        lines.push(format!("  paused since {since}: events are taken in and wait"));
    }
    for connection in &shown.connections {
        let state = word(&connection.state).replace('_', " ");
        lines.push(format!(
            "  portal {}: {state} ({}, API {})",
            connection.portal_id, connection.id, connection.api_version
        ));
    }
    if shown.connections.is_empty() {
        lines.push("  not connected: leads are stored and skipped".to_owned());
    }
    lines.push(format!(
        "  event types: {}",
        if shown.event_types.is_empty() { "none".to_owned() } else { shown.event_types.join(", ") }
    ));
    for bound in &shown.transformations {
        lines.push(format!("  {} goes through {} with {}", bound.event_type, bound.version, bound.settings));
    }
    for source in &shown.sources {
        lines.push(format!("  source {} ({})", source.id, source.name));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slug_is_made_of_the_name() {
        for (name, slug) in
            [("Ocean Honda", "ocean-honda"), ("  Müller & Söhne 24 ", "m-ller-s-hne-24"), ("Über", "ber"), ("!!", "")]
        {
            assert_eq!(super::slug_of(name), slug);
        }
    }
}
