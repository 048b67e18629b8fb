//! `leadline account`: dealerships.

mod series;

use clap::builder::PossibleValuesParser;

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::output::grouped;
use super::transform::released;
use super::{Context, lane, who};
use crate::account::{self, AccountError, ShownAccount};
use crate::deletion::{self, DeletionError};
use crate::model::account::{Account, AccountNote, QuotaClass};
use crate::model::lane::PauseScope;
use crate::model::time::clock;
use crate::model::word;
use crate::overview::{fields_of_account, of_account};
use crate::quota::{self, Breaks, Given, QuotaPreview};
use crate::store::Store;
use crate::view::fields::{FieldOfDay, FieldOfDays, FieldsByDay};
use crate::view::moment;
use crate::view::overview::{Overview, PERIODS, Period, Tile, Window};
use crate::view::suggestions::{Suggestion, is_known, suggestions};

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
        /// Change nothing: say which versions would be stopped, by what their newest runs used.
        #[arg(long)]
        dry_run: bool,
    },
    /// Say how things stand: the verdict in a sentence, and the figures behind it.
    Overview {
        /// Slug or id.
        account: String,
        /// The last day, week or month.
        #[arg(long, default_value = "week", value_parser = PossibleValuesParser::new(PERIODS.map(|period| period.word)))]
        period: String,
        /// Instead, from this day on, such as `2026-11-22`, as the account's clocks show it.
        #[arg(long, value_name = "DAY", conflicts_with = "period")]
        from: Option<String>,
        /// Until the end of this day; today where only the first is given.
        #[arg(long, value_name = "DAY", conflicts_with = "period")]
        until: Option<String>,
        /// Only of this dealership, by its slug.
        #[arg(long, value_name = "SLUG")]
        dealership: Option<String>,
    },
    /// Print the numbers behind a picture of the overview.
    Series(series::Args),
    /// Say which fields its leads had a value for, and what of it is in HubSpot.
    Fields {
        /// Slug or id.
        account: String,
        /// The last day, week or month.
        #[arg(long, default_value = "week", value_parser = PossibleValuesParser::new(PERIODS.map(|period| period.word)))]
        period: String,
    },
    /// Say what can be done with its leads in HubSpot, dismiss something of that, or bring it back.
    Suggestions {
        /// Slug or id.
        account: String,
        /// Do not show it again.
        #[arg(long, value_name = "NAME", value_parser = suggestion)]
        dismiss: Option<String>,
        /// Show it again.
        #[arg(long, value_name = "NAME", value_parser = suggestion)]
        restore: Option<String>,
    },
    /// Show what support keeps in mind about an account, keep something more, or take something out.
    Notes {
        /// Slug or id.
        account: String,
        /// Keep this.
        #[arg(long, value_name = "TEXT")]
        add: Option<String>,
        /// Take the note with this number out.
        #[arg(long, value_name = "NUMBER")]
        remove: Option<i64>,
    },
    /// Delete an account that is not connected, with all that is kept of its leads. This cannot be undone.
    Delete {
        /// Slug or id.
        account: String,
        /// The slug once more.
        #[arg(long, value_name = "SLUG")]
        confirm: String,
    },
    /// Show an account: its portal, its transformations, its sources.
    #[command(alias = "get")]
    Show {
        /// Slug or id.
        account: String,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Create { name, slug } => {
                let slug = slug.clone().unwrap_or_else(|| account::slug_of(name));
                Deed::to("accounts.create", &slug)
            }
            Self::Pause { account } => Deed::to("accounts.pause", account),
            // Its own history goes with it.
            Self::Delete { account, .. } => Deed::of("accounts.delete", account, None),
            Self::Resume { account } => Deed::to("accounts.resume", account),
            Self::Set { dry_run: true, .. } => None,
            Self::Set { account, .. } => Deed::to("accounts.quota.set", account),
            Self::Suggestions { account, dismiss: Some(_), .. }
            | Self::Suggestions { account, restore: Some(_), .. } => Deed::to("accounts.suggestions.set", account),
            Self::Suggestions { .. } => None,
            // Never with what is noted: it may name a shopper.
            Self::Notes { account, add: Some(_), .. } => Deed::to("accounts.notes", account),
            Self::Notes { account, remove: Some(_), .. } => Deed::to("accounts.notes.delete", account),
            Self::Notes { .. } => None,
            Self::List | Self::Show { .. } | Self::Overview { .. } | Self::Fields { .. } | Self::Series(_) => None,
        }
    }
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
        Command::Set { account, quota, dry_run: true } => {
            let account = context.account(&store, &account).await?;
            context.one(&quota::preview(&store, &account, quota).await?, preview_words)
        }
        Command::Set { account, quota, dry_run: false } => {
            let account = context.account(&store, &account).await?;
            let given = quota::give(&store, &account, quota, clock()).await?;
            context.changes(account.quota, quota);
            context.one(&given, |given| {
                format!("Account `{}` has the quota {}.{}", given.account, quota_words(given), released(given.released))
            })
        }
        Command::Notes { account, add, remove } => {
            let account = context.account(&store, &account).await?;
            if let Some(text) = add {
                account::note(&store, &account.id, (&text, &who()), clock()).await?;
            }
            if let Some(number) = remove {
                account::remove_note(&store, &account.id, number).await?;
            }
            let notes = store.account_notes(&account.id).await?;
            let row = |note: &AccountNote| {
                vec![note.number.to_string(), note.at.to_string(), note.by.clone(), note.text.replace('\n', " ")]
            };
            context.list(&notes, &["Number", "When", "Who", "Note"], row, "No notes.")
        }
        Command::Overview { account, period, from, until, dealership } => {
            let account = context.account(&store, &account).await?;
            let connection = store.connection_of(&account.id).await?;
            let (zone, now) = (moment::zone_of(connection.as_ref()), clock());
            let days = (from.unwrap_or_default(), until.unwrap_or_default());
            let window = Window::chosen(of_word(&period), (&days.0, &days.1), &zone, now)
                .map_err(|wrong| Failure::usage(wrong.to_string()).hint(wrong.fix()))?;
            let overview =
                of_account(&store, &account, connection.as_ref(), &window, dealership.as_deref(), now).await?;
            context.one(&overview, verdict)
        }
        Command::Series(args) => series::run(args, &store, context).await,
        Command::Fields { account, period } => {
            let account = context.account(&store, &account).await?;
            let connection = store.connection_of(&account.id).await?;
            let fields =
                fields_of_account(&store, &account, connection.as_ref(), of_word(&period), None, clock()).await?;
            context.one(&fields, by_field)
        }
        Command::Suggestions { account, dismiss, restore } => {
            let account = context.account(&store, &account).await?;
            for (item, is_dismissed) in [(dismiss, true), (restore, false)] {
                if let Some(item) = item {
                    store.dismiss(&account.id, &item, (is_dismissed, &who()), clock()).await?;
                }
            }
            let connection = store.connection_of(&account.id).await?;
            let connection =
                connection.ok_or_else(|| Failure::conflict(format!("account `{}` has no connection", account.slug)))?;
            let all = suggestions(&account, &connection, &store.dismissed(&account.id).await?);
            let row = |one: &Suggestion| {
                let state = if one.is_dismissed { "dismissed" } else { "" };
                vec![one.item.to_owned(), one.title.to_owned(), state.to_owned(), one.href.clone()]
            };
            context.list(&all, &["Name", "What", "", "Where"], row, "Nothing is left to suggest.")
        }
        Command::Delete { account, confirm } => {
            let account = context.account(&store, &account).await?;
            deletion::delete(&store, &account, &confirm, clock()).await?;
            context.one(&account, |account| {
                format!("Account `{}` is deleted. A running service removes what is left of it.", account.slug)
            })
        }
        Command::Show { account } => {
            let account = context.account(&store, &account).await?;
            let shown = account::show(&store, account).await?;
            context.one(&shown, text)
        }
    }
}

