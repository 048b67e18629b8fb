//! Logs: one row a lead, and the filter that an address carries.

use serde::{Deserialize, Serialize};

use super::connection::record_address;
use super::moment::{Moment, span};
use super::outcome::{Reader, Told, tell};
use super::person::Person;
use crate::cause::Code;
use crate::model::account::Connection;
use crate::model::delivery::Delivery;
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::Outcome;
use crate::model::portal::CONTACT;
use crate::model::time::Timestamp;
use crate::store::{Count, LeadFilter, LeadRow};

/// What an address filters by. Empty members are as if they were not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    pub outcome: String,
    pub cause: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub dealership: String,
    pub text: String,
    /// Days, such as `2026-11-28`, in the zone of the account; both are included.
    pub from: String,
    pub until: String,
    /// `only` or `none` of our own test leads.
    pub test: String,
    pub before: String,
    pub after: String,
}

/// Rows of a page.
pub const PAGE: u32 = 50;

impl Query {
    /// The filter that it stands for. What is not understood filters nothing.
    pub fn filter(&self, account: &AccountId, reader: &Reader) -> LeadFilter {
        let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let day = |text: &str| text.trim().parse::<jiff::civil::Date>().ok();
        let begin = |date: jiff::civil::Date| {
            let local = date.to_zoned(reader.zone.clone()).ok()?;
            Some(Timestamp(local.timestamp().as_millisecond()))
        };
        LeadFilter {
            account: Some(account.clone()),
            outcome: Outcome::ALL.into_iter().find(|outcome| outcome.word() == self.outcome),
            cause: self.cause.parse::<Code>().ok(),
            event_type: given(&self.event_type),
            dealership: given(&self.dealership),
            text: given(&self.text),
            from: day(&self.from).and_then(begin),
            until: day(&self.until).and_then(|date| date.tomorrow().ok()).and_then(begin),
            test: match self.test.as_str() {
                "only" => Some(true),
                "none" => Some(false),
                _ => None,
            },
            before: given(&self.before).map(EventId::stored),
            after: given(&self.after).map(EventId::stored),
            limit: PAGE,
            ..LeadFilter::default()
        }
    }

    /// Whether it filters anything.
    pub fn is_filtered(&self) -> bool {
        *self != Self { before: self.before.clone(), after: self.after.clone(), ..Self::default() }
    }

    /// As the end of an address, without its `?`.
    pub fn encoded(&self) -> String {
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) else { return String::new() };
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &fields {
            if let Some(value) = value.as_str().filter(|value| !value.is_empty()) {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }

    /// The same filter at another page.
    pub fn at(&self, before: Option<&EventId>, after: Option<&EventId>) -> String {
        let id = |id: Option<&EventId>| id.map(ToString::to_string).unwrap_or_default();
        Self { before: id(before), after: id(after), ..self.clone() }.encoded()
    }

    /// The same filter, of another outcome, from its first page on.
    pub fn of(&self, outcome: &str) -> String {
        Self { outcome: outcome.to_owned(), before: String::new(), after: String::new(), ..self.clone() }.encoded()
    }
}

/// A lead in one row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub event: EventId,
    #[serde(flatten)]
    pub told: Told,
    /// The colour of its outcome.
    pub tone: &'static str,
    pub person: Option<Person>,
    #[serde(rename = "type")]
    pub event_type: String,
    pub received: Moment,
    /// From received to delivered.
    pub took: Option<String>,
    pub attempts: u32,
    /// The contact in HubSpot.
    pub contact: Option<String>,
    pub is_test: bool,
}

/// The colour of an outcome.
pub fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Synced => "synced",
        Outcome::SyncedWithWarnings | Outcome::NeedsAttention | Outcome::Retrying => "waiting",
        Outcome::Sending => "sending",
        Outcome::Failed => "failed",
        Outcome::Skipped | Outcome::Cancelled | Outcome::Removed => "skipped",
    }
}

