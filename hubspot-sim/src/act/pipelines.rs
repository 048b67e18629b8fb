//! What people do to pipelines and their stages, and who works in the portal.

use super::Act;
use crate::answer::Refusal;
use crate::portal::pipeline::{Owner, Pipeline, Stage};
use crate::portal::{DEAL, PortalState};

/// The chance of a deal in a stage that somebody adds.
const PROBABILITY: &str = "0.5";

pub(super) fn perform(portal: &mut PortalState, act: Act) -> Result<(), Refusal> {
    match act {
        Act::AddPipeline { pipeline, label } => {
            if pipeline_of(portal, &pipeline).is_ok() {
                return Err(Refusal::validation(format!("there is a pipeline {pipeline} already")));
            }
            portal.pipelines.entry(DEAL.to_owned()).or_default().push(Pipeline::new(&pipeline, &label, &[]));
        }
        Act::AddStage { pipeline, stage, label } => {
            let pipeline = pipeline_of(portal, &pipeline)?;
            if pipeline.stages.iter().any(|one| one.id == stage) {
                return Err(Refusal::validation(format!("there is a stage {stage} in {} already", pipeline.id)));
            }
            pipeline.stages.push(Stage::new(&stage, &label, PROBABILITY));
        }
        Act::ArchiveStage { pipeline, stage } => stage_of(portal, &pipeline, &stage)?.archived = true,
        Act::LockStage { pipeline, stage, locked } => stage_of(portal, &pipeline, &stage)?.writable = !locked,
        Act::ArchivePipeline { pipeline } => pipeline_of(portal, &pipeline)?.archived = true,
        Act::RestorePipeline { pipeline } => pipeline_of(portal, &pipeline)?.archived = false,
        Act::AddOwner { id, user_id, email, name } => {
            if portal.owners.iter().any(|owner| owner.id == id) {
                return Err(Refusal::validation(format!("there is an owner {id} already")));
            }
            let (first_name, last_name) = name.split_once(' ').unwrap_or((&name, ""));
            let (first_name, last_name) = (first_name.to_owned(), last_name.to_owned());
            portal.owners.push(Owner { id, user_id, email, first_name, last_name, archived: false });
            // Pages of owners go by their ids.
            portal.owners.sort_by_key(|owner| owner.id);
        }
        Act::ArchiveOwner { id } => {
            let owner = portal.owners.iter_mut().find(|owner| owner.id == id);
            owner.ok_or_else(|| Refusal::not_found(format!("there is no owner {id}")))?.archived = true;
        }
        _ => return Err(Refusal::unknown_path()),
    }
    Ok(())
}

fn pipeline_of<'a>(portal: &'a mut PortalState, id: &str) -> Result<&'a mut Pipeline, Refusal> {
    let pipelines = portal.pipelines.get_mut(DEAL).into_iter().flatten();
    let found = pipelines.into_iter().find(|one| one.id == id);
    found.ok_or_else(|| Refusal::not_found(format!("there is no pipeline {id}")))
}

fn stage_of<'a>(portal: &'a mut PortalState, pipeline: &str, stage: &str) -> Result<&'a mut Stage, Refusal> {
    let found = pipeline_of(portal, pipeline)?.stages.iter_mut().find(|one| one.id == stage);
    found.ok_or_else(|| Refusal::not_found(format!("there is no stage {stage} in {pipeline}")))
}
