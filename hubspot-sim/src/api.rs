//! HubSpot's API: who may call, and which file answers which path.

mod account;
mod associations;
mod batch;
mod create;
mod pipelines;
mod properties;
mod reads;
mod search;
mod single;
mod update;
mod upsert;

use crate::answer::{Answer, Refusal};
use crate::condition;
use crate::portal::PortalState;
use crate::request::Request;
use crate::scope;
use crate::turn::{Turn, Version};

pub(crate) use properties::{check as check_property, check_type as check_property_type};

pub(crate) fn answer(portal: &mut PortalState, turn: &mut Turn, request: &Request) -> Answer {
    let token = request.bearer().unwrap_or_default();
    let is_app = match portal.caller(token, turn.now) {
        Ok(caller) => caller.client_id.is_some(),
        Err(refusal) => return refusal.into_answer(&mut turn.random),
    };
    let is_search = request.path.last().is_some_and(|last| last == "search");
    let admitted = condition::admit(&mut portal.limits, &portal.knobs, &portal.time_zone, is_search, turn.now);
    let result = admitted.and_then(|()| route(portal, turn, request));
    let mut answer = result.unwrap_or_else(|refusal| refusal.into_answer(&mut turn.random));
    if !is_search {
        answer.headers.extend(condition::headers(&portal.limits, &portal.knobs, is_app));
    }
    answer
}

fn route(portal: &mut PortalState, turn: &mut Turn, request: &Request) -> Result<Answer, Refusal> {
    let segments = request.segments();
    let (area, version, rest) = match segments.as_slice() {
        ["crm", area, version, rest @ ..] => (*area, *version, rest),
        [area @ ("account-info" | "appinstalls"), version, rest @ ..] => (*area, *version, rest),
        _ => return Err(Refusal::unknown_path()),
    };
    turn.version = Version::parse(version).ok_or_else(Refusal::unknown_path)?;
    let caller = portal.caller(request.bearer().unwrap_or_default(), turn.now)?;
    if let Some(scopes) = scope::missing(caller.scopes, &request.method, area, rest) {
        return Err(Refusal::missing_scopes(scopes));
    }
    match (request.method.as_str(), area, rest) {
        ("POST", "objects", [kind, "batch", "read"]) => reads::batch(portal, turn, request, kind),
        ("POST", "objects", [kind, "batch", "upsert"]) => upsert::batch(portal, turn, request, kind),
        ("POST", "objects", [kind, "batch", "create"]) => create::batch(portal, turn, request, kind),
        ("POST", "objects", [kind, "batch", "update"]) => update::batch(portal, turn, request, kind),
        ("POST", "objects", [kind, "search"]) => search::search(portal, turn, request, kind),
        ("POST", "objects", ["0-1", "gdpr-delete"]) => single::erase(portal, turn, request),
        ("POST", "objects", [kind]) => create::single(portal, turn, request, kind),
        ("GET", "objects", [kind, id]) => single::get(portal, turn, request, kind, id),
        ("PATCH", "objects", [kind, id]) => single::patch(portal, turn, request, kind, id),
        ("DELETE", "objects", [kind, id]) => single::delete(portal, turn, request, kind, id),
        ("PUT", "objects", [from, id, "associations", "default", to, to_id]) => {
            associations::put_default(portal, turn, request, (from, id), (to, to_id))
        }
        ("GET", "objects", [from, id, "associations", to]) if turn.version == Version::March2026 => {
            associations::list(portal, turn, request, (from, id), to)
        }
        ("POST", "associations", [from, to, "batch", "associate", "default"]) => {
            associations::batch_default(portal, turn, request, from, to)
        }
        ("POST", "associations", [from, to, "batch", "read"]) => {
            associations::batch_read(portal, turn, request, from, to)
        }
        ("GET", "properties", [kind]) => properties::list(portal, request, kind),
        ("POST", "properties", [kind]) => properties::create(portal, turn, request, kind),
        ("GET", "properties", [kind, "groups"]) => properties::list_groups(portal, request, kind),
        ("POST", "properties", [kind, "groups"]) => properties::create_group(portal, request, kind),
        ("GET", "properties", [kind, name]) => properties::get(portal, request, kind, name),
        ("PATCH", "properties", [kind, name]) => properties::patch(portal, turn, request, kind, name),
        ("GET", "property-validations", [kind]) => properties::list_rules(portal, request, kind),
        ("GET", "pipelines", [kind]) => pipelines::list(portal, request, kind),
        ("GET", "pipelines", [kind, id]) => pipelines::get(portal, request, kind, id),
        ("GET", "owners", []) => pipelines::list_owners(portal, request),
        ("GET", "account-info", ["details"]) => account::details(portal, turn, request),
        ("DELETE", "appinstalls", ["external-install"]) => account::uninstall(portal, turn, request),
        _ => Err(Refusal::unknown_path()),
    }
}