impl From<DeletionError> for Failure {
    fn from(error: DeletionError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            DeletionError::Connected(_) => Self::conflict(text).hint(fix),
            DeletionError::Unconfirmed(_) => Self::usage(text).hint(fix),
            DeletionError::Gone(_) => Self::not_found(text).hint(fix),
            DeletionError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::Slug(_) => Self::usage(text).hint("choose one with `--slug`"),
            AccountError::Taken(_) => Self::conflict(text).hint("choose another one with `--slug`"),
            AccountError::ManyNotes => Self::conflict(text).hint("take some out with `--remove`"),
            AccountError::NoNote(_) => Self::not_found(text).hint("`leadline account notes` shows them"),
            AccountError::Meanwhile(_) => Self::conflict(text).hint("make another one where it is still needed"),
            AccountError::Note(_)
            | AccountError::Name
            | AccountError::Tolerance(_)
            | AccountError::Rate(_)
            | AccountError::Overlap(_)
            | AccountError::EventType(_) => Self::usage(text),
        }
    }
}

async fn create(store: &Store, name: &str, slug: Option<String>, context: &mut Context<'_>) -> Result<()> {
    let account = account::create(store, name, slug, clock()).await?;
    context.one(&account, |account| {
        let Account { name, id, slug, .. } = account;
        format!(
            "Account {name} ({id}) is there, with the slug `{slug}`.\nNext: leadline connection connect --account {slug}\n      leadline source create --account {slug}"
        )
    })
}

