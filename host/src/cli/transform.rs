//! `leadline transform`: which versions a connection uses, and runs of transformations outside the service, in the same
//! engine and under the same limits.

mod dry_run;
mod enable;
mod form;
mod gates;
mod history;
mod rollback;
mod shadow;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::connection::{find, read_json};
use super::failure::{Failure, Result};
use super::output::printable;
use crate::app::open_hubspot;
use crate::cause::Code;
use crate::contract::actions::Action;
use crate::contract::log::Level;
use crate::model::account::{Connection, Sign};
use crate::model::delivery::Dropped;
use crate::model::time::clock;
use crate::payload::{self, Envelope};
use crate::plan::plan;
use crate::rollout::{self, Choice};
use crate::schema::Settings;
use crate::store::Store;
use crate::transform::{ComponentError, MEMORY_BYTES_MAX, RUN_FUEL, Stop, TransformRun, Transformer};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Run a transformation on one event and print its plan, log, fuel, memory and time.
    Run {
        /// The component, or a core module that carries the contract.
        file: PathBuf,
        /// JSON file of the event, as it is posted: `{"type", "timestamp", "data"}`.
        #[arg(long)]
        event: PathBuf,
        /// JSON file of the settings.
        #[arg(long)]
        settings: Option<PathBuf>,
    },
    /// Show the settings of a version, with what the portal offers for them.
    Form(form::Args),
    /// Run a version on the account's last leads beside the one in force: what would change? Nothing is sent.
    Shadow(shadow::Args),
    /// Show the calls to HubSpot that a lead would make. Nothing is sent.
    DryRun(dry_run::Args),
    /// Say what has to hold before a version is enabled. Exit code 3 where something does not.
    Gates(gates::Args),
    /// Use a version from now on, for all events or for a share of them.
    Enable(enable::Args),
    /// Go back to what was used before. New events use it at once, and what waited runs again.
    Rollback(rollback::Args),
    /// List what a connection uses and used, who chose it, and why.
    History(history::Args),
    /// Make a component out of a core module that carries the contract, and say what it needs.
    Component {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Who signs a change, for the history.
#[derive(clap::Args, Debug)]
pub struct Signed {
    /// Who does it.
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true, default_value = "somebody at the command line")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Signed {
    fn sign(&self) -> Sign {
        Sign::new(&self.by, &self.reason)
    }
}

/// The connection that a command is about, and the version with its settings.
async fn target(
    store: &Store,
    account: &str,
    version: &str,
    settings: Option<&Path>,
    context: &Context<'_>,
) -> Result<(Connection, Choice)> {
    let connection = find(store, account).await?;
    let account = context.account(store, connection.account_id.as_str()).await?;
    let settings = settings.map(read_json).transpose()?;
    let hubspot = open_hubspot(&context.config)?;
    let whose = (&account, &connection);
    let choice = rollout::choose_live(store, &hubspot, whose, version, settings, &clock).await?;
    Ok((connection, choice))
}

/// What `run` prints.
#[derive(Serialize)]
struct Shown {
    outcome: &'static str,
    actions: Option<Vec<Action>>,
    reason: Option<String>,
    code: Option<Code>,
    dropped: Vec<Dropped>,
    logs: Vec<(Level, String)>,
    fuel: u64,
    memory_bytes: u64,
    micros: u64,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Run { file, event, settings } => run_once(&file, &event, settings.as_deref(), context),
        Command::Form(args) => form::run(args, context).await,
        Command::Shadow(args) => shadow::run(args, context).await,
        Command::DryRun(args) => dry_run::run(args, context).await,
        Command::Gates(args) => gates::run(args, context).await,
        Command::Enable(args) => enable::run(args, context).await,
        Command::Rollback(args) => rollback::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Component { file, output } => {
            let component = crate::transform::component(&read(&file)?).map_err(|error| refused(&file, &error))?;
            Transformer::new()?.compile(&component).map_err(|error| refused(&file, &error))?;
            std::fs::write(&output, &component)?;
            let made =
                json!({ "file": output, "bytes": component.len(), "hash": crate::digest::sha256_hex(&component) });
            context.one(&made, |_| {
                format!("{}: {} bytes; it imports nothing but `log`", output.display(), component.len())
            })
        }
    }
}

fn run_once(file: &Path, event: &Path, settings: Option<&Path>, context: &mut Context<'_>) -> Result<()> {
    let transformer = Transformer::new()?;
    let loaded = transformer.compile(&read(file)?).map_err(|error| refused(file, &error))?;
    let manifest = loaded.describe().map_err(|error| refused(file, &error))?;
    let settings = settings.map_or_else(|| Ok(json!({})), read_json)?;
    let settings = complete(&manifest.settings_schema, settings)?;

    let body = read(event)?;
    let envelope =
        Envelope::read(&body).map_err(|error| Failure::usage(format!("{} is no event: {error}", event.display())))?;
    let id = event.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let occurred_at = envelope.occurred_at().unwrap_or_else(clock);
    let run = loaded.run(&payload::event(&id, &envelope.event_type, occurred_at, envelope.data), &settings.to_string());
    let (shown, failure) = judge(run);
    if context.json {
        context.json(&json!({ "data": shown }))?;
    } else {
        write!(context.out, "{}", printable(&text(&shown)))?;
    }
    failure.map_or(Ok(()), Err)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))
}

