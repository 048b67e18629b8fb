//! Running a stored event again: with the version and settings of then, to prove that they give the same, or with another
//! build, to see what would change.

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use crate::cause::Problem;
use crate::contract::log::Level;
use crate::load;
use crate::model::account::QuotaClass;
use crate::model::delivery::Dropped;
use crate::model::event::Event;
use crate::model::id::VersionId;
use crate::plan::Plan;
use crate::schema::Settings;
use crate::store::{PastRun, RunFigures, RunOutcome, Store};
use crate::transform::{Quota, Transformer};
use crate::trial::{self, Guest, Trial};

/// A run of then, and the same run now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Rerun {
    pub then: PastRun,
    pub now: Again,
    /// The outcome is the same, byte for byte.
    pub same_bytes: bool,
    pub same_fuel: bool,
}

/// What the run comes to now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RunAgain)]
pub struct Again {
    pub plan: Option<Plan>,
    pub problem: Option<Problem>,
    pub dropped: Vec<Dropped>,
    pub lines: Vec<(Level, String)>,
    #[serde(flatten)]
    pub figures: RunFigures,
}

/// Another build that is to run instead.
pub struct Build<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// Runs an event again as it ran then.
///
/// # Errors
/// When something that decides the run is no longer kept, or the component does not load; a sentence says what.
pub async fn rerun(
    store: &Store,
    transformer: &Transformer,
    event: &Event,
    then: PastRun,
    build: Option<Build<'_>>,
) -> anyhow::Result<Rerun> {
    let body = store.body(event).await?;
    let body =
        body.with_context(|| format!("the body of {} was removed: it is older than bodies are kept", event.id))?;
    let settings = then.settings.clone();
    let settings = settings.context("the settings of this run are not known: it is from before they were noted")?;
    let quota = store.quota(event.account_id.as_str()).await?;
    let (event, version_id) = (event.clone(), then.version_id.clone());
    let trial = match build {
        None => {
            let loaded = load::ready(store, transformer, &version_id).await?;
            let (label, settings) = (then.version.clone(), serde_json::to_string(&settings)?);
            on_a_thread(move || {
                let guest =
                    Guest { loaded: &loaded, label: &label, version_id: &version_id, settings: &settings, quota };
                Ok(trial::run(guest, &event, &body)?)
            })
            .await?
        }
        Some(Build { name, bytes }) => {
            let (name, bytes, transformer) = (name.to_owned(), bytes.to_owned(), transformer.clone());
            let whose = (version_id, quota);
            on_a_thread(move || another(&transformer, (&name, &bytes), whose, settings, &event, &body)).await?
        }
    };
    Ok(compare(then, trial))
}

fn another(
    transformer: &Transformer,
    (name, bytes): (&str, &[u8]),
    (version_id, quota): (VersionId, QuotaClass),
    settings: Value,
    event: &Event,
    body: &str,
) -> anyhow::Result<Trial> {
    let loaded = transformer.compile(bytes).with_context(|| format!("{name} is no transformation"))?;
    let (manifest, _) = loaded.describe_within(Quota::of(quota))?;
    let schema = Settings::compile(&manifest.settings_schema)?;
    let settings = schema.complete(settings).map_err(|violations| {
        let places: Vec<_> = violations.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the settings of then do not fit {name}: {}", places.join("; "))
    })?;
    let settings = settings.to_string();
    let guest = Guest { loaded: &loaded, label: name, version_id: &version_id, settings: &settings, quota };
    Ok(trial::run(guest, event, body)?)
}

/// Guests burn a core; they run beside the threads that answer requests.
async fn on_a_thread<T: Send + 'static>(run: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(run).await.context("the run panicked")?
}

fn compare(then: PastRun, now: Trial) -> Rerun {
    let same_bytes = match (&then.outcome, &now.outcome) {
        (RunOutcome::Planned(stored), Ok(plan)) => {
            serde_json::to_string(plan).is_ok_and(|again| again == *stored) && then.dropped == now.dropped
        }
        (RunOutcome::Stopped(stored), Err(problem)) => stored == problem && then.dropped == now.dropped,
        _ => false,
    };
    let same_fuel = then.figures.fuel == now.figures.fuel;
    let (plan, problem) = match now.outcome {
        Ok(plan) => (Some(plan), None),
        Err(problem) => (None, Some(problem)),
    };
    let now = Again { plan, problem, dropped: now.dropped, lines: now.lines, figures: now.figures };
    Rerun { then, now, same_bytes, same_fuel }
}
