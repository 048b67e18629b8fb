//! `/_sim`: the same scenes and looks as the handle has, for tests in other languages and by hand.

mod looks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::act::{self, Act};
use crate::answer::{Answer, Refusal};
use crate::fault::Fault;
use crate::knobs::Knobs;
use crate::oauth::OAuthApp;
use crate::portal::PortalState;
use crate::portal::schema::Property;
use crate::preset::Preset;
use crate::request::Request;
use crate::state;
use crate::time::iso;
use crate::world::{World, locked};
use looks::{calls, findings_json, installs, portal_json, record, records};

pub(crate) use looks::{associations, clear_findings, findings, record_with};

/// Records in one page, if the request does not say.
const PAGE: usize = 100;

/// How long a wait lasts, if the request does not say.
const WAIT_MS: u64 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPortal {
    preset: Preset,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    now_ms: i64,
}

pub(crate) async fn answer(world: &World, request: &Request) -> Answer {
    let result = match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["_sim", "wait"]) => wait(world, request).await,
        (method, path) => at_once(world, request, method, path),
    };
    match result {
        Ok(body) => Answer::json(200, body),
        Err(refusal) => Answer::json(refusal.status, json!({"error": refusal.message})),
    }
}

fn at_once(world: &World, request: &Request, method: &str, path: &[&str]) -> Result<Value, Refusal> {
    match (method, path) {
        ("GET", ["_sim", "portals"]) => Ok(world.portals().iter().map(|portal| portal_json(&locked(portal))).collect()),
        ("POST", ["_sim", "portals"]) => {
            let NewPortal { preset, name } = body(request)?;
            let portal = world.add_portal(preset, &name);
            let portal = locked(&portal);
            Ok(json!({
                "id": portal.id, "name": portal.name, "access_token": portal.token, "token_lives": portal.token_lives,
            }))
        }
        ("POST", ["_sim", "apps"]) => {
            let app: OAuthApp = body(request)?;
            match app.redirect_urls.iter().find_map(|url| app.refuses_redirect(url)) {
                Some(why) => Err(Refusal::bare(400, why)),
                None => {
                    world.add_app(app);
                    Ok(json!({}))
                }
            }
        }
        ("GET", ["_sim", "installs"]) => Ok(installs(&locked(&*portal(world, request)?))),
        ("POST", ["_sim", "acts"]) => {
            let act: Act = body(request)?;
            let id = act::perform(world, &mut locked(&*portal(world, request)?), act)?;
            world.progress.send_modify(|_| ());
            Ok(json!({"id": id}))
        }
        ("GET", ["_sim", "knobs"]) => match request.query("portal") {
            Some(_) => Ok(json!(locked(&*portal(world, request)?).knobs)),
            None => Ok(json!(*locked(&world.knobs))),
        },
        ("PATCH", ["_sim", "knobs"]) => turn_knobs(world, request),
        ("GET", ["_sim", "faults"]) => Ok(json!(locked(&world.faults).list())),
        ("POST", ["_sim", "faults"]) => {
            locked(&world.faults).add(body::<Fault>(request)?);
            Ok(json!({}))
        }
        ("DELETE", ["_sim", "faults"]) => {
            locked(&world.faults).clear();
            Ok(json!({}))
        }
        ("GET", ["_sim", "state"]) => Ok(state::save(world)),
        ("PUT", ["_sim", "state"]) => {
            state::load(world, &request.body).map_err(|error| Refusal::bare(400, error.to_string()))?;
            Ok(json!({}))
        }
        ("GET", ["_sim", "clock"]) => Ok(clock_json(world)),
        ("POST", ["_sim", "clock"]) => {
            let Moment { now_ms } = body(request)?;
            world.clock.set(now_ms);
            Ok(clock_json(world))
        }
        ("GET", ["_sim", "records", kind]) => records(&locked(&*portal(world, request)?), request, kind),
        ("GET", ["_sim", "records", kind, id]) => record(&locked(&*portal(world, request)?), kind, id),
        ("GET", ["_sim", "associations", from, id, to]) => {
            Ok(json!(associations(&locked(&*portal(world, request)?), from, id, to)))
        }
        ("GET", ["_sim", "properties", kind]) => {
            let portal = portal(world, request)?;
            let portal = locked(&portal);
            Ok(portal.table(kind)?.schema.properties.values().map(Property::to_json).collect())
        }
        ("GET", ["_sim", "calls"]) => calls(world, request),
        ("GET", ["_sim", "findings"]) => Ok(findings_json(world)),
        ("DELETE", ["_sim", "findings"]) => {
            clear_findings(world);
            Ok(json!({}))
        }
        _ => Err(Refusal::unknown_path()),
    }
}

