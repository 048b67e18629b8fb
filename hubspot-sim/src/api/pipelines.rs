//! Pipelines with their stages, and owners: what settings forms are filled from.

use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::portal::PortalState;
use crate::request::Request;

/// Owners of one page, if the call does not say, and at most.
const OWNERS_PAGE: usize = 100;
const OWNERS_MAX: usize = 500;

pub(super) fn list(portal: &PortalState, request: &Request, object_type: &str) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let pipelines = portal.pipelines.get(object_type).into_iter().flatten().enumerate();
    let listed = pipelines.filter(|(_, pipeline)| !pipeline.archived);
    let results: Vec<_> = listed.map(|(order, pipeline)| pipeline.to_json(order)).collect();
    Ok(Answer::json(200, json!({"results": results})))
}

pub(super) fn get(portal: &PortalState, request: &Request, object_type: &str, id: &str) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let mut pipelines = portal.pipelines.get(object_type).into_iter().flatten().enumerate();
    let found = pipelines.find(|(_, pipeline)| pipeline.id == id && !pipeline.archived);
    let (order, pipeline) = found.ok_or_else(|| Refusal::not_found(format!("there is no pipeline '{id}'")))?;
    Ok(Answer::json(200, pipeline.to_json(order)))
}

pub(super) fn list_owners(portal: &PortalState, request: &Request) -> Result<Answer, Refusal> {
    request.allow_queries(&["limit", "after", "archived", "email"])?;
    let number = |name: &str| request.query(name).map(str::parse::<u64>).transpose();
    let bad = |_| Refusal::validation("`limit` and `after` are numbers");
    let limit = number("limit").map_err(bad)?.map_or(OWNERS_PAGE, |limit| usize::try_from(limit).unwrap_or(OWNERS_MAX));
    let after = number("after").map_err(bad)?.unwrap_or_default();
    if !(1..=OWNERS_MAX).contains(&limit) {
        return Err(Refusal::validation(format!("`limit` is 1 to {OWNERS_MAX}")));
    }
    let archived = request.query("archived") == Some("true");
    let is_wanted = |email: &str| request.query("email").is_none_or(|wanted| wanted.eq_ignore_ascii_case(email));
    let owners = portal.owners.iter().filter(|owner| owner.archived == archived && is_wanted(&owner.email));
    let rest: Vec<_> = owners.filter(|owner| owner.id > after).collect();
    let page = &rest[..limit.min(rest.len())];
    let mut body = json!({"results": page.iter().map(|owner| owner.to_json()).collect::<Vec<_>>()});
    if let Some(last) = page.last().filter(|_| rest.len() > limit) {
        body["paging"] = json!({"next": {"after": last.id.to_string()}});
    }
    Ok(Answer::json(200, body))
}
