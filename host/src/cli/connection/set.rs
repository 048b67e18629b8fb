//! `leadline connection set`: how leads are written to a portal.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::find;
use crate::connection::policy::{self, API_VERSIONS, Change, PolicyError};
use crate::model::account::ContactWrite;
use crate::model::time::clock;
use crate::store::Store;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    connection: String,
    /// Let a lead wait for a value that HubSpot refuses, instead of sending it without.
    #[arg(long)]
    strict: Option<bool>,
    /// Let a lead without an e-mail address wait until somebody looked at it: it may make a second contact of one person.
    #[arg(long)]
    hold_without_email: Option<bool>,
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
        Deed::to("connections.policy.set", &self.connection)
    }
}

fn contact_write(word: &str) -> ContactWrite {
    if word == "split" { ContactWrite::Split } else { ContactWrite::Upsert }
}

pub(super) async fn run(store: &Store, args: Args, context: &mut Context<'_>) -> Result<()> {
    let connection = find(store, &args.connection).await?;
    let change = Change {
        strict: args.strict,
        hold_without_email: args.hold_without_email,
        contact_write: args.contact_write,
        lifecycle_guard: args.lifecycle_guard,
        contact_key: args.contact_key,
        deal_key: args.deal_key,
        // `leadline property use` says it property by property.
        names: None,
        api_version: args.api_version,
    };
    let changed = policy::change(store, &connection, change, clock()).await?;
    let released = changed.released;
    context.changes(policy::told(&connection), policy::told(&changed.connection));
    context.one(&changed.connection, |connection| {
        let policy = &connection.policy;
        let yes = |yes| if yes { "yes" } else { "no" };
        let mut lines = format!(
            "Portal {}, API {}\n  strict               {}\n  hold without e-mail  {}\n  contact write        {}\n  lifecycle guard      {}\n  contact key          {}\n  deal key             {}",
            connection.portal_id,
            connection.api_version,
            yes(policy.strict),
            yes(policy.hold_without_email),
            if policy.contact_write == ContactWrite::Split { "split" } else { "upsert" },
            yes(policy.lifecycle_guard),
            policy.contact_key,
            policy.deal_key,
        );
        for (planned, name) in policy.names.values().flatten() {
            lines += &format!("\n  {planned} goes to {name}");
        }
        if released > 0 {
            lines += &format!("\n{released} that waited go on.");
        }
        lines
    })
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            PolicyError::Store(error) => error.into(),
            PolicyError::Meanwhile | PolicyError::Gone | PolicyError::Taken(_) | PolicyError::Unfit { .. } => {
                Self::conflict(text).hint(fix)
            }
            PolicyError::Property(_) | PolicyError::Version(_) | PolicyError::Key(_) | PolicyError::NotWritten(_) => {
                Self::usage(text).hint(fix)
            }
        }
    }
}
