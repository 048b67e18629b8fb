//! How leads are written to a portal: one way to change it for page, API and command line. What waited for the old way
//! only goes on by itself.

use serde::Deserialize;
use serde_json::Value;

use super::{care, names};
use crate::cause::{Class, Code};
use crate::model::account::{Connection, ContactWrite, Names, Policy};
use crate::model::time::Timestamp;
use crate::plan::{cut, is_property_name};
use crate::store::{Store, StoreError};

/// Versions of HubSpot's API that we know how to talk to.
pub const API_VERSIONS: [&str; 2] = ["2026-09", "2026-03"];

/// What is to be another way. What is not named stays as it is.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[schema(as = ChangePolicy)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// A lead with a value that HubSpot refuses waits, instead of going through without it.
    pub strict: Option<bool>,
    /// A lead without an e-mail address waits until somebody looked at it.
    pub hold_without_email: Option<bool>,
    pub contact_write: Option<ContactWrite>,
    /// A lifecycle stage is never asked to move back.
    pub lifecycle_guard: Option<bool>,
    /// The unique property that recognises a contact without an e-mail address.
    #[schema(example = "leadline_lead_id")]
    pub contact_key: Option<String>,
    /// The unique property that recognises a deal.
    #[schema(example = "leadline_deal_key")]
    pub deal_key: Option<String>,
    /// Properties that are written to another one of the portal: by `contact`, `deal` or object type id, from the
    /// transformations' name to the portal's. The same name twice takes that back.
    #[schema(value_type = Option<std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>>)]
    pub names: Option<Names>,
    /// The dated version of HubSpot's API.
    #[schema(example = "2026-09")]
    pub api_version: Option<String>,
}

impl Change {
    /// What the transformations write as `planned` goes to the portal's `name`.
    pub fn of_name(object_type: String, planned: String, name: String) -> Self {
        let names = [(object_type, [(planned, name)].into())].into();
        Self { names: Some(names), ..Self::default() }
    }
}

/// What came of a change.
#[derive(Debug)]
pub struct Changed {
    pub connection: Connection,
    /// Leads that waited for the old way, and go on.
    pub released: u64,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("`{0}` is no internal name of a property: lower-case letters, digits and `_`, 100 at most")]
    Property(String),
    #[error("`{0}` is no version of HubSpot's API that is known here")]
    Version(String),
    #[error("`{0}` recognises records, and no other value goes there")]
    Key(String),
    #[error("no transformation in use writes a property `{0}`")]
    NotWritten(String),
    #[error("`{0}` takes another value of the lead")]
    Taken(String),
    #[error("`{name}` cannot take what is meant for `{planned}`: {why}")]
    Unfit { planned: String, name: String, why: String },
    #[error("somebody changed how leads are written meanwhile")]
    Meanwhile,
    #[error("there is no such connection any more")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PolicyError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Property(_) => "Give the internal name, as HubSpot shows it beside the property.",
            Self::Version(_) => "Choose `2026-09` or `2026-03`.",
            Self::Key(_) => "Choose another property. `contact_key` and `deal_key` say which ones recognise records.",
            Self::NotWritten(_) => "Name one of those that the checklist shows (`leadline property check`).",
            Self::Taken(_) => "Choose another property of HubSpot.",
            Self::Unfit { .. } => "Choose another property of HubSpot, or mend this one there and check again.",
            Self::Meanwhile => "Look at it as it is now, then try once more.",
            Self::Gone | Self::Store(_) => "Try it again.",
        }
    }
}

/// How leads are written, for the history and for the tag by which two ways are told apart.
pub fn told(connection: &Connection) -> Value {
    let mut told = serde_json::to_value(&connection.policy).unwrap_or_default();
    told["api_version"] = connection.api_version.as_str().into();
    let names = names::words(&connection.policy.names);
    told["names"] = if names.is_empty() { Value::Null } else { names.into() };
    told
}

