//! `leadline event rerun`: a stored event run again, to prove what happened or to try another build. Nothing is sent.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::file::read;
use super::{event_id, found, runs};
use crate::app::open_store;
use crate::diff;
use crate::model::event::Event;
use crate::model::id::EventId;
use crate::redact::redacted;
use crate::rerun::{Build, Rerun, rerun};
use crate::store::{PastRun, Store};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Id of the event, `evt_…`: its last run. Or of one run, `dlv_…` or `run_…`, with `--event`.
    run: String,
    /// The event of the run, where the run is named.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Another build to run instead.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Write the event into this new folder as an example, with everything about the person replaced, and run nothing.
    #[arg(long, value_name = "FOLDER", conflicts_with = "component")]
    redacted: Option<PathBuf>,
}

pub(in crate::cli) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = open_store(&context.config).await?;
    let event = found(&store, &event_of(&args)?).await?;
    let then = wanted(&store, &event, &args.run).await?;
    if let Some(folder) = &args.redacted {
        return write_example(&store, &event, &then, folder, context).await;
    }
    let bytes = args.component.as_deref().map(read).transpose()?;
    let name = args.component.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let build = bytes.as_deref().map(|bytes| Build { name: &name, bytes });
    let is_other = build.is_some();
    let rerun = rerun(&store, &context.transformer()?, &event, then, build).await?;
    context.one(&rerun, |rerun| text(rerun, is_other))?;
    match rerun.same_bytes && rerun.same_fuel || is_other {
        true => Ok(()),
        false => Err(Failure::problems("the same event, version and settings gave something else".to_owned())
            .hint("tell whoever runs Leadline: a run has to be the same everywhere")),
    }
}

fn event_of(args: &Args) -> Result<EventId> {
    let named = args.event.as_deref().or_else(|| args.run.starts_with("evt_").then_some(&args.run));
    match named {
        Some(event) => event_id(event),
        None => Err(Failure::usage(format!("`{}` is no event", args.run)).hint("name its event with `--event`")),
    }
}

/// The run of an id, or the last one.
async fn wanted(store: &Store, event: &Event, id: &str) -> Result<PastRun> {
    let runs = store.runs_of(event).await?;
    let wanted = runs.into_iter().rfind(|run| id.starts_with("evt_") || run.id == id);
    wanted.ok_or_else(|| {
        Failure::not_found(format!("no such run of {} is kept", event.id))
            .hint("`leadline event runs` shows those that are")
    })
}

async fn write_example(
    store: &Store,
    event: &Event,
    run: &PastRun,
    folder: &Path,
    context: &mut Context<'_>,
) -> Result<()> {
    let gone = || Failure::not_found(format!("the body of {} was removed: it is older than bodies are kept", event.id));
    let body = store.body(event).await?.ok_or_else(gone)?;
    let body: Value = serde_json::from_str(&crate::payload::mend_surrogates(&body)).map_err(anyhow::Error::from)?;
    std::fs::create_dir(folder)
        .map_err(|error| Failure::failed(format!("cannot make the folder {}: {error}", folder.display())))?;
    for (name, value) in [("event.json", redacted(&body)), ("settings.json", run.settings.clone().unwrap_or_default())]
    {
        let text = serde_json::to_string_pretty(&value).map_err(anyhow::Error::from)?;
        std::fs::write(folder.join(name), format!("{text}\n"))?;
    }
    let made = serde_json::json!({ "folder": folder, "event": event.id, "version": run.version });
    context.one(&made, |_| {
        format!("{} holds the event without the person, and the settings of {}.", folder.display(), run.version)
    })
}

fn text(rerun: &Rerun, is_other: bool) -> String {
    let mut lines = vec![runs::text(&rerun.then), String::new()];
    let used = format!("fuel {} · {} µs", rerun.now.figures.fuel, rerun.now.figures.micros);
    lines.push(match (rerun.same_bytes, rerun.same_fuel, is_other) {
        (true, true, _) => format!("Again, the same to the byte, and the same fuel. {used}"),
        (true, false, true) => format!("The other build does the same, to the byte, with other fuel. {used}"),
        (true, false, false) => format!("Again, the same bytes with OTHER FUEL. {used}"),
        (false, _, true) => format!("The other build does something else. {used}"),
        (false, _, false) => format!("Again, and it is NOT THE SAME. {used}"),
    });
    if !rerun.same_bytes {
        let then = rerun.then.outcome.plan().map(|plan| plan.actions).unwrap_or_default();
        match (&rerun.now.plan, &rerun.now.problem) {
            (Some(now), _) => {
                lines.push(diff::text(&diff::differences(&then, &now.actions)).trim_end().to_owned());
            }
            (None, Some(problem)) => lines.push(format!("  {}: {}", problem.code, problem.detail)),
            (None, None) => {}
        }
    }
    lines.extend(rerun.now.lines.iter().map(|(level, line)| format!("  {}  {line}", level.label())));
    lines.join("\n")
}
