//! `leadline source`: who signs an account's events.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use super::file::read_text;
use crate::account::{self, SourceChange, SourceWish};
use crate::model::account::{SchemaMode, SchemaModes, Source};
use crate::model::time::clock;
use crate::model::word;
use crate::schema::event_type_names;
use crate::signature::Secret;
use crate::store::{Rejection, RejectionFilter, Store};

/// Hours that a rotated secret counts on: enough to change every sender in working hours.
const OVERLAP_HOURS: u64 = 24;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a source. Prints its signing secret, once.
    Create {
        /// Slug or id of the account.
        #[arg(long)]
        account: String,
        /// What people call it.
        #[arg(long, default_value = "chat widget")]
        name: String,
        /// How far the sender's clock may be off, in seconds, 60 to 900.
        #[arg(long, default_value_t = Source::TOLERANCE_S_DEFAULT, value_name = "SECONDS")]
        tolerance: i64,
        /// Events a second that each process takes from it; 0: any number.
        #[arg(long, default_value_t = Source::RATE_DEFAULT, value_name = "NUMBER", value_parser = rate)]
        rate: i64,
        /// What happens to an event that breaks its schema: `TYPE=off|warn|quarantine|reject`. Repeatable; `warn` else.
        #[arg(long, value_name = "TYPE=MODE", value_parser = schema_mode)]
        schema: Vec<(String, SchemaMode)>,
        /// Use the secret of this file (`whsec_…`) instead of a new one.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<std::path::PathBuf>,
    },
    /// Change what a source may send. It counts about a second later.
    Set {
        /// Id of the source.
        source: String,
        /// Events a second that each process takes from it; 0: any number.
        #[arg(long, value_name = "NUMBER", value_parser = rate, required_unless_present = "schema")]
        rate: Option<i64>,
        /// What happens to an event that breaks its schema: `TYPE=off|warn|quarantine|reject`. Repeatable.
        #[arg(long, value_name = "TYPE=MODE", value_parser = schema_mode)]
        schema: Vec<(String, SchemaMode)>,
    },
    /// Give a source a new signing secret. The old one counts on for a while.
    Rotate {
        /// Id of the source.
        source: String,
        /// Hours that the old secret counts on, 0 to 168.
        #[arg(long, default_value_t = OVERLAP_HOURS, value_name = "HOURS")]
        overlap: u64,
    },
    /// List the sources.
    #[command(alias = "ls")]
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<String>,
    },
    /// Show a source: what it may send, and what happens to events that break their schema.
    #[command(alias = "get")]
    Show {
        /// Id of the source.
        source: String,
    },
    /// List the requests that were refused, newest first, with the reason.
    Rejected {
        /// Only those of this source.
        #[arg(long)]
        source: Option<String>,
        /// Only those of this class, such as `forged`, `stale` or `schema`.
        #[arg(long)]
        class: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Create { account, name, .. } => Deed::of("sources.create", name, Some(account)),
            Self::Set { source, .. } => Deed::to("sources.set", source),
            Self::Rotate { source, .. } => Deed::to("sources.rotate", source),
            Self::List { .. } | Self::Show { .. } | Self::Rejected { .. } => None,
        }
    }
}

/// A source with its new secret, shown once.
#[derive(Serialize)]
struct WithSecret {
    #[serde(flatten)]
    source: Source,
    secret: String,
}

fn rate(text: &str) -> std::result::Result<i64, String> {
    let rate = text.parse().ok().filter(|rate| (0..=Source::RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("a rate is a whole number from 0 to {}", Source::RATE_MAX))
}

fn rate_words(source: &Source) -> String {
    if source.rate == 0 { "no limit".to_owned() } else { format!("{}/s", source.rate) }
}

fn text(source: &Source) -> String {
    let Source { id, name, account_id, tolerance_s, created_at, .. } = source;
    let mut lines = vec![
        format!("{id} ({name}) of account {account_id}, since {created_at}"),
        format!("  rate {}, clocks may differ by {tolerance_s} s", rate_words(source)),
    ];
    let modes = source.schema_modes.iter();
    lines.extend(modes.map(|(event_type, mode)| format!("  {event_type} that breaks its schema: {}", word(mode))));
    lines.join("\n")
}

async fn find(store: &Store, id: &str) -> Result<Source> {
    let found = store.sources(None).await?.into_iter().find(|known| known.id.as_str() == id);
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no source `{id}`")).hint("`leadline source list` shows them")
    })
}

