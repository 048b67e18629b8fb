//! `leadline connection set`: how leads are written to a portal.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::find;
use crate::model::account::{ContactWrite, Policy};
use crate::store::Store;

/// Versions of HubSpot's API that we know how to talk to.
const API_VERSIONS: [&str; 2] = ["2026-09", "2026-03"];

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    connection: String,
    /// Let a lead wait for a value that HubSpot refuses, instead of sending it without.
    #[arg(long)]
    strict: Option<bool>,
    /// Write contacts in one call (`upsert`), or known and new ones apart (`split`), for a portal in which an upsert
    /// clears what it does not send.
    #[arg(long, value_parser = PossibleValuesParser::new(["upsert", "split"]).map(|word| contact_write(&word)))]
    contact_write: Option<ContactWrite>,
    /// Never ask for a lifecycle stage that is before the one that a contact has.
    #[arg(long)]
    lifecycle_guard: Option<bool>,
    /// The unique property that recognises a contact without an e-mail address.
    #[arg(long, value_name = "NAME")]
    contact_key: Option<String>,
    /// The unique property that recognises a deal.
    #[arg(long, value_name = "NAME")]
    deal_key: Option<String>,
    /// The version of HubSpot's API.
    #[arg(long, value_parser = PossibleValuesParser::new(API_VERSIONS))]
    api_version: Option<String>,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("connections.set", &self.connection)
    }
}

fn contact_write(word: &str) -> ContactWrite {
    if word == "split" { ContactWrite::Split } else { ContactWrite::Upsert }
}

pub(super) async fn run(store: &Store, args: Args, context: &mut Context<'_>) -> Result<()> {
    let connection = find(store, &args.connection).await?;
    let before = connection.policy.clone();
    let policy = Policy {
        strict: args.strict.unwrap_or(before.strict),
        contact_write: args.contact_write.unwrap_or(before.contact_write),
        lifecycle_guard: args.lifecycle_guard.unwrap_or(before.lifecycle_guard),
        contact_key: property(args.contact_key, before.contact_key)?,
        deal_key: property(args.deal_key, before.deal_key)?,
    };
    let api_version = args.api_version.unwrap_or(connection.api_version.clone());
    store.set_policy(&connection, &policy, &api_version).await?;
    let connection = find(store, connection.id.as_str()).await?;
    context.one(&connection, |connection| {
        let policy = &connection.policy;
        let yes = |yes| if yes { "yes" } else { "no" };
        format!(
            "Portal {}, API {}\n  strict           {}\n  contact write    {}\n  lifecycle guard  {}\n  contact key      {}\n  deal key         {}",
            connection.portal_id,
            connection.api_version,
            yes(policy.strict),
            if policy.contact_write == ContactWrite::Split { "split" } else { "upsert" },
            yes(policy.lifecycle_guard),
            policy.contact_key,
            policy.deal_key,
        )
    })
}

/// A property's name as HubSpot takes it.
fn property(asked: Option<String>, before: String) -> Result<String> {
    let Some(name) = asked else { return Ok(before) };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        let text = format!("`{name}` is no internal name of a property: lower-case letters, digits and `_`");
        return Err(Failure::usage(text));
    }
    Ok(name)
}
