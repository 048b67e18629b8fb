//! A test lead after it went the whole way: what HubSpot holds of it, read by the ids of its records and beside what was
//! sent; and its contact with its deals, taken out again.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cause::Problem;
use crate::connection::session::{self, NoSession, Session};
use crate::contract::actions::Action;
use crate::hubspot::{self, HubSpot, Meaning, Reply};
use crate::model::account::Connection;
use crate::model::delivery::{ActionProgress, Progress};
use crate::model::id::EventId;
use crate::model::portal::{CONTACT, DEAL, NOTE};
use crate::model::time::Timestamp;
use crate::plan::{Plan, object_type, rename};
use crate::store::{ShownEvent, Store, StoreError};
use crate::words::is_test_address;

/// What HubSpot holds of a lead.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ReadBack {
    pub records: Vec<ReadRecord>,
}

/// A record that the lead wrote.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ReadRecord {
    /// Such as `Contact`.
    pub label: String,
    pub id: String,
    /// False: HubSpot knows no such record any more.
    pub is_there: bool,
    pub fields: Vec<ReadField>,
}

/// A property: what was sent, and what HubSpot answered a moment ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReadField {
    pub name: String,
    pub expected: String,
    /// None where HubSpot has no value.
    pub actual: Option<String>,
    pub is_same: bool,
}

impl ReadBack {
    /// Whether everything is as it was sent.
    pub fn is_right(&self) -> bool {
        self.records.iter().all(|record| record.is_there && record.fields.iter().all(|field| field.is_same))
    }
}

/// Why nothing was read or taken out.
#[derive(Debug, thiserror::Error)]
pub enum ReadBackError {
    #[error("lead {0} is no test lead: its address has to be of the form `leadline-test+…@example.com`")]
    NoTest(EventId),
    #[error("lead {0} has no records in HubSpot, or its plan was removed")]
    NotWritten(EventId),
    #[error("contact {0} has another address in HubSpot than a test lead's, so it stays")]
    Somebody(String),
    #[error("contact {0} is no longer in HubSpot")]
    Gone(String),
    #[error("{0}")]
    HubSpot(Problem),
    #[error(transparent)]
    NoSession(#[from] NoSession),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A test lead that was delivered, with its plan and how far that came.
struct Written<'a> {
    plan: &'a Plan,
    progress: &'a Progress,
    session: Session,
}

impl<'a> Written<'a> {
    async fn of(
        store: &Store,
        hubspot: &HubSpot,
        shown: &'a ShownEvent,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Self, ReadBackError> {
        let id = &shown.event.id;
        let email = shown.body.as_ref().and_then(|body| body["data"]["email"].as_str()).unwrap_or_default();
        if !is_test_address(&email.trim().to_lowercase()) {
            return Err(ReadBackError::NoTest(id.clone()));
        }
        let missing = || ReadBackError::NotWritten(id.clone());
        let newest = shown.deliveries.last().ok_or_else(missing)?;
        let plan = newest.plan.as_ref().ok_or_else(missing)?;
        let progress = &newest.delivery.progress;
        if progress.actions.iter().all(|action| action.record.is_none()) {
            return Err(missing());
        }
        let connection: Option<Connection> = store.connection(newest.delivery.connection_id.as_str()).await?;
        let connection = connection.ok_or_else(missing)?;
        let session = session::open(store, hubspot, &connection, clock).await?;
        Ok(Self { plan, progress, session })
    }

    /// The records that were written, each with its action.
    fn records(&self) -> impl Iterator<Item = (usize, &Action, &ActionProgress, &str)> {
        let both = self.plan.actions.iter().zip(&self.progress.actions).enumerate();
        both.filter_map(|(index, (action, progress))| {
            Some((index, action, progress, progress.record.as_ref()?.id.as_str()))
        })
    }

    /// The deals that it made: one that was there before is somebody's.
    fn deals(&self) -> impl Iterator<Item = &str> {
        let is_ours = |action: &Action, progress: &ActionProgress| {
            object_type(action) == DEAL && progress.record.as_ref().is_some_and(|record| record.new)
        };
        self.records().filter(move |(_, action, progress, _)| is_ours(action, progress)).map(|(.., id)| id)
    }

    async fn delete(&self, object_type: &str, id: &str) -> Result<(), ReadBackError> {
        let reply = self.session.send(&hubspot::delete_record(&self.session.portal, object_type, id)).await;
        if reply.success().is_none() { is_gone(&reply) } else { Ok(()) }
    }

