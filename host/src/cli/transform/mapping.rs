//! `leadline transform mapping`: what goes where; trying other settings of it on the last leads, and using them.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::super::Context;
use super::super::connection::find;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::super::file::read_json;
use super::super::output::printable;
use super::{Signed, released};
use crate::diff;
use crate::mapping::{self, Line, Mapping, MappingError, Preview};
use crate::model::access::Sight;
use crate::model::id::BindingId;
use crate::model::time::clock;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
    /// JSON file of the settings that are to be others; null goes back to what is usual. They are tried on the last leads.
    #[arg(long, value_name = "FILE")]
    change: Option<PathBuf>,
    /// Use them from the next lead on.
    #[arg(long, requires = "change")]
    apply: bool,
    /// Only if this is still the newest binding.
    #[arg(long, value_name = "BINDING", requires = "apply")]
    expect: Option<String>,
    #[command(flatten)]
    signed: Signed,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        match (&self.change, self.apply) {
            (Some(_), true) => Deed::to("accounts.mapping.set", &self.account),
            (Some(_), false) => Deed::to("accounts.mapping.preview", &self.account),
            (None, _) => None,
        }
    }
}

impl From<MappingError> for Failure {
    fn from(error: MappingError) -> Self {
        let text = error.to_string();
        match error {
            MappingError::Fixed(_) => Self::conflict(text),
            MappingError::Unknown(_) => {
                Self::usage(text).hint("`leadline transform mapping` lists those that there are")
            }
            MappingError::Rollout(error) => error.into(),
            MappingError::Ours(error) => error.into(),
        }
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let connection = find(&store, &args.account).await?;
    let account = context.account(&store, connection.account_id.as_str()).await?;
    let mapping = mapping::of_connection(&store, &account, &connection, None).await?;
    let Some(file) = &args.change else {
        return context.one(&mapping::with_samples(&store, &account, mapping, Sight::Whole).await?, text);
    };
    let Value::Object(changes) = read_json(file)? else {
        return Err(Failure::usage("the file holds no object of settings".to_owned()));
    };
    let choice = mapping::choose(&store, &account, &connection, &mapping, &changes).await?;
    let transformer = context.transformer()?;
    if !args.apply {
        let tried = mapping::preview(&store, &transformer, &connection, &choice, &args.signed.sign().by, clock).await?;
        return context.one(&tried, |tried| preview(tried, &changes));
    }
    let signed = (args.signed.sign(), args.expect.map(BindingId::stored));
    let enabled = mapping::apply(&store, &transformer, &connection, &choice, signed, clock).await?;
    context.one(&enabled, |enabled| format!("It counts from the next lead on.{}", released(enabled.released)))
}

fn text(mapping: &Mapping) -> String {
    let line = |line: &Line| {
        let from = if line.from.is_empty() { "–".to_owned() } else { line.from.join(", ") };
        let policy = line.policy.as_deref().or(line.usual).unwrap_or("–");
        let sample = line.sample.as_deref().unwrap_or_default();
        let property = match &line.written_to {
            Some(name) => format!("{} → {name}", line.property),
            None => line.property.clone(),
        };
        let shown = format!("  {from:<12} {property:<22} {policy:<10} {:<12} {sample}", line.state.label());
        printable(shown.trim_end())
    };
    let mut lines = vec![format!("Leads go through {}", mapping.version)];
    lines.extend(mapping.lines.iter().map(line));
    lines.extend(mapping.fields().iter().map(|field| {
        let value = mapping.settings.pointer(&field.pointer).map_or_else(|| "as usual".to_owned(), Value::to_string);
        format!("  {} = {value}", field.pointer.trim_start_matches('/'))
    }));
    lines.extend(mapping.fixed.map(|why| format!("Nothing can be changed here: {why}.")));
    lines.join("\n")
}

fn preview(tried: &Preview, changes: &Map<String, Value>) -> String {
    let names: Vec<_> = changes.keys().map(String::as_str).collect();
    let mut lines = vec![format!(
        "With other {}: {} of the last {} leads change, {} fail",
        names.join(", "),
        tried.report.changed,
        tried.report.events,
        tried.report.failed
    )];
    for lead in &tried.leads {
        lines.push(format!("  {}", lead.event));
        lines.extend(diff::text(&lead.changes).lines().map(|line| format!("    {line}")));
    }
    lines.push("Nothing was sent. Use it with `--apply`.".to_owned());
    lines.join("\n")
}
