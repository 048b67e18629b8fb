//! A portal: one HubSpot account with its records, schema, pipelines, owners and limits.

pub(crate) mod links;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod table;

use std::collections::BTreeMap;

use crate::answer::Refusal;
use crate::condition::Limits;
use crate::finding::Findings;
use crate::knobs::Knobs;
use pipeline::{Owner, Pipeline};
use table::Table;

pub(crate) const CONTACT: &str = "0-1";
pub(crate) const COMPANY: &str = "0-2";
pub(crate) const DEAL: &str = "0-3";
pub(crate) const NOTE: &str = "0-46";

#[derive(Debug)]
pub(crate) struct PortalState {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) token: String,
    /// A revoked token stays known, so that it can be given back.
    pub(crate) token_lives: bool,
    pub(crate) knobs: Knobs,
    pub(crate) limits: Limits,
    /// By object type.
    pub(crate) tables: BTreeMap<String, Table>,
    /// By object type; only deals have any.
    pub(crate) pipelines: BTreeMap<String, Vec<Pipeline>>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) time_zone: String,
    pub(crate) currency: String,
    /// Where record pages are: the simulator's own address.
    pub(crate) ui_domain: String,
    pub(crate) findings: Findings,
}

impl PortalState {
    pub(crate) fn new(id: i64, name: &str, token: String, ui_domain: &str, knobs: Knobs) -> Self {
        Self {
            id,
            name: name.to_owned(),
            token,
            token_lives: true,
            knobs,
            limits: Limits::default(),
            tables: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            owners: Vec::new(),
            time_zone: "America/New_York".to_owned(),
            currency: "USD".to_owned(),
            ui_domain: ui_domain.to_owned(),
            findings: Findings::default(),
        }
    }

    /// An object type that the portal does not have is an unknown path, as a name in place of an id is.
    pub(crate) fn table(&self, object_type: &str) -> Result<&Table, Refusal> {
        self.tables.get(object_type).ok_or_else(Refusal::unknown_path)
    }

    pub(crate) fn table_mut(&mut self, object_type: &str) -> Result<&mut Table, Refusal> {
        self.tables.get_mut(object_type).ok_or_else(Refusal::unknown_path)
    }
}
