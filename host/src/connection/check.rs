//! The diagnosis of a connection: every check in order, a sentence for each, and what mends the first that failed.

mod mend;

use serde::Serialize;

use super::checklist;
use super::ending::state_word;
use super::scopes::{self, Feature};
use super::session::{self, NoSession, Session};
use crate::cause::{Code, Problem};
use crate::fit::PropertyState;
use crate::hubspot::{self, HubSpot};
use crate::model::account::{Account, Auth, Connection, ConnectionState};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::store::{Issue, LeadFilter, LeadRow, Store};
use crate::view::moment::things;
pub use mend::{Mend, Mending};

/// Leads that are looked at, the newest.
const LEADS: u32 = 50;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// Nothing wrong was found.
    pub ok: bool,
    /// It could not be looked at, because of what was found before.
    pub skipped: bool,
    pub sentence: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mending: Option<Mending>,
}

impl Finding {
    fn fine(name: &'static str, sentence: impl Into<String>) -> Self {
        Self { name, ok: true, skipped: false, sentence: sentence.into(), mending: None }
    }

    fn skipped(name: &'static str) -> Self {
        Self {
            skipped: true,
            ..Self::fine(name, format!("{name}: not looked at, because HubSpot could not be asked."))
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ConnectionCheck)]
pub struct Check {
    pub connection: Connection,
    pub at: Timestamp,
    /// What it comes to: the first thing that failed, or that all is well.
    pub verdict: String,
    /// The one thing to do now; none where all is well, or nobody here can do anything.
    pub mending: Option<Mending>,
    /// What failed comes first.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether leads get through, and everything that is in use is permitted.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }

    /// As text for support. It holds nothing of a shopper.
    pub fn text(&self) -> String {
        let connection = &self.connection;
        let mut lines = vec![
            format!("Diagnosis of connection {}, portal {}, {}", connection.id, connection.portal_id, self.at),
            self.verdict.clone(),
        ];
        lines.extend(self.findings.iter().map(|finding| {
            let mark = if finding.skipped {
                "--"
            } else if finding.ok {
                "ok"
            } else {
                "!!"
            };
            format!("{mark}  {}", finding.sentence)
        }));
        lines.join("\n")
    }

    fn of(connection: Connection, mut findings: Vec<Finding>, at: Timestamp) -> Self {
        findings.sort_by_key(|finding| (finding.ok, finding.skipped));
        let worst = findings.first().filter(|finding| !finding.ok);
        let fine = || "All is well: leads get into HubSpot.".to_owned();
        Self {
            verdict: worst.map_or_else(fine, |worst| worst.sentence.clone()),
            mending: worst.and_then(|worst| worst.mending.clone()),
            connection,
            at,
            findings,
        }
    }
}

/// Looks at everything of a connection, with live calls to HubSpot, and keeps what HubSpot says of the portal.
///
/// # Errors
/// The store's.
pub async fn check(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> anyhow::Result<Check> {
    let account = store.account(connection.account_id.as_str()).await?;
    let Some(account) = account else { anyhow::bail!("connection {} has no account", connection.id) };
    let look = Look { store, account, clock };
    let mut findings = vec![look.state(connection)];
    let session = match session::open(store, hubspot, connection, clock).await {
        Ok(session) => look.portal(session, &mut findings).await?,
        Err(NoSession::Store(error)) => return Err(error),
        Err(error) => {
            findings.push(look.no_session(connection, &error));
            findings.push(Finding::skipped("Portal"));
            None
        }
    };
    // Asking may have taught something about it.
    let connection = store.connection(connection.id.as_str()).await?.unwrap_or_else(|| connection.clone());
    findings.extend(look.permissions(&connection).await?);
    findings.extend(look.properties(session.as_ref(), &connection).await?);
    findings.push(look.issues().await?);
    findings.push(look.leads().await?);
    Ok(Check::of(connection, findings, clock()))
}

/// What every check needs.
struct Look<'a> {
    store: &'a Store,
    account: Account,
    clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
}

impl Look<'_> {
    fn bad(&self, name: &'static str, sentence: impl Into<String>, mend: Option<Mend>) -> Finding {
        let mending = mend.map(|mend| mend.of(&self.account));
        Finding { ok: false, mending, ..Finding::fine(name, sentence) }
    }

    fn state(&self, connection: &Connection) -> Finding {
        const NAME: &str = "State";
        if connection.ends_at.is_some() && connection.state != ConnectionState::Disconnected {
            return self.bad(NAME, "The connection is about to be disconnected.", Some(Mend::Stay));
        }
        let sentence = format!("The connection is {}.", state_word(connection.state));
        match connection.state {
            ConnectionState::Connected => Finding::fine(NAME, sentence),
            ConnectionState::Paused => self.bad(NAME, sentence, Some(Mend::Resume)),
            ConnectionState::ReconnectRequired | ConnectionState::Disconnected => {
                self.bad(NAME, sentence, Some(Mend::connecting(connection)))
            }
        }
    }

