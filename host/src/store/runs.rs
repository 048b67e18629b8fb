//! The runs of an event: what each version made of it, and everything that decides it again.

use serde::Serialize;
use serde_json::Value;

use super::plans::RunFigures;
use super::retention::{first_id_since, time_of};
use super::{Result, Store, parse, query, sql};
use crate::cause::{Code, Problem};
use crate::contract::log::Level;
use crate::model::delivery::{Dropped, Progress};
use crate::model::event::Event;
use crate::model::id::{BindingId, VersionId};
use crate::model::time::Timestamp;
use crate::plan::Plan;

/// What a run came to.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// As it was stored, byte for byte.
    Planned(String),
    /// It gave no actions, and why.
    Stopped(Problem),
}

impl RunOutcome {
    /// What people call it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned(_) => "planned",
            Self::Stopped(problem) => match problem.code {
                Code::TransformSkipped => "skipped",
                Code::TransformRefused => "refused",
                _ => "failed",
            },
        }
    }

    pub fn plan(&self) -> Option<Plan> {
        match self {
            Self::Planned(text) => serde_json::from_str(text).ok(),
            Self::Stopped(_) => None,
        }
    }
}

/// A run that was made for real.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PastRun {
    /// The delivery that it led to, `dlv_…`, or of its own, `run_…`.
    pub id: String,
    pub at: Timestamp,
    /// None where it is from before bindings were noted with plans.
    pub binding: Option<BindingId>,
    /// Such as `deals@3`.
    pub version: String,
    pub version_id: VersionId,
    /// SHA-256 of the component.
    pub hash: String,
    pub settings: Option<Value>,
    pub outcome: RunOutcome,
    pub dropped: Vec<Dropped>,
    /// The log of the last run of this version on the event.
    pub lines: Vec<(Level, String)>,
    #[serde(flatten)]
    pub figures: RunFigures,
}

type Row = (
    String,
    Option<String>,
    String,
    i64,
    String,
    String,
    Option<String>,
    String,
    String,
    i64,
    i64,
    i64,
    Option<String>,
);

impl Store {
    /// Every run of an event that is still kept, the oldest first.
    pub async fn runs_of(&self, event: &Event) -> Result<Vec<PastRun>> {
        let (account, id) = (event.account_id.as_str(), event.id.as_str());
        let planned = query(sql!(
            "SELECT d.id, p.binding_id, t.name, v.number, v.id, v.hash, b.settings, p.plan, d.outcome, p.fuel, p.memory_bytes, p.micros, l.lines
             FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "") "
             JOIN plans AS p ON p.delivery_id = d.id AND p.account_id = d.account_id
             JOIN versions AS v ON v.id = d.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             LEFT JOIN bindings AS b ON b.account_id = d.account_id AND b.connection_id = d.connection_id AND b.event_type = $3 AND b.id = p.binding_id
             LEFT JOIN run_logs AS l ON l.account_id = d.account_id AND l.event_id = d.event_id AND l.version_id = d.version_id
             WHERE d.account_id = $1 AND d.event_id = $2 AND d.id >= $4"
        ));
        let planned = planned.bind(account).bind(id).bind(&event.event_type).bind(first_id_since("dlv", id));
        let stopped = query(sql!(
            "SELECT r.id, r.binding_id, t.name, v.number, v.id, v.hash, b.settings, r.problem, r.dropped, r.fuel, r.memory_bytes, r.micros, l.lines
             FROM runs AS r
             JOIN bindings AS b ON b.account_id = r.account_id AND b.event_type = $3 AND b.id = r.binding_id
             JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             LEFT JOIN run_logs AS l ON l.account_id = r.account_id AND l.event_id = r.event_id AND l.version_id = v.id
             WHERE r.account_id = $1 AND r.event_id = $2"
        ));
        let stopped = stopped.bind(account).bind(id).bind(&event.event_type);
        let planned: Vec<Row> = planned.fetch_all(&self.db).await?;
        let stopped: Vec<Row> = stopped.fetch_all(&self.db).await?;
        let mut runs = Vec::with_capacity(planned.len() + stopped.len());
        for row in planned {
            let (plan, progress) = (row.7.clone(), parse::<Progress>(&row.8)?);
            // What HubSpot made us drop has a code.
            let dropped = progress.dropped.into_iter().filter(|dropped| dropped.code.is_none()).collect();
            runs.push(run(row, RunOutcome::Planned(plan), dropped)?);
        }
        for row in stopped {
            let (problem, dropped) = (parse(&row.7)?, parse(&row.8)?);
            runs.push(run(row, RunOutcome::Stopped(problem), dropped)?);
        }
        runs.sort_by_key(|run| run.at);
        Ok(runs)
    }
}

fn run(row: Row, outcome: RunOutcome, dropped: Vec<Dropped>) -> Result<PastRun> {
    let (id, binding, name, number, version_id, hash, settings, _, _, fuel, memory_bytes, micros, lines) = row;
    let [fuel, memory_bytes, micros] = [fuel, memory_bytes, micros].map(|figure| u64::try_from(figure).unwrap_or(0));
    Ok(PastRun {
        at: time_of(&id).unwrap_or(Timestamp(0)),
        id,
        binding: binding.map(BindingId::stored),
        version: format!("{name}@{number}"),
        version_id: VersionId::stored(version_id),
        hash,
        settings: settings.as_deref().map(parse).transpose()?,
        outcome,
        dropped,
        lines: lines.as_deref().map(parse).transpose()?.unwrap_or_default(),
        figures: RunFigures { fuel, memory_bytes, micros },
    })
}
