//! What all batches of writes share: all or nothing, unless every input can be told apart.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Kind, Refusal};
use crate::finding::FindingKind;
use crate::portal::PortalState;
use crate::time::iso;
use crate::turn::Turn;
use crate::write::{self, Claims, Draft, Link};

/// Inputs that one batch of records may have.
pub(super) const INPUTS_MAX: usize = 100;

/// A body that may have forgotten its inputs: HubSpot takes it, and does nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch<T> {
    pub(super) inputs: Option<Vec<T>>,
}

/// One record that a batch wants to write.
pub(super) struct Input {
    pub(super) trace: Option<String>,
    /// What names the input in an error.
    pub(super) id: Option<String>,
    /// The record to change, `None` for a new one, or why there is none to change.
    pub(super) target: Result<Option<u64>, Refusal>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) links: Result<Vec<Link>, Refusal>,
    /// Blanks what the input does not send.
    pub(super) blanks_the_rest: bool,
}

/// How the results of a batch look.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) status: u16,
    /// Results say whether their record is new.
    pub(super) tells_new: bool,
}

/// The inputs, if there are any and not too many. `None`: nothing is to be done.
pub(super) fn inputs<T>(
    portal: &mut PortalState,
    turn: &Turn,
    batch: Batch<T>,
    max: usize,
) -> Result<Option<Vec<T>>, Refusal> {
    let Some(inputs) = batch.inputs else {
        silent_no_op(portal, turn, "a body without inputs");
        return Ok(None);
    };
    if inputs.is_empty() || inputs.len() > max {
        return Err(Refusal::validation(format!("a batch has 1 to {max} inputs, and this one has {}", inputs.len())));
    }
    Ok(Some(inputs))
}

/// HubSpot says yes and does nothing.
pub(super) fn silent_no_op(portal: &mut PortalState, turn: &Turn, what: &str) {
    let text = format!("{what}: answered with success, and nothing was done");
    portal.findings.add(FindingKind::SilentNoOp, portal.id, turn.number, None, text);
}

/// Checks all inputs, then writes all, or those that are good if every input can be told apart.
pub(super) fn write_all(
    portal: &mut PortalState,
    turn: &mut Turn,
    object_type: &str,
    inputs: Vec<Input>,
    shape: Shape,
) -> Result<Answer, Refusal> {
    refuse_repeated_traces(&inputs)?;
    refuse_repeated_records(&inputs)?;
    let may_fail_apart = inputs.iter().all(|input| input.trace.is_some());
    let mut claims = Claims::default();
    let mut drafts = Vec::with_capacity(inputs.len());
    for input in &inputs {
        match draft(portal, turn, object_type, input, &mut claims) {
            Err(refusal) if refusal.status == 423 => return Err(refusal),
            Err(refusal) if refusal.status == 409 && !(may_fail_apart && portal.knobs.conflict_partial) => {
                // The envelope of a whole batch names the other record in its text only.
                return Err(Refusal { context: BTreeMap::new(), ..refusal });
            }
            Err(refusal) if !may_fail_apart => return Err(refusal),
            result => drafts.push(result),
        }
    }
    let mut results = Vec::with_capacity(drafts.len());
    let mut errors = Vec::new();
    for (input, draft) in inputs.iter().zip(drafts) {
        match draft {
            Ok(draft) => results.extend(written(portal, turn, object_type, input, &draft, shape)),
            Err(refusal) => errors.push(entry(&refusal, input)),
        }
    }
    Ok(reply(portal, turn, shape.status, results, errors))
}

fn draft(
    portal: &PortalState,
    turn: &Turn,
    object_type: &str,
    input: &Input,
    claims: &mut Claims,
) -> Result<Draft, Refusal> {
    let target = input.target.clone()?;
    let links = input.links.clone()?;
    let mut draft = write::check(portal, turn, object_type, target, &input.properties, claims)?;
    draft.links = links;
    if let Some(stored) =
        target.and_then(|id| portal.table(object_type).ok()?.get(id)).filter(|_| input.blanks_the_rest)
    {
        let unsent =
            stored.values.keys().filter(|name| !input.properties.contains_key(&***name) && &***name != "email");
        draft.blanks = unsent.cloned().collect();
    }
    Ok(draft)
}

/// Writes one record, and shows it as a result.
fn written(
    portal: &mut PortalState,
    turn: &Turn,
    object_type: &str,
    input: &Input,
    draft: &Draft,
    shape: Shape,
) -> Option<Value> {
    let id = write::commit(portal, turn, object_type, draft)?;
    let table = portal.table(object_type).ok()?;
    let names = input.properties.keys().map(String::as_str).chain(table.default_names().iter().copied());
    let mut result = table.to_json(table.get(id)?, names, turn.now);
    if shape.tells_new {
        result["new"] = json!(draft.target.is_none());
    }
    if portal.knobs.echo_trace
        && let Some(trace) = &input.trace
    {
        result["objectWriteTraceId"] = Value::from(trace.as_str());
    }
    if !draft.warnings.is_empty() {
        result["warnings"] = draft.warnings.iter().map(write::Warning::to_json).collect();
    }
    Some(result)
}

fn entry(refusal: &Refusal, input: &Input) -> Value {
    let mut refusal = refusal.clone();
    if refusal.kind == Kind::Category("OBJECT_NOT_FOUND") {
        refusal = refusal.with_context("ids", input.id.iter().cloned().collect());
    }
    refusal.entry(input.trace.as_deref())
}

/// The answer of a batch. Results come in any order but that of the inputs.
pub(super) fn reply(
    portal: &PortalState,
    turn: &mut Turn,
    status: u16,
    mut results: Vec<Value>,
    errors: Vec<Value>,
) -> Answer {
    turn.random.shuffle(&mut results);
    let mut body = json!({"status": "COMPLETE", "startedAt": iso(turn.now), "completedAt": iso(turn.now)});
    body["results"] = Value::Array(results);
    if errors.is_empty() {
        return Answer::json(status, body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = Value::Array(errors);
    let partial = portal.knobs.partial_status.unwrap_or_else(|| turn.version.partial_status(status));
    Answer::json(partial, body)
}

/// One trace id for two inputs would tell nobody which of them failed.
fn refuse_repeated_traces(inputs: &[Input]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    let mut traces = inputs.iter().filter_map(|input| input.trace.as_deref());
    match traces.find(|trace| !seen.insert(*trace)) {
        Some(trace) => Err(Refusal::validation(format!("objectWriteTraceId {trace} stands on more than one input"))
            .with_context("objectWriteTraceId", vec![trace.to_owned()])),
        None => Ok(()),
    }
}

/// Two keys may lead to one record, such as a primary and a secondary address.
fn refuse_repeated_records(inputs: &[Input]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    let target = |input: &Input| input.target.as_ref().ok().copied().flatten();
    match inputs.iter().filter_map(target).find(|id| !seen.insert(*id)) {
        Some(id) => {
            let same = inputs.iter().filter(|input| target(input) == Some(id));
            Err(duplicates(same.filter_map(|input| input.id.clone()).collect()))
        }
        None => Ok(()),
    }
}

pub(super) fn duplicates(ids: Vec<String>) -> Refusal {
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", "));
    Refusal::validation(message).with_context("ids", ids)
}