/// The portal that the query names, or the first one.
fn portal(world: &World, request: &Request) -> Result<Arc<Mutex<PortalState>>, Refusal> {
    let found = match request.query("portal") {
        Some(id) => id.parse().ok().and_then(|id| world.portal(id)),
        None => world.portals().into_iter().next(),
    };
    found.ok_or_else(|| Refusal::bare(404, "there is no such portal"))
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    serde_json::from_slice(&request.body).map_err(|error| Refusal::bare(400, error.to_string()))
}

fn number<T: std::str::FromStr>(request: &Request, name: &str) -> Result<Option<T>, Refusal> {
    let value = request.query(name).map(str::parse).transpose();
    value.map_err(|_| Refusal::bare(400, format!("`{name}` is not a number")))
}

fn clock_json(world: &World) -> Value {
    let now = world.clock.now();
    json!({"now_ms": now, "now": iso(now)})
}

/// Lays the fields of the body over the knobs of one portal, or of all and those to come.
fn turn_knobs(world: &World, request: &Request) -> Result<Value, Refusal> {
    let patch: BTreeMap<String, Value> = body(request)?;
    if request.query("portal").is_some() {
        let portal = portal(world, request)?;
        let knobs = &mut locked(&portal).knobs;
        *knobs = patched(knobs, &patch)?;
        return Ok(json!(knobs));
    }
    let common = patched(&locked(&world.knobs), &patch)?;
    for portal in world.portals() {
        let knobs = &mut locked(&portal).knobs;
        *knobs = patched(knobs, &patch)?;
    }
    *locked(&world.knobs) = common.clone();
    Ok(json!(common))
}

fn patched(knobs: &Knobs, patch: &BTreeMap<String, Value>) -> Result<Knobs, Refusal> {
    knobs.with(patch).map_err(|error| Refusal::bare(400, error.to_string()))
}

/// Waits for `calls`, a number to be passed, or for a record of `type` with `property` and `value`.
async fn wait(world: &World, request: &Request) -> Result<Value, Refusal> {
    let deadline = Duration::from_millis(number(request, "deadline_ms")?.unwrap_or(WAIT_MS));
    let late = || Refusal::bare(408, "it did not happen before the deadline");
    if let Some(more_than) = number::<u64>(request, "calls")? {
        let look = || Some(locked(&world.calls).total).filter(|&total| total > more_than);
        return until(world, deadline, look).await.map(|total| json!({"total": total})).ok_or_else(late);
    }
    let wanted = request.query("type").zip(request.query("property").zip(request.query("value")));
    let Some((object_type, (property, value))) = wanted else {
        return Err(Refusal::bare(400, "wait for `calls`, or for `type`, `property` and `value`"));
    };
    let portal = portal(world, request)?;
    let look = || record_with(&locked(&portal), object_type, property, value);
    until(world, deadline, look).await.map(|record| json!(record)).ok_or_else(late)
}

/// Looks again after every call and every act, until there is something or the deadline comes.
pub(crate) async fn until<T>(world: &World, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut progress = world.progress.subscribe();
    let found = async {
        loop {
            progress.borrow_and_update();
            if let Some(found) = look() {
                return Some(found);
            }
            if progress.changed().await.is_err() {
                return None;
            }
        }
    };
    tokio::time::timeout(deadline, found).await.ok().flatten()
}