    /// Why HubSpot could not even be asked.
    fn no_session(&self, connection: &Connection, error: &NoSession) -> Finding {
        let (problem, is_away) = match error {
            NoSession::Blocked(problem) => (problem, false),
            NoSession::Away(problem) => (problem, true),
            NoSession::Store(error) => return self.bad("Token", error.to_string(), None),
        };
        let (sentence, mend) = match problem.code {
            _ if is_away => (format!("{}: {problem}. Try again in a minute.", problem.code.title()), Some(Mend::Again)),
            Code::AppConfig => (told(problem), None),
            _ if connection.state == ConnectionState::Paused => (told(problem), Some(Mend::Resume)),
            _ => (told(problem), Some(Mend::connecting(connection))),
        };
        self.bad("Token", sentence, mend)
    }

    /// Asks HubSpot which portal the token is of. The session, where it is the right one.
    async fn portal(&self, session: Session, findings: &mut Vec<Finding>) -> anyhow::Result<Option<Session>> {
        const TOKEN: &str = "Token";
        let (wanted, again) = (session.connection.portal_id, Mend::connecting(&session.connection));
        let reply = session.send(&hubspot::details(&session.portal.api_version)).await;
        let refused = match (reply.success().and_then(hubspot::read_details), reply.status()) {
            (Some((found, details)), _) if found == wanted => {
                findings.push(Finding::fine(TOKEN, "HubSpot accepts our token."));
                let name = details.name.as_deref().unwrap_or("without a name");
                let sentence = format!("It is portal {found}, {name}, at {}.", details.ui_domain);
                findings.push(Finding::fine("Portal", sentence));
                self.store.keep_details(&session.connection, &details).await?;
                return Ok(Some(session));
            }
            (Some((found, _)), _) => {
                findings.push(Finding::fine(TOKEN, "HubSpot accepts our token."));
                let sentence = format!("The token belongs to portal {found}, not to {wanted}. Connect it again.");
                findings.push(self.bad("Portal", sentence, Some(again)));
                return Ok(None);
            }
            (None, Some(401)) => {
                let sentence = "HubSpot does not accept our token. Connect it again.".to_owned();
                self.bad(TOKEN, sentence, Some(again))
            }
            (None, _) => {
                let sentence = format!("HubSpot could not be asked: {}.", super::problem_of(reply.meaning()));
                self.bad(TOKEN, sentence, Some(Mend::Again))
            }
        };
        findings.extend([refused, Finding::skipped("Portal")]);
        Ok(None)
    }

    async fn permissions(&self, connection: &Connection) -> anyhow::Result<Vec<Finding>> {
        const NAME: &str = "Permissions";
        let missing = scopes::missing(connection, &super::needs(self.store, connection).await?);
        if !missing.is_empty() {
            let bad =
                |missing: scopes::MissingScope| self.bad(NAME, missing.sentence, Some(Mend::connecting(connection)));
            return Ok(missing.into_iter().map(bad).collect());
        }
        Ok(vec![match (connection.auth, &connection.scopes) {
            (Auth::OAuth, Some(_)) => Finding::fine(NAME, "Everything that is in use is permitted."),
            _ => Finding::fine(NAME, "HubSpot does not say what this token may do; its answers will."),
        }])
    }

    /// Reads the portal: its properties, and whatever the settings name.
    async fn properties(&self, session: Option<&Session>, connection: &Connection) -> anyhow::Result<Vec<Finding>> {
        const NAME: &str = "Properties";
        let Some(session) = session else {
            return Ok(vec![Finding::skipped(NAME), self.settings(connection, &[]).await?]);
        };
        match checklist::check(self.store, session, (self.clock)()).await? {
            Ok(check) => Ok(vec![self.rows(connection, &check), self.settings(connection, &check.problems).await?]),
            Err(problem) => {
                let sentence = format!("The properties could not be read: {problem}.");
                Ok(vec![self.bad(NAME, sentence, Some(Mend::Again)), self.settings(connection, &[]).await?])
            }
        }
    }

    fn rows(&self, connection: &Connection, check: &checklist::Check) -> Finding {
        const NAME: &str = "Properties";
        let bad: Vec<_> = check.rows.iter().filter(|row| row.state.is_trouble()).collect();
        if bad.is_empty() {
            return Finding::fine(NAME, "Every property that leads need is there.");
        }
        let names = bad.iter().map(|row| format!("`{}`", row.name)).collect::<Vec<_>>().join(", ");
        let is_missing = bad.iter().any(|row| matches!(row.state, PropertyState::Missing));
        let mend = match is_missing {
            true if lets_create(connection) => Mend::Create,
            true if connection.auth == Auth::OAuth => Mend::Allow,
            _ => Mend::Fields,
        };
        let are = if bad.len() == 1 { "One property is" } else { "Some properties are" };
        self.bad(NAME, format!("{are} not as leads need them: {names}."), Some(mend))
    }

