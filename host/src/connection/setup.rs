//! Setting an account up, as steps with their proof: from connecting HubSpot to the first lead that arrived. One view for
//! the set-up page, the overview, the API and the command line.

use serde::Serialize;

use super::drift;
use crate::fit::{PropertyState, compare};
use crate::model::account::{Account, Connection, ConnectionState};
use crate::model::id::EventId;
use crate::model::outcome::Group;
use crate::model::time::Timestamp;
use crate::store::{self, LeadFilter, LeadRow, Store};

/// The steps of setting up, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Setup {
    pub steps: Vec<SetupStep>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SetupStep {
    /// `connect`, `properties`, `event_types`, `source`, `test` or `first_lead`.
    pub name: &'static str,
    pub title: &'static str,
    /// What is to be done; once it is, the proof of it.
    pub about: String,
    pub is_done: bool,
    /// The step that comes next.
    pub is_next: bool,
    /// The screen of the account where it is done.
    pub screen: &'static str,
    /// What leads there.
    pub label: &'static str,
}

impl Setup {
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|step| step.is_done)
    }

    /// Whether the step of a name is done.
    pub fn has(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name && step.is_done)
    }

    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| step.is_done).count()
    }

    fn of(facts: &Facts) -> Self {
        let mut steps = vec![connect(facts), properties(facts), event_types(facts), source(facts), test(facts)];
        steps.push(first_lead(facts));
        if let Some(next) = steps.iter_mut().find(|step| !step.is_done) {
            next.is_next = true;
        }
        Self { steps }
    }
}

/// How far an account is with setting up.
///
/// # Errors
/// The store's.
pub async fn setup(store: &Store, account: &Account, connection: Option<&Connection>) -> store::Result<Setup> {
    let live = connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let all = LeadFilter { account: Some(account.id.clone()), ..LeadFilter::default() };
    let (lacking, selected, sources, sent, real) = tokio::try_join!(
        lacking(store, live),
        selected(store, account, live),
        store.sources(Some(&account.id)),
        any_lead(store, LeadFilter { group: Some(Group::InHubspot), ..all.clone() }),
        any_lead(store, LeadFilter { test: Some(false), ..all })
    )?;
    Ok(Setup::of(&Facts {
        portal: live.map(name_of),
        lacking,
        selected,
        sources: sources.len(),
        sent: sent.map(|lead| if lead.is_test { Sent::Test } else { Sent::Real }),
        has_lead: real.is_some(),
    }))
}

/// What the steps are decided by.
#[derive(Default)]
struct Facts {
    /// What the portal is called; none where none is connected.
    portal: Option<String>,
    /// Properties that are not as they should be; none where nobody has read the portal yet.
    lacking: Option<usize>,
    selected: Vec<String>,
    sources: usize,
    /// A lead that is in HubSpot; none where there is none.
    sent: Option<Sent>,
    /// A lead has arrived that is no test.
    has_lead: bool,
}

/// What a lead in HubSpot proves the way with.
#[derive(Clone, Copy)]
enum Sent {
    Test,
    Real,
}

fn name_of(connection: &Connection) -> String {
    let name = connection.portal.as_ref().and_then(|portal| portal.name.as_deref());
    name.map_or_else(|| connection.portal_id.to_string(), |name| format!("{name} ({})", connection.portal_id))
}

/// A lead that fits, where the account has one: of the newest, or else of the oldest. What was done once stays done,
/// however many leads wait in front of it.
async fn any_lead(store: &Store, filter: LeadFilter) -> store::Result<Option<LeadRow>> {
    let newest = LeadFilter { limit: 1, ..filter };
    let page = store.leads(&newest).await?;
    if !page.rows.is_empty() || page.looked_until.is_none() {
        return Ok(page.rows.into_iter().next());
    }
    let oldest = LeadFilter { after: Some(EventId::earliest(Timestamp(0))), ..newest };
    Ok(store.leads(&oldest).await?.rows.into_iter().next())
}

async fn lacking(store: &Store, connection: Option<&Connection>) -> store::Result<Option<usize>> {
    let Some(connection) = connection else { return Ok(None) };
    let Some(cached) = store.schema(connection).await? else { return Ok(None) };
    let wanted = drift::wanted(&store.bound(connection).await?, &connection.policy);
    let lacks = |state: &PropertyState| !matches!(state, PropertyState::Fine | PropertyState::Wider { .. });
    Ok(Some(wanted.iter().filter(|wanted| lacks(&compare(&wanted.definition, &cached.schema))).count()))
}