/// The verdict, and each figure on a line.
fn verdict(overview: &Overview) -> String {
    let tile = |tile: &Tile| format!("  {:<20} {} {}", tile.label, tile.value, tile.note).trim_end().to_owned();
    let offers = overview.offers.iter().map(|offer| offer.text.clone());
    std::iter::once(overview.verdict.clone())
        .chain(offers)
        .chain(overview.tiles.iter().map(tile))
        .collect::<Vec<_>>()
        .join("\n")
}

fn suggestion(name: &str) -> std::result::Result<String, String> {
    if is_known(name) { Ok(name.to_owned()) } else { Err(format!("there is no suggestion `{name}`")) }
}

/// The period of a word that was checked.
fn of_word(word: &str) -> Period {
    PERIODS.into_iter().find(|known| known.word == word).unwrap_or(PERIODS[1])
}

/// Each field on a line.
fn by_field(fields: &FieldsByDay) -> String {
    let Some(first) = fields.fields.first().filter(|first| first.all.leads > 0) else {
        return "No lead was delivered, or nobody counted its fields.".to_owned();
    };
    let line = |field: &FieldOfDays| {
        let FieldOfDay { leads, valued, written } = field.all;
        let lost =
            if written < valued { format!(", {} not written", grouped(valued - written)) } else { String::new() };
        format!("  {:<30} {:>3} %{lost}", field.label, (valued * 100 + leads / 2) / leads)
    };
    let head = format!("Of {} delivered leads had a value:", grouped(first.all.leads));
    std::iter::once(head).chain(fields.fields.iter().map(line)).collect::<Vec<_>>().join("\n")
}

fn name_of(slug: &str) -> String {
    format!("account `{slug}`")
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

/// Who would break, a version a line.
fn preview_words(preview: &QuotaPreview) -> String {
    let QuotaPreview { account, to, runs_read, breaks, .. } = preview;
    if breaks.is_empty() {
        return format!(
            "With {to}, none of the last {} runs of `{account}` would have been stopped.",
            grouped(*runs_read)
        );
    }
    let line = |one: &Breaks| {
        let (fuel, mib) = (grouped(one.fuel), one.memory_bytes >> 20);
        format!("  {}: {} of {} runs; at most {fuel} fuel and {mib} MiB", one.version, one.stopped, one.runs)
    };
    let head = format!("With {to}, `{account}` would have had runs stopped, of the last {}:", grouped(*runs_read));
    std::iter::once(head).chain(breaks.iter().map(line)).collect::<Vec<_>>().join("\n")
}

fn text(shown: &ShownAccount) -> String {
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
