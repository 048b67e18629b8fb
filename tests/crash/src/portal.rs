//! The record of HubSpot's stand-in: every call with its arrival, and what each portal holds.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hubspot_sim::{Record, Simulator};
use serde_json::Value;

const CONTACT: &str = "0-1";
const DEAL: &str = "0-3";
const NOTE: &str = "0-46";

/// One call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCall {
    pub number: u64,
    pub at: i64,
    pub portal: Option<i64>,
    pub path: String,
    /// Of method, path and body: what was asked.
    pub request: u64,
    pub status: u16,
    pub correlation_id: String,
    /// A fault decided what its sender got.
    pub faulted: bool,
}

impl SeenCall {
    /// Whether it was made for leads: such a call is stored before it is sent.
    pub fn serves_leads(&self) -> bool {
        self.path.contains("/crm/objects/") || self.path.contains("/crm/associations/")
    }
}

/// What a request asks for, as one number.
pub(crate) fn request_hash(method: &str, path: &str, body: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (method, path, body.to_string()).hash(&mut hasher);
    hasher.finish()
}

/// The calls after this number, oldest first.
pub(crate) fn calls_after(simulator: &Simulator, number: u64) -> Vec<SeenCall> {
    let seen = |call: hubspot_sim::Call| SeenCall {
        number: call.number,
        at: call.at,
        portal: call.portal,
        request: request_hash(&call.method, &call.path, &serde_json::from_str(&call.body).unwrap_or_default()),
        path: call.path,
        status: call.status,
        correlation_id: call.correlation_id,
        faulted: call.faulted,
    };
    simulator.calls_after(number).into_iter().map(seen).collect()
}

/// What a portal holds.
#[derive(Clone, Debug, Default)]
pub struct Portal {
    pub id: i64,
    pub contacts: Vec<Thing>,
    pub deals: Vec<Thing>,
    pub notes: Vec<Thing>,
    /// What HubSpot would take and a good connector never does.
    pub findings: Vec<String>,
}

/// One record, with the contacts that it hangs on.
#[derive(Clone, Debug, Default)]
pub struct Thing {
    pub id: String,
    pub properties: BTreeMap<String, String>,
    pub contacts: Vec<String>,
    /// Every value that its vehicle had, oldest first.
    pub vehicles: Vec<String>,
}

/// Everything that the portals hold now.
pub(crate) fn look(simulator: &Simulator) -> Vec<Portal> {
    let findings = simulator.findings();
    let portals = simulator.portals().into_iter().map(|portal| Portal {
        id: portal.id,
        contacts: things(simulator, portal.id, CONTACT),
        deals: things(simulator, portal.id, DEAL),
        notes: things(simulator, portal.id, NOTE),
        findings: findings
            .iter()
            .filter(|finding| finding.portal == portal.id)
            .map(|finding| format!("{:?}: {}", finding.kind, finding.text))
            .collect(),
    });
    portals.collect()
}

fn things(simulator: &Simulator, portal: i64, object_type: &str) -> Vec<Thing> {
    let mut records = simulator.records(portal, object_type);
    records.retain(|record| !record.archived);
    let contacts = |record: &Record| match object_type {
        CONTACT => Vec::new(),
        _ => simulator.associations(portal, object_type, &record.id, CONTACT),
    };
    let vehicles = |record: &Record| {
        let changes = record.history.iter().filter(|change| change.property == "vehicle_of_interest");
        changes.map(|change| change.value.clone()).collect()
    };
    records
        .into_iter()
        .map(|record| Thing {
            contacts: contacts(&record),
            vehicles: vehicles(&record),
            id: record.id,
            properties: record.properties,
        })
        .collect()
}