fn schema_mode(text: &str) -> std::result::Result<(String, SchemaMode), String> {
    let (event_type, mode) = text.split_once('=').ok_or("write `TYPE=MODE`")?;
    let known = event_type_names();
    if !known.contains(&event_type) {
        return Err(format!("there is no schema for `{event_type}`; there are {}", known.join(", ")));
    }
    let mode = match mode {
        "off" => SchemaMode::Off,
        "warn" => SchemaMode::Warn,
        "quarantine" => SchemaMode::Quarantine,
        "reject" => SchemaMode::Reject,
        _ => return Err(format!("`{mode}` is no mode; there are off, warn, quarantine and reject")),
    };
    Ok((event_type.to_owned(), mode))
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Create { account, name, tolerance, rate, schema, secret_file } => {
            let account = context.account(&store, &account).await?;
            let secret = secret_file.as_deref().map(read_secret).transpose()?;
            let schema_modes: SchemaModes = schema.into_iter().collect();
            let wish = SourceWish { name: &name, tolerance_s: tolerance, rate, schema_modes, secret };
            let (source, secret) = account::create_source(&store, &account, wish, clock()).await?;
            let shown = WithSecret { secret: secret.expose_secret().to_owned(), source };
            context.one(&shown, |shown| format!(
                "Source {} is there. Its signing secret, shown this once:\n{}\nEvents go to POST /v1/sources/{}/events, signed as Standard Webhooks says.",
                shown.source.id, shown.secret, shown.source.id
            ))
        }
        Command::Set { source, rate, schema } => {
            let before = find(&store, &source).await?;
            let change = SourceChange { rate, schema_modes: schema.into_iter().collect() };
            let source = account::set_source(&store, &before, change, clock()).await?;
            context.changes(before.told(), source.told());
            context.one(&source, text)
        }
        Command::Rotate { source, overlap } => {
            let source = find(&store, &source).await?;
            let secret = account::rotate(&store, (&source, None), overlap, clock()).await?;
            let shown = WithSecret { secret: secret.expose_secret().to_owned(), source };
            context.one(&shown, |shown| format!(
                "The new signing secret of source {}, shown this once:\n{}\nThe old one counts for {overlap} h more.",
                shown.source.id, shown.secret
            ))
        }
        Command::List { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let sources = store.sources(account.as_ref()).await?;
            let row = |source: &Source| {
                vec![
                    source.id.to_string(),
                    source.name.clone(),
                    source.account_id.to_string(),
                    format!("{} s", source.tolerance_s),
                    rate_words(source),
                    source.created_at.to_string(),
                ]
            };
            context.list(
                &sources,
                &["Id", "Name", "Account", "Tolerance", "Rate", "Created"],
                row,
                "No sources yet: `leadline source create --account SLUG`.",
            )
        }
        Command::Show { source } => context.one(&find(&store, &source).await?, text),
        Command::Rejected { source, class, limit } => {
            let filter = RejectionFilter { source, class, limit, ..RejectionFilter::default() };
            let rejections = store.rejections_that_fit(&filter).await?;
            let row = |rejection: &Rejection| {
                vec![
                    rejection.at.to_string(),
                    rejection.source_id.clone(),
                    rejection.class.clone(),
                    rejection.detail.clone(),
                    rejection.sender_id.clone().unwrap_or_default(),
                    rejection.bytes.to_string(),
                ]
            };
            context.list(
                &rejections,
                &["At", "Source", "Class", "Reason", "Sender's id", "Bytes"],
                row,
                "No request was refused.",
            )
        }
    }
}

/// A signing secret from a file, checked.
pub(super) fn read_secret(file: &std::path::Path) -> Result<SecretString> {
    let text = read_text(file)?;
    let text = text.trim();
    Secret::parse(text)
        .map_err(|error| Failure::usage(format!("{} holds no signing secret: {error}", file.display())))?;
    Ok(SecretString::from(text.to_owned()))
}
