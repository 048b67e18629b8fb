//! The live check of a connection: one sentence for each thing that could be wrong.

use serde::Serialize;

use super::ending::state_word;
use super::scopes;
use super::session::{self, NoSession};
use crate::hubspot::{self, HubSpot};
use crate::model::account::{Auth, Connection, ConnectionState};
use crate::model::time::Timestamp;
use crate::store::Store;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    pub ok: bool,
    pub sentence: String,
}

/// What a check found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ConnectionCheck)]
pub struct Check {
    pub connection: Connection,
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether leads get through, and everything that is in use is permitted.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }
}

/// Looks at a connection, with one live call to HubSpot, and keeps what HubSpot says of the portal.
///
/// # Errors
/// The store's.
pub async fn check(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> anyhow::Result<Check> {
    let mut findings = Vec::new();
    let mut note = |ok: bool, sentence: String| findings.push(Finding { ok, sentence });
    let state = connection.state;
    note(state == ConnectionState::Connected, format!("The connection is {}.", state_word(state)));
    match session::open(store, hubspot, connection, clock).await {
        Ok(session) => {
            let reply = session.send(&hubspot::details(&session.portal.api_version)).await;
            match (reply.success().and_then(hubspot::read_details), reply.status()) {
                (Some((found, details)), _) if found == connection.portal_id => {
                    note(true, "HubSpot accepts our token.".to_owned());
                    let name = details.name.as_deref().unwrap_or("without a name");
                    note(true, format!("It is portal {found}, {name}, at {}.", details.ui_domain));
                    store.keep_details(connection, &details).await?;
                }
                (Some((found, _)), _) => {
                    note(
                        false,
                        format!(
                            "The token belongs to portal {found}, not to {}. Connect it again.",
                            connection.portal_id
                        ),
                    );
                }
                (None, Some(401)) => note(false, "HubSpot does not accept our token. Connect it again.".to_owned()),
                (None, _) => {
                    note(false, format!("HubSpot could not be asked: {}.", super::problem_of(reply.meaning())))
                }
            }
        }
        Err(NoSession::Blocked(problem)) => {
            note(false, format!("{}: {problem}. {}", problem.code.title(), problem.code.fix()))
        }
        Err(NoSession::Away(problem)) => {
            note(false, format!("{}: {problem}. Try again in a minute.", problem.code.title()))
        }
        Err(NoSession::Store(error)) => return Err(error),
    }
    let connection = store.connection(connection.id.as_str()).await?.unwrap_or_else(|| connection.clone());
    let needs = super::needs(store, &connection).await?;
    let missing = scopes::missing(&connection, &needs);
    if missing.is_empty() && connection.auth == Auth::OAuth && connection.scopes.is_some() {
        findings.push(Finding { ok: true, sentence: "Everything that is in use is permitted.".to_owned() });
    }
    findings.extend(missing.into_iter().map(|missing| Finding { ok: false, sentence: missing.sentence }));
    Ok(Check { connection, findings })
}
