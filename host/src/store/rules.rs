//! What decides how an account's events are planned, kept for as long as the lane's revision says that it is the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Result, Store};
use crate::model::account::{QuotaClass, Source};
use crate::model::id::AccountId;
use crate::route::Routing;
use crate::subject::Suppressed;

/// Accounts whose rules are kept: one that is not is read again, which costs six short reads.
const KEPT_MAX: usize = 10_000;

/// How an account's events are planned. Of its connections only what a revision counts is as it is now: their state.
#[derive(Debug)]
pub struct Rules {
    pub routing: Routing,
    pub sources: Vec<Source>,
    /// What a run may use.
    pub quota: QuotaClass,
    /// Whom no lead may be about; none where that is nobody.
    pub suppressed: Option<Suppressed>,
}

/// Rules by account, each with the revision under which they were read.
#[derive(Default)]
pub(super) struct KnownRules(Mutex<HashMap<AccountId, (i64, Arc<Rules>)>>);

impl KnownRules {
    fn get(&self, account: &AccountId, revision: i64) -> Option<Arc<Rules>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).filter(|(at, _)| *at == revision).map(|(_, rules)| rules.clone())
    }

    fn keep(&self, account: &AccountId, revision: i64, rules: &Arc<Rules>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            known.clear(); // it fills again by itself
        }
        known.insert(account.clone(), (revision, rules.clone()));
    }
}

impl Store {
    /// The rules of an account, at least as new as this revision of its plan lane.
    pub(super) async fn rules(&self, account: &AccountId, revision: i64) -> Result<Arc<Rules>> {
        if let Some(known) = self.rules.get(account, revision) {
            return Ok(known);
        }
        // What changes meanwhile has another revision, and is read again in the next round.
        let (routing, sources) = (self.routing(account).await?, self.sources(Some(account)).await?);
        let quota = self.quota(account.as_str()).await?;
        let suppressed = self.suppressed(account).await?;
        let rules = Arc::new(Rules { routing, sources, quota, suppressed });
        self.rules.keep(account, revision, &rules);
        Ok(rules)
    }
}
