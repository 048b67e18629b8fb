//! What only deals and assigned records must keep: pipeline, stage and owner.

use std::collections::BTreeMap;

use crate::answer::Detail;
use crate::portal::record::Stored;
use crate::portal::{DEAL, PortalState};

/// The pipeline of a deal that names none.
pub(crate) const DEFAULT_PIPELINE: &str = "default";

/// What is wrong with pipeline and stage together. A stage counts only within its own pipeline.
pub(crate) fn check(
    portal: &PortalState,
    before: Option<&Stored>,
    properties: &BTreeMap<String, String>,
) -> Option<Detail> {
    let sent = |name: &str| properties.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if sent("pipeline").is_none() && sent("dealstage").is_none() {
        return None;
    }
    let had = |name: &str| before.and_then(|stored| stored.written(name));
    let pipeline_id = sent("pipeline").or_else(|| had("pipeline")).unwrap_or(DEFAULT_PIPELINE);
    let pipelines = portal.pipelines.get(DEAL);
    let pipeline = pipelines.and_then(|all| all.iter().find(|one| one.id == pipeline_id && !one.archived));
    let Some(pipeline) = pipeline else {
        let message = format!("{pipeline_id} is not a pipeline of this account");
        return Some(Detail::new(&portal.knobs.bad_pipeline_code, "pipeline", message));
    };
    let stage_id = sent("dealstage").or_else(|| had("dealstage"))?;
    if pipeline.open_stage(stage_id).is_some() {
        return None;
    }
    let message = format!("{stage_id} is not a stage that deals can be in, in the pipeline {pipeline_id}");
    Some(Detail::new(&portal.knobs.bad_stage_code, "dealstage", message))
}

/// Records take the id of an owner who is still there; the id of the user behind it is refused.
pub(crate) fn check_owner(portal: &PortalState, id: &str) -> Option<Detail> {
    let is_there = portal.owners.iter().any(|owner| !owner.archived && owner.id.to_string() == id);
    let message = || format!("there is no active owner with the id {id}");
    (!is_there).then(|| Detail::new(&portal.knobs.bad_owner_code, "hubspot_owner_id", message()))
}