impl Row {
    pub fn of(lead: &LeadRow, connection: Option<&Connection>, is_masked: bool, reader: &Reader) -> Self {
        let told = tell(&lead.event, lead.delivery.as_ref(), None, false, reader);
        let person = Person::of(&lead.event, lead.body.as_deref());
        let delivery = lead.delivery.as_ref();
        Self {
            event: lead.event.id.clone(),
            tone: tone(told.outcome),
            person: if is_masked { person.map(Person::masked) } else { person },
            event_type: lead.event.event_type.clone(),
            received: Moment::of(lead.event.received_at, &reader.zone, reader.now),
            took: delivery.and_then(|delivery| took(delivery, lead.event.received_at)),
            attempts: delivery.map_or(0, |delivery| delivery.attempts),
            contact: connection.and_then(|connection| contact(delivery?, connection)),
            is_test: lead.is_test,
            told,
        }
    }
}

/// From received to delivered.
pub fn took(delivery: &Delivery, received_at: Timestamp) -> Option<String> {
    let done = delivery.done_at?;
    Some(span(u64::try_from(done.since(received_at).as_millis()).unwrap_or(u64::MAX)))
}

/// The address of the contact, which is the first record of every plan of ours.
fn contact(delivery: &Delivery, connection: &Connection) -> Option<String> {
    let record = delivery.progress.actions.first()?.record.as_ref()?;
    delivery.contact?;
    Some(record_address(connection, CONTACT, &record.id))
}

/// One choice of the bar above the list.
#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    pub label: &'static str,
    pub icon: &'static str,
    /// The query of its list.
    pub query: String,
    pub count: String,
    pub is_here: bool,
}

/// The bar: every outcome that some lead has, and all of them.
pub fn segments(query: &Query, counts: &[(Outcome, Count)]) -> Vec<Segment> {
    let all = Segment {
        label: "All",
        icon: "",
        query: query.of(""),
        count: String::new(),
        is_here: query.outcome.is_empty(),
    };
    let segment = |(outcome, count): &(Outcome, Count)| {
        let is_here = query.outcome == outcome.word();
        (count.leads > 0 || is_here).then(|| Segment {
            label: outcome.label(),
            icon: outcome.icon(),
            query: query.of(outcome.word()),
            count: format!(
                "{}{}",
                super::moment::count(i64::try_from(count.leads).unwrap_or(i64::MAX)),
                if count.is_more { "+" } else { "" }
            ),
            is_here,
        })
    };
    std::iter::once(all).chain(counts.iter().filter_map(segment)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::moment::zone;

    #[test]
    fn the_filter_lives_in_the_address() {
        let query = Query { outcome: "failed".into(), text: "maya & co".into(), ..Query::default() };
        assert_eq!(query.encoded(), "outcome=failed&text=maya+%26+co");
        assert_eq!(query.of("synced"), "outcome=synced&text=maya+%26+co");
        let last = EventId::stored("evt_1".into());
        assert_eq!(query.at(Some(&last), None), "before=evt_1&outcome=failed&text=maya+%26+co");
        assert!(query.is_filtered() && !Query { before: "evt_1".into(), ..Query::default() }.is_filtered());
    }

    #[test]
    fn days_are_days_of_the_account_and_nonsense_filters_nothing() {
        let reader = Reader { now: Timestamp(0), zone: zone("America/New_York") };
        let account = AccountId::new(Timestamp(1));
        let query = Query { from: "2026-11-28".into(), until: "2026-11-28".into(), ..Query::default() };
        let filter = query.filter(&account, &reader);
        assert_eq!(filter.from, Some(Timestamp::parse("2026-11-28T05:00:00Z").unwrap()));
        assert_eq!(filter.until, Some(Timestamp::parse("2026-11-29T05:00:00Z").unwrap()));
        // The days on which clocks are changed have another length.
        for (day, hours) in [("2026-11-01", 25), ("2027-03-14", 23), ("2026-11-02", 24)] {
            let filter = Query { from: day.into(), until: day.into(), ..Query::default() }.filter(&account, &reader);
            let length = filter.until.unwrap().0 - filter.from.unwrap().0;
            assert_eq!(length, hours * 3_600_000, "{day}");
        }
        let odd = Query { from: "tomorrow".into(), outcome: "odd".into(), cause: "odd".into(), ..Query::default() };
        let filter = odd.filter(&account, &reader);
        assert_eq!((filter.from, filter.outcome, filter.cause), (None, None, None));
    }
}
