//! A portal: one HubSpot account with its records, schema, pipelines, owners and limits.

pub(crate) mod install;
pub(crate) mod links;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::answer::{Kind, Refusal};
use crate::condition::Limits;
use crate::finding::Findings;
use crate::knobs::Knobs;
use crate::scope;
use install::{Installs, Worth};
use pipeline::{Owner, Pipeline};
use table::Table;

pub(crate) const CONTACT: &str = "0-1";
pub(crate) const COMPANY: &str = "0-2";
pub(crate) const DEAL: &str = "0-3";
pub(crate) const NOTE: &str = "0-46";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PortalState {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) token: String,
    /// A revoked token stays known, so that it can be given back.
    pub(crate) token_lives: bool,
    /// What the portal's own token may do: everything, until somebody takes a scope away.
    pub(crate) token_scopes: BTreeSet<String>,
    pub(crate) installs: Installs,
    /// The account is gone: no token of it works, and none is given out.
    pub(crate) deleted: bool,
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
    /// Addresses whose contacts were erased for good.
    pub(crate) erased: BTreeSet<String>,
    pub(crate) findings: Findings,
}

/// Whoever makes a call: an app, or the holder of the portal's own token.
pub(crate) struct Caller<'a> {
    pub(crate) scopes: &'a BTreeSet<String>,
    pub(crate) client_id: Option<&'a str>,
}

impl PortalState {
    pub(crate) fn new(id: i64, name: &str, token: String, ui_domain: String, knobs: Knobs) -> Self {
        Self {
            id,
            name: name.to_owned(),
            token,
            token_lives: true,
            token_scopes: scope::all(),
            installs: Installs::default(),
            deleted: false,
            knobs,
            limits: Limits::default(),
            tables: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            owners: Vec::new(),
            time_zone: "America/New_York".to_owned(),
            currency: "USD".to_owned(),
            ui_domain,
            erased: BTreeSet::new(),
            findings: Findings::default(),
        }
    }

    /// Who calls with this token, if it may call at all.
    pub(crate) fn caller(&self, token: &str, now: i64) -> Result<Caller<'_>, Refusal> {
        if token == self.token && self.token_lives && !self.deleted {
            return Ok(Caller { scopes: &self.token_scopes, client_id: None });
        }
        match self.installs.worth(token, now) {
            Worth::Live(install, _) if !self.deleted => {
                Ok(Caller { scopes: &install.scopes, client_id: Some(&install.client_id) })
            }
            Worth::Expired if !self.deleted => Err(Refusal {
                kind: Kind::Category("EXPIRED_AUTHENTICATION"),
                ..Refusal::bare(401, "The OAuth token used to make this call expired.")
            }),
            Worth::Live(..) | Worth::Expired | Worth::Nothing => Err(Refusal::unauthenticated()),
        }
    }

    /// What each token of the portal may do.
    pub(crate) fn all_scopes(&mut self) -> impl Iterator<Item = &mut BTreeSet<String>> {
        std::iter::once(&mut self.token_scopes).chain(self.installs.all_scopes())
    }

    /// The address of a user.
    pub(crate) fn user(&self, user_id: u64) -> Option<&str> {
        self.owners.iter().find(|owner| owner.user_id == user_id).map(|owner| owner.email.as_str())
    }

    /// An object type that the portal does not have is an unknown path, as a name in place of an id is.
    pub(crate) fn table(&self, object_type: &str) -> Result<&Table, Refusal> {
        self.tables.get(object_type).ok_or_else(Refusal::unknown_path)
    }

    pub(crate) fn table_mut(&mut self, object_type: &str) -> Result<&mut Table, Refusal> {
        self.tables.get_mut(object_type).ok_or_else(Refusal::unknown_path)
    }
}