async fn selected(store: &Store, account: &Account, connection: Option<&Connection>) -> store::Result<Vec<String>> {
    let Some(connection) = connection else { return Ok(Vec::new()) };
    let chosen = store.routing(&account.id).await?.subscriptions.into_iter();
    Ok(chosen.filter(|one| one.connection_id == connection.id).map(|one| one.event_type).collect())
}

fn step(name: &'static str, title: &'static str, proof: Option<String>, about: &str) -> SetupStep {
    let is_done = proof.is_some();
    let about = proof.unwrap_or_else(|| about.to_owned());
    SetupStep { name, title, about, is_done, is_next: false, screen: "", label: "" }
}

fn connect(facts: &Facts) -> SetupStep {
    let proof = facts.portal.as_ref().map(|portal| format!("Connected to {portal}."));
    let about = "A HubSpot admin agrees once.";
    SetupStep { screen: "connectors", label: "Connect to HubSpot", ..step("connect", "Connect HubSpot", proof, about) }
}

fn properties(facts: &Facts) -> SetupStep {
    let proof = (facts.lacking == Some(0)).then(|| "Every property that leads need is there.".to_owned());
    let about = match facts.lacking {
        Some(1) => "1 property is not as it should be.".to_owned(),
        Some(lacking) => format!("{lacking} properties are not as they should be."),
        None => "We check which are there, and create the rest.".to_owned(),
    };
    SetupStep {
        screen: "fields",
        label: "Go to Fields",
        ..step("properties", "Create the contact properties", proof, &about)
    }
}

fn event_types(facts: &Facts) -> SetupStep {
    let proof = (!facts.selected.is_empty()).then(|| format!("{} goes to HubSpot.", facts.selected.join(", ")));
    let about = "Which events go to HubSpot. Lead Captured is recommended.";
    SetupStep {
        screen: "event-types",
        label: "Choose event types",
        ..step("event_types", "Choose event types", proof, about)
    }
}

fn source(facts: &Facts) -> SetupStep {
    let proof = (facts.sources > 0).then(|| "It has an address and a secret of its own.".to_owned());
    let about = "Make a source: an address and a secret of your own, for whoever builds the widget.";
    SetupStep {
        screen: "settings",
        label: "Make a source",
        ..step("source", "Let the chat widget send its events", proof, about)
    }
}

fn test(facts: &Facts) -> SetupStep {
    let words = |sent| match sent {
        Sent::Test => "A test lead is in HubSpot.".to_owned(),
        Sent::Real => "A lead is in HubSpot already.".to_owned(),
    };
    let proof = facts.sent.map(words);
    let about = "It goes the whole way, and is left out of figures and pictures.";
    SetupStep { screen: "test", label: "Go to Test", ..step("test", "Send a test lead", proof, about) }
}

fn first_lead(facts: &Facts) -> SetupStep {
    let proof = facts.has_lead.then(|| "The first lead has arrived.".to_owned());
    let about = "Submit your widget's form, and watch it arrive.";
    SetupStep { screen: "logs", label: "Go to Logs", ..step("first_lead", "See the first lead arrive", proof, about) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_is_the_first_that_is_not_done() {
        let lead = || vec!["lead.captured.v1".to_owned()];
        let portal = || Some("Acme (1)".to_owned());
        let rows = [
            (Facts::default(), 0, Some("connect")),
            (Facts { sources: 1, ..Facts::default() }, 1, Some("connect")),
            (Facts { portal: portal(), selected: lead(), ..Facts::default() }, 2, Some("properties")),
            (
                Facts { portal: portal(), selected: lead(), lacking: Some(2), sources: 1, ..Facts::default() },
                3,
                Some("properties"),
            ),
            (
                Facts { portal: portal(), selected: lead(), lacking: Some(0), sources: 1, ..Facts::default() },
                4,
                Some("test"),
            ),
            (
                Facts {
                    portal: portal(),
                    selected: lead(),
                    lacking: Some(0),
                    sources: 1,
                    sent: Some(Sent::Test),
                    ..Facts::default()
                },
                5,
                Some("first_lead"),
            ),
            (
                Facts {
                    portal: portal(),
                    selected: lead(),
                    lacking: Some(0),
                    sources: 1,
                    sent: Some(Sent::Real),
                    has_lead: true,
                },
                6,
                None,
            ),
        ];
        for (facts, done, next) in rows {
            let setup = Setup::of(&facts);
            assert_eq!((setup.done(), setup.is_done()), (done, done == 6), "{setup:?}");
            assert_eq!(setup.steps.iter().find(|step| step.is_next).map(|step| step.name), next);
        }
    }
}
