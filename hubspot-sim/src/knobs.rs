//! The knobs: where HubSpot's behaviour is not known, or changes with a portal's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One set for each portal. The defaults are the strict reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Calls in 10 seconds; `None` is no limit, and no headers that speak of one.
    pub rate_limit: Option<u32>,
    /// Calls from one midnight of the portal to the next.
    pub daily_limit: Option<u32>,
    /// Refused calls use up the limit too.
    pub refused_calls_count: bool,
    /// Seconds in the `Retry-After` of a 429; `None` sends none.
    pub retry_after_s: Option<u32>,

    /// How long a code from the consent page lives.
    pub code_lifetime_s: u32,
    /// Every refresh gives a new refresh token, and ends the one before.
    pub rotate_refresh: bool,
    /// Token calls of one app in 10 seconds, for all portals together; HubSpot's figure is unknown.
    pub token_rate_limit: Option<u32>,
    /// Introspection and revocation take the token in a field named after its kind, not in `token`.
    pub token_field_named_by_hint: bool,

    /// A record that is created with links needs the scopes of what it is linked to.
    pub links_need_scopes: bool,

    /// Leaves optional fields of errors out at random.
    pub sparse_errors: bool,
    /// Adds fields that nobody knows to answers.
    pub extra_fields: bool,
    /// The status of a partly failed batch; `None` lets the API version decide.
    pub partial_status: Option<u16>,
    /// Repeats the trace id of an input in its result.
    pub echo_trace: bool,
    /// An upsert that wants another contact's address fails alone, not with its whole batch.
    pub conflict_partial: bool,
    /// 409 or 400: the answer to a value that another record holds as its unique one.
    pub unique_clash_status: u16,
    /// An upsert by address blanks what it does not send.
    pub email_upsert_clears: bool,
    /// Lets a write move the lifecycle stage backwards.
    pub lifecycle_set: bool,
    /// Searches in a second; they have no other limit.
    pub search_rate_limit: Option<u32>,
    /// How long search does not know what was written.
    pub search_lag_ms: i64,
    /// How long an accepted note stays invisible.
    pub note_commit_delay_ms: i64,
    /// How long a property that the API created cannot be written.
    pub property_lag_ms: i64,
    /// Links in one page of an association read.
    pub association_page: usize,
    /// A record without links is an error entry of an association read, not just absent.
    pub no_links_is_an_error: bool,
    /// Ids of linked records are text, not numbers.
    pub linked_ids_as_text: bool,
    /// The connected user may edit associations.
    pub edit_associations: bool,
    /// Domains whose addresses are refused, beyond the rules of syntax.
    pub refused_domains: Vec<String>,
    pub bad_pipeline_code: String,
    pub bad_stage_code: String,
    pub bad_owner_code: String,

    /// The portal is moving to another data centre; the seconds go into `Retry-After`.
    pub migrating_retry_after_s: Option<u32>,
    /// So many writes of a record within a second lock it for two.
    pub lock_after_writes: Option<u32>,
    pub outage: Option<Outage>,
    /// How long every answer waits, and up to how much more by chance.
    pub latency_ms: u64,
    pub latency_jitter_ms: u64,
    /// A share of the answers waits this much longer: the long tail that real services have.
    pub slow_share: f64,
    pub slow_ms: u64,
}

/// What HubSpot sells, as far as it decides how many calls an app may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// An app from the marketplace, whatever the portal has bought.
    Marketplace,
    /// An app of private distribution, in a portal with this plan.
    Starter,
    Professional,
    Enterprise,
}

/// A time in which every call is answered with 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Knobs {
    /// The limits of a plan: calls in 10 seconds, and calls in a day.
    pub fn follow(&mut self, plan: Plan) {
        let (in_ten_seconds, in_a_day) = match plan {
            Plan::Marketplace => (110, None),
            Plan::Starter => (100, Some(250_000)),
            Plan::Professional => (190, Some(625_000)),
            Plan::Enterprise => (190, Some(1_000_000)),
        };
        (self.rate_limit, self.daily_limit) = (Some(in_ten_seconds), in_a_day);
    }

    /// The same knobs with these fields laid over them.
    pub(crate) fn with(&self, patch: &BTreeMap<String, Value>) -> serde_json::Result<Self> {
        let mut json = serde_json::to_value(self)?;
        for (name, value) in patch {
            json[name] = value.clone();
        }
        serde_json::from_value(json)
    }
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            rate_limit: Some(110),
            daily_limit: None,
            refused_calls_count: true,
            retry_after_s: None,
            code_lifetime_s: 60,
            rotate_refresh: false,
            token_rate_limit: None,
            token_field_named_by_hint: false,
            links_need_scopes: true,
            sparse_errors: false,
            extra_fields: false,
            partial_status: None,
            echo_trace: false,
            conflict_partial: false,
            unique_clash_status: 409,
            email_upsert_clears: false,
            lifecycle_set: false,
            search_rate_limit: Some(5),
            search_lag_ms: 10_000,
            note_commit_delay_ms: 0,
            property_lag_ms: 500,
            association_page: 100,
            no_links_is_an_error: true,
            linked_ids_as_text: false,
            edit_associations: true,
            refused_domains: Vec::new(),
            bad_pipeline_code: "INVALID_PIPELINE_ID".to_owned(),
            bad_stage_code: "INVALID_PIPELINE_STAGE_ID".to_owned(),
            bad_owner_code: "INVALID_OWNER_ID".to_owned(),
            migrating_retry_after_s: None,
            lock_after_writes: None,
            outage: None,
            latency_ms: 0,
            latency_jitter_ms: 0,
            slow_share: 0.0,
            slow_ms: 0,
        }
    }
}
