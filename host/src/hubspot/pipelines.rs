//! Pipelines with their stages, and the owners that records can be given to.

use serde_json::Value;

use super::DEAL;
use super::client::{Portal, Request};
use crate::model::portal::{Owner, Pipeline, Stage};

/// Owners of one page.
const PAGE: usize = 100;

/// Lists the pipelines of deals.
pub fn read_pipelines(portal: &Portal) -> Request {
    Request::get("pipelines.list", format!("/crm/pipelines/{}/{DEAL}", portal.api_version))
}

/// Lists a page of the owners that are still there.
pub fn read_owners(portal: &Portal, after: Option<&str>) -> Request {
    let after = after.map_or_else(String::new, |after| format!("&after={after}"));
    let path = format!("/crm/owners/{}?limit={PAGE}&archived=false{after}", portal.api_version);
    Request::get("owners.list", path)
}

/// The pipelines of an answer, in the order of the portal.
pub fn pipelines_of(body: &Value) -> Vec<Pipeline> {
    let pipeline = |shown: &Value| {
        Some(Pipeline {
            id: shown["id"].as_str()?.to_owned(),
            label: text(shown, "label"),
            archived: is_archived(shown),
            stages: in_order(&shown["stages"]).into_iter().filter_map(stage).collect(),
        })
    };
    in_order(&body["results"]).into_iter().filter_map(pipeline).collect()
}

fn stage(shown: &Value) -> Option<Stage> {
    Some(Stage {
        id: shown["id"].as_str()?.to_owned(),
        label: text(shown, "label"),
        archived: is_archived(shown),
        writable: !matches!(shown["writePermissions"].as_str(), Some("READ_ONLY" | "INTERNAL_ONLY")),
    })
}

/// The owners of a page, and where the next one begins.
pub fn owners_of(body: &Value) -> (Vec<Owner>, Option<String>) {
    let owner = |shown: &Value| {
        let name = [text(shown, "firstName"), text(shown, "lastName")].join(" ");
        let email = text(shown, "email");
        let name = if name.trim().is_empty() { email.clone() } else { name.trim().to_owned() };
        Some(Owner { id: shown["id"].as_str()?.to_owned(), name, email })
    };
    let owners = body["results"].as_array().into_iter().flatten().filter(|shown| !is_archived(shown));
    let next = body["paging"]["next"]["after"].as_str().map(str::to_owned);
    (owners.filter_map(owner).collect(), next)
}

fn in_order(list: &Value) -> Vec<&Value> {
    let mut shown: Vec<_> = list.as_array().into_iter().flatten().collect();
    shown.sort_by_key(|entry| entry["displayOrder"].as_i64().unwrap_or(i64::MAX));
    shown
}

fn text(shown: &Value, name: &str) -> String {
    shown[name].as_str().unwrap_or("").to_owned()
}

fn is_archived(shown: &Value) -> bool {
    shown["archived"].as_bool() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pipelines_and_owners_are_read_as_the_portal_orders_them() {
        let body = json!({ "results": [
            { "id": "b", "label": "B", "displayOrder": 1, "archived": false, "stages": [] },
            { "id": "a", "label": "A", "displayOrder": 0, "archived": false, "stages": [
                { "id": "2", "label": "Two", "displayOrder": 1, "archived": true },
                { "id": "1", "label": "One", "displayOrder": 0, "archived": false, "writePermissions": "READ_ONLY" }] }] });
        let pipelines = pipelines_of(&body);
        let shown: Vec<_> =
            pipelines[0].stages.iter().map(|stage| (stage.id.as_str(), stage.archived, stage.writable)).collect();
        assert_eq!((pipelines[0].id.as_str(), pipelines[1].id.as_str()), ("a", "b"));
        assert_eq!(shown, [("1", false, false), ("2", true, true)]);
        let page = json!({ "results": [
            { "id": "7", "email": "a@x.org", "firstName": "Ana", "lastName": "Lee", "userId": 1 },
            { "id": "8", "email": "b@x.org", "firstName": "", "lastName": "", "archived": false },
            { "id": "9", "email": "c@x.org", "archived": true }], "paging": { "next": { "after": "8" } } });
        let (owners, next) = owners_of(&page);
        let names: Vec<_> = owners.iter().map(|owner| (owner.id.as_str(), owner.name.as_str())).collect();
        assert_eq!((names, next.as_deref()), (vec![("7", "Ana Lee"), ("8", "b@x.org")], Some("8")));
    }
}