/// Changes how leads are written from now on, if that is still as `connection` says.
///
/// # Errors
/// [`PolicyError`], for whoever asked.
pub async fn change(
    store: &Store,
    connection: &Connection,
    change: Change,
    now: Timestamp,
) -> Result<Changed, PolicyError> {
    let Connection { policy: before, api_version, .. } = connection;
    let names = match change.names {
        None => before.names.clone(),
        Some(asked) => {
            let schema = store.schema(connection).await?.map(|cached| cached.schema).unwrap_or_default();
            names::chosen(before, asked, &store.bound(connection).await?, &schema)?
        }
    };
    let policy = Policy {
        strict: change.strict.unwrap_or(before.strict),
        hold_without_email: change.hold_without_email.unwrap_or(before.hold_without_email),
        contact_write: change.contact_write.unwrap_or(before.contact_write),
        lifecycle_guard: change.lifecycle_guard.unwrap_or(before.lifecycle_guard),
        contact_key: property(change.contact_key, &before.contact_key)?,
        deal_key: property(change.deal_key, &before.deal_key)?,
        names,
    };
    let keys = [&policy.contact_key, &policy.deal_key];
    if let Some((_, name)) = policy.names.values().flatten().find(|(_, name)| keys.contains(name)) {
        return Err(PolicyError::Taken(name.clone()));
    }
    let api_version = change.api_version.unwrap_or_else(|| api_version.clone());
    if !API_VERSIONS.contains(&api_version.as_str()) && api_version != connection.api_version {
        return Err(PolicyError::Version(api_version));
    }
    if !store.set_policy(connection, &policy, &api_version).await? {
        return Err(PolicyError::Meanwhile);
    }
    let mut released = store.release(&connection.account_id, &no_longer_held(before, &policy), now).await?;
    let left = names::left(&before.names, &policy.names);
    let connection = store.connection(connection.id.as_str()).await?.ok_or(PolicyError::Gone)?;
    if !left.is_empty() {
        released += care::take_in_names(store, &connection, &left, now).await?;
    }
    Ok(Changed { connection, released })
}

/// The causes for which nothing waits any more once leads are written another way.
fn no_longer_held(before: &Policy, after: &Policy) -> Vec<Code> {
    let was_for_review = before.hold_without_email && !after.hold_without_email;
    let was_strict = before.strict && !after.strict;
    let is_left_out = |code: &Code| was_strict && code.class() == Class::LeftOut;
    let left_out = Code::ALL.iter().copied().filter(is_left_out);
    left_out.chain(was_for_review.then_some(Code::LeadForReview)).collect()
}

/// A property's name as HubSpot takes it.
fn property(asked: Option<String>, before: &str) -> Result<String, PolicyError> {
    let Some(name) = asked else { return Ok(before.to_owned()) };
    if is_property_name(&name) { Ok(name) } else { Err(PolicyError::Property(cut(&name))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_the_old_way_only_goes_on() {
        let usual = Policy::default();
        let strict = Policy { strict: true, ..usual.clone() };
        let looks = Policy { hold_without_email: true, ..usual.clone() };
        assert!(no_longer_held(&usual, &strict).is_empty() && no_longer_held(&strict, &strict).is_empty());
        assert_eq!(no_longer_held(&looks, &usual), [Code::LeadForReview]);
        let released = no_longer_held(&strict, &usual);
        assert!(released.contains(&Code::PropertyMissing) && !released.contains(&Code::StageMissing));
    }

    #[test]
    fn a_name_is_one_that_hubspot_takes() {
        for (name, is_one) in [("leadline_lead_id", true), ("", false), ("Lead id", false), ("ä", false)] {
            assert_eq!(property(Some(name.to_owned()), "x").is_ok(), is_one, "{name}");
        }
        assert_eq!(property(None, "as_it_was").unwrap(), "as_it_was");
    }
}