    /// What the settings name, and whether anything goes anywhere.
    async fn settings(&self, connection: &Connection, problems: &[Problem]) -> anyhow::Result<Finding> {
        const NAME: &str = "Settings";
        if let Some(problem) = problems.iter().find(|problem| problem.code != Code::AuthMissingScope) {
            return Ok(self.bad(NAME, told(problem), Some(Mend::Mapping)));
        }
        let routing = self.store.routing(&self.account.id).await?;
        let chosen: Vec<_> =
            routing.subscriptions.iter().filter(|chosen| chosen.connection_id == connection.id).collect();
        let is_handled = |event_type: &str| {
            routing.bindings.iter().any(|one| one.connection_id == connection.id && one.event_type == event_type)
        };
        if chosen.is_empty() {
            let sentence = "No event type is selected, so every lead is skipped.";
            return Ok(self.bad(NAME, sentence, Some(Mend::EventTypes)));
        }
        match chosen.iter().find(|chosen| !is_handled(&chosen.event_type)) {
            Some(chosen) => {
                let sentence = format!("No transformation handles `{}`.", chosen.event_type);
                Ok(self.bad(NAME, sentence, Some(Mend::Transformation)))
            }
            None => Ok(Finding::fine(NAME, "Event types are selected, and their settings fit the portal.")),
        }
    }

    async fn issues(&self) -> anyhow::Result<Finding> {
        const NAME: &str = "Issues";
        let now = (self.clock)();
        let mut open = self.store.issues(Some(&self.account.id)).await?;
        open.retain(|issue| !issue.is_muted(now));
        // The one that keeps most leads.
        let Some(worst) = open.iter().max_by_key(|issue: &&Issue| issue.leads()) else {
            return Ok(Finding::fine(NAME, "Nothing is open."));
        };
        let others = match open.len() {
            1 => String::new(),
            number => format!(" And {} more.", number - 1),
        };
        let sentence =
            format!("Open: {} ({}).{others}", worst.problem.code.title(), things(worst.leads(), "lead", "leads"));
        Ok(self.bad(NAME, sentence, Some(Mend::Issues)))
    }

    async fn leads(&self) -> anyhow::Result<Finding> {
        const NAME: &str = "Leads";
        let filter = LeadFilter {
            account: Some(self.account.id.clone()),
            test: Some(false),
            limit: LEADS,
            ..LeadFilter::default()
        };
        let rows = self.store.leads(&filter).await?.rows;
        let Some(newest) = rows.first() else {
            return Ok(Finding::fine(NAME, "No lead has come yet."));
        };
        let number = |outcome| rows.iter().filter(|row: &&LeadRow| row.outcome() == outcome).count();
        let (failed, waiting) = (number(Outcome::Failed), number(Outcome::NeedsAttention));
        let of = match rows.len() {
            1 => format!("Of one lead, of {}", newest.event.received_at),
            many => format!("Of the last {many} leads, the newest of {}", newest.event.received_at),
        };
        Ok(match (failed, waiting) {
            (0, 0) => Finding::fine(NAME, format!("{of}, none failed and none waits for somebody.")),
            (0, waiting) => {
                self.bad(NAME, format!("{of}, {waiting} wait for somebody to mend something."), Some(Mend::Issues))
            }
            (failed, _) => self.bad(NAME, format!("{of}, {failed} did not reach HubSpot."), Some(Mend::Replay)),
        })
    }
}

/// Whether the portal lets us create contact properties, as far as anybody knows.
pub fn lets_create(connection: &Connection) -> bool {
    scopes::permissions(&[Feature::CreateContactProperties])
        .iter()
        .all(|permission| connection.has_scope(permission.scope))
}

fn told(problem: &Problem) -> String {
    format!("{}: {problem}. {}", problem.code.title(), problem.code.fix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_comes_first_and_its_mending_is_the_one_to_do() {
        let bad = |name, sentence: &str| Finding { ok: false, ..Finding::fine(name, sentence) };
        let findings = vec![
            Finding::fine("State", "The connection is connected."),
            Finding::skipped("Portal"),
            bad("Token", "HubSpot does not accept our token."),
            bad("Leads", "3 failed."),
        ];
        let connection = crate::model::account::Connection {
            id: crate::model::id::ConnectionId::stored("con_1".into()),
            account_id: crate::model::id::AccountId::stored("acc_1".into()),
            portal_id: 7,
            state: ConnectionState::Connected,
            api_version: String::new(),
            auth: Auth::OAuth,
            expires_at: None,
            scopes: None,
            policy: Default::default(),
            portal: None,
            problem: None,
            checked_at: Timestamp(0),
            created_at: Timestamp(0),
            ends_at: None,
            ends_since: None,
            ends_waiting: None,
            agreed: None,
        };
        let check = Check::of(connection, findings, Timestamp(0));
        let names: Vec<_> = check.findings.iter().map(|finding| finding.name).collect();
        assert_eq!(names, ["Token", "Leads", "State", "Portal"]);
        assert_eq!(check.verdict, "HubSpot does not accept our token.");
        assert!(!check.is_ok() && check.text().contains("\n!!  3 failed.\n"), "{}", check.text());
    }
}