    async fn read(&self, object_type: &str, id: &str, properties: &[&str]) -> Result<Option<Values>, ReadBackError> {
        let request = hubspot::read_records(&self.session.portal, object_type, &[id.to_owned()], properties);
        let reply = self.session.send(&request).await;
        match reply.success() {
            Some(body) => Ok(hubspot::records_of(body).remove(id)),
            None => is_gone(&reply).map(|()| None),
        }
    }
}

type Values = BTreeMap<String, String>;

/// Nothing where an answer says that the record is not there; else why HubSpot did not answer.
fn is_gone(reply: &Reply) -> Result<(), ReadBackError> {
    match reply.meaning() {
        Meaning::Gone(_) => Ok(()),
        meaning => Err(ReadBackError::HubSpot(meaning.problem())),
    }
}

/// Reads a test lead back.
///
/// # Errors
/// [`ReadBackError`].
pub async fn read_back(
    store: &Store,
    hubspot: &HubSpot,
    shown: &ShownEvent,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<ReadBack, ReadBackError> {
    let written = Written::of(store, hubspot, shown, clock).await?;
    let mut records = Vec::new();
    for (index, action, progress, id) in written.records() {
        let expected = expected(action, progress, written.progress);
        let is_note = object_type(action) == NOTE;
        let names: Vec<_> = match is_note {
            true => vec!["hs_note_body"],
            false => expected.iter().map(|(name, _)| name.as_str()).collect(),
        };
        let held = written.read(object_type(action), id, &names).await?;
        let fields = match (&held, is_note) {
            (None, _) => Vec::new(),
            (Some(values), true) => {
                let delivery = shown.deliveries.last().map(|newest| &newest.delivery);
                let resent = delivery.filter(|_| written.progress.resent).map(|delivery| &delivery.id);
                vec![note(&hubspot::marker(&shown.event.id, resent, index), values)]
            }
            (Some(values), false) => expected.into_iter().map(|(name, value)| compared(name, value, values)).collect(),
        };
        records.push(ReadRecord {
            label: action.label().to_owned(),
            id: id.to_owned(),
            is_there: held.is_some(),
            fields,
        });
    }
    Ok(ReadBack { records })
}

/// What a record has to hold: what was sent, in the form in which HubSpot said it keeps it.
fn expected(action: &Action, progress: &ActionProgress, all: &Progress) -> Vec<(String, String)> {
    let mut properties = action.properties().to_vec();
    rename(&mut properties, &progress.renamed);
    let was_sent = |name: &str| {
        !all.dropped.iter().any(|dropped| dropped.field == name)
            && !progress.refused.iter().any(|refused| refused == name)
            && !progress.passed.iter().any(|passed| passed == name)
    };
    let stored = |name: &str, sent: &str| {
        let kept = all.normalized.iter().find(|kept| kept.field == name);
        kept.map_or_else(|| sent.to_owned(), |kept| kept.stored.clone())
    };
    let sent = properties.iter().filter(|property| was_sent(&property.name));
    sent.map(|property| (property.name.clone(), stored(&property.name, &property.value))).collect()
}

fn compared(name: String, expected: String, held: &Values) -> ReadField {
    let actual = held.get(&name).cloned();
    let is_same = actual.as_deref() == Some(&expected);
    ReadField { name, expected, actual, is_same }
}

/// Its text is HTML in HubSpot: the marker under it tells that it is ours and whole.
fn note(marker: &str, held: &Values) -> ReadField {
    let body = held.get("hs_note_body").map(String::as_str).unwrap_or_default();
    let is_same = body.contains(marker);
    let actual = is_same.then(|| marker.to_owned());
    ReadField { name: "marker".to_owned(), expected: marker.to_owned(), actual, is_same }
}

/// What was taken out of HubSpot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TakenOut {
    pub contact_id: String,
    /// Deals that the lead made.
    pub deal_ids: Vec<String>,
}

/// Takes the contact of a test lead out of HubSpot, where it still has a test lead's address there, and the deals that the
/// lead made. Its note goes with it from the timeline.
///
/// # Errors
/// [`ReadBackError`].
pub async fn delete_contact(
    store: &Store,
    hubspot: &HubSpot,
    shown: &ShownEvent,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<TakenOut, ReadBackError> {
    let written = Written::of(store, hubspot, shown, clock).await?;
    let contact = written.records().find(|(_, action, ..)| object_type(action) == CONTACT);
    let (.., id) = contact.ok_or_else(|| ReadBackError::NotWritten(shown.event.id.clone()))?;
    let held = written.read(CONTACT, id, &["email"]).await?;
    if held.as_ref().is_some_and(|held| !held.get("email").is_some_and(|email| is_test_address(email))) {
        return Err(ReadBackError::Somebody(id.to_owned()));
    }
    let mut deal_ids = Vec::new();
    for deal in written.deals() {
        if written.read(DEAL, deal, &["dealname"]).await?.is_some() {
            written.delete(DEAL, deal).await?;
            deal_ids.push(deal.to_owned());
        }
    }
    match held {
        Some(_) => written.delete(CONTACT, id).await?,
        None if deal_ids.is_empty() => return Err(ReadBackError::Gone(id.to_owned())),
        None => {}
    }
    Ok(TakenOut { contact_id: id.to_owned(), deal_ids })
}