fn refused(file: &Path, error: &ComponentError) -> Failure {
    Failure::problems(format!("{} is no transformation: {error}", file.display()))
}

fn complete(schema: &str, settings: Value) -> Result<Value> {
    let schema = Settings::compile(schema).map_err(|error| Failure::problems(error.to_string()))?;
    schema.complete(settings).map_err(|violations| {
        let places: Vec<_> = violations.iter().map(ToString::to_string).collect();
        Failure::problems(format!("the settings do not fit the transformation: {}", places.join("; ")))
    })
}

/// What the service would make of the run, and how the command ends.
fn judge(run: TransformRun) -> (Shown, Option<Failure>) {
    let shown = |outcome, actions, reason: Option<&str>, code| Shown {
        outcome,
        actions,
        reason: reason.map(str::to_owned),
        code,
        dropped: run.dropped.clone(),
        logs: run.logs.clone(),
        fuel: run.fuel,
        memory_bytes: run.memory_bytes,
        micros: run.micros,
    };
    match run.actions {
        Ok(actions) => match plan(actions, None) {
            Ok(plan) => (shown("planned", Some(plan.actions), None, None), None),
            Err(invalid) => {
                let detail = invalid.to_string();
                (
                    shown("failed", None, Some(&detail), Some(Code::TransformOutputInvalid)),
                    Some(Failure::failed(format!("the transformation failed: {detail}"))),
                )
            }
        },
        Err(Stop::Skip(reason)) => (shown("skipped", None, Some(&reason), None), None),
        Err(Stop::Invalid(reason)) => {
            let failure = Failure::problems(format!("the transformation refused the event: \"{reason}\""));
            (shown("refused", None, Some(&reason), Some(Code::TransformRefused)), Some(failure))
        }
        Err(Stop::Failed(failed)) => {
            let text = format!("the transformation failed: {}", failed.detail);
            let failure = match failed.code {
                Code::TransformTrap | Code::TransformPanic | Code::TransformOutputInvalid => Failure::failed(text),
                _ => Failure::over_limit(text),
            };
            (shown("failed", None, Some(&failed.detail), Some(failed.code)), Some(failure))
        }
        Err(Stop::Ours(reason)) => {
            (shown("failed", None, Some(&reason), None), Some(Failure::temporary(reason.clone())))
        }
    }
}

fn text(shown: &Shown) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes everything");
    match (&shown.actions, &shown.reason) {
        (Some(actions), _) => {
            for (index, action) in actions.iter().enumerate() {
                line(format!("{index}  {}", headline(action)));
                for property in action.properties() {
                    let policy = property.policy.label();
                    line(format!("     {:<28} {:<60} {policy}", property.name, property.value));
                }
            }
        }
        (None, Some(reason)) => line(format!("{}: {reason}", shown.outcome)),
        (None, None) => line(shown.outcome.to_owned()),
    }
    for dropped in &shown.dropped {
        line(format!("dropped {} = {}: {}", dropped.field, dropped.value, dropped.reason));
    }
    for (level, message) in &shown.logs {
        line(format!("{}  {message}", level.label()));
    }
    let share = |used: u64, limit: u64| used as f64 * 100.0 / limit as f64;
    line(format!(
        "fuel {} of {RUN_FUEL} ({:.1} %) · memory {:.1} of {} MiB ({:.1} %) · {} µs",
        shown.fuel,
        share(shown.fuel, RUN_FUEL),
        shown.memory_bytes as f64 / 1_048_576.0,
        MEMORY_BYTES_MAX / 1_048_576,
        share(shown.memory_bytes, MEMORY_BYTES_MAX as u64),
        shown.micros,
    ));
    text
}

fn headline(action: &Action) -> String {
    let refers = |targets: &[u32]| targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match action {
        Action::UpsertContact(contact) => {
            let (name, value) = contact.key.parts();
            format!("contact by {name} = {value}")
        }
        Action::UpsertDeal(deal) => format!(
            "deal \"{}\" in {} / {}, by {} = {}, of {}",
            deal.name,
            deal.pipeline,
            deal.stage,
            deal.key.name,
            deal.key.value,
            refers(&deal.contacts)
        ),
        Action::AddNote(note) => {
            format!("note about {}:\n     {}", refers(&note.about), note.body.replace('\n', "\n     "))
        }
        Action::UpsertObject(object) => {
            let (name, value) = object.key.parts();
            format!("object {} by {name} = {value}, of {}", object.object_type, refers(&object.associated_with))
        }
    }
}
