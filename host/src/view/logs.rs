//! Logs: one row a lead, and the filter that an address carries; in the dashboard, over HTTP and on the command line.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::connection::record_address;
use super::moment::{Moment, begin_of_day, span};
use super::outcome::{Reader, Told, tell};
use super::person::Person;
use crate::cause::Code;
use crate::model::access::Sight;
use crate::model::account::Connection;
use crate::model::delivery::{ContactWrite, Delivery};
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::{Group, Outcome};
use crate::model::portal::CONTACT;
use crate::model::time::Timestamp;
use crate::store::{Count, LeadFilter, LeadRow};

/// What an address filters by. Empty members are as if they were not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    pub outcome: String,
    /// `created` or `updated`: what was done to the contact; `none`: it is in HubSpot, and no contact was written.
    pub contact: String,
    /// `with` or `without` an e-mail address.
    pub email: String,
    pub cause: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub dealership: String,
    pub text: String,
    /// Days, such as `2026-11-28`, in the zone of the account, both included; or moments, such as `2026-11-28T09:00:00Z`,
    /// from the first to before the second.
    pub from: String,
    pub until: String,
    /// `only` or `none` of our own test leads.
    pub test: String,
    /// `possible`: those whose contact may be a second one of the same person.
    pub duplicate: String,
    pub before: String,
    pub after: String,
}

/// Rows of a page.
pub const PAGE: u32 = 50;

/// What a filter for duplicates says.
const POSSIBLE: &str = "possible";

impl Query {
    /// The filter that it stands for. What is not understood filters nothing.
    pub fn filter(&self, account: &AccountId, reader: &Reader) -> LeadFilter {
        self.filter_of(Some(account), reader)
    }

    /// The same, of all accounts where none is named.
    pub fn filter_of(&self, account: Option<&AccountId>, reader: &Reader) -> LeadFilter {
        let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let (from, until) = (When::read(&self.from), When::read(&self.until));
        LeadFilter {
            account: account.cloned(),
            outcome: Outcome::ALL.into_iter().find(|outcome| outcome.word() == self.outcome),
            group: group(&self.outcome),
            contact: contact_write(&self.contact),
            cause: self.cause.parse::<Code>().ok(),
            event_type: given(&self.event_type),
            dealership: given(&self.dealership),
            text: given(&self.text),
            from: from.and_then(|from| from.moment_in(&reader.zone)),
            until: until.and_then(|until| until.next_day().moment_in(&reader.zone)),
            test: match self.test.as_str() {
                "only" => Some(true),
                "none" => Some(false),
                _ => None,
            },
            duplicate: self.duplicate == POSSIBLE,
            has_email: match self.email.as_str() {
                "with" => Some(true),
                "without" => Some(false),
                _ => None,
            },
            before: given(&self.before).map(EventId::stored),
            after: given(&self.after).map(EventId::stored),
            limit: PAGE,
        }
    }

    /// The filter at the end of an address.
    pub fn decoded(query: &str) -> Self {
        let fields = url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into(), value.into()));
        let fields: serde_json::Map<String, serde_json::Value> = fields.collect();
        serde_json::from_value(fields.into()).unwrap_or_default()
    }

    /// The first field that says something that nobody understands, and what it says. On a page it filters nothing;
    /// a program is told.
    pub fn wrong(&self) -> Option<(&'static str, &str)> {
        let is_outcome =
            Outcome::ALL.iter().any(|outcome| outcome.word() == self.outcome) || group(&self.outcome).is_some();
        let fields = [
            ("outcome", &self.outcome, is_outcome),
            ("contact", &self.contact, contact_write(&self.contact).is_some()),
            ("email", &self.email, ["with", "without"].contains(&self.email.as_str())),
            ("cause", &self.cause, self.cause.parse::<Code>().is_ok()),
            ("from", &self.from, When::read(&self.from).is_some()),
            ("until", &self.until, When::read(&self.until).is_some()),
            ("test", &self.test, ["only", "none"].contains(&self.test.as_str())),
            ("duplicate", &self.duplicate, self.duplicate == POSSIBLE),
        ];
        fields
            .into_iter()
            .find(|(_, value, is_right)| !value.is_empty() && !is_right)
            .map(|(name, value, _)| (name, value.as_str()))
    }

    /// The path of the same list in the API.
    pub fn api_path(&self, account: &str) -> String {
        let filter = self.at(None, None);
        if filter.is_empty() {
            format!("/v1/leads?account={account}")
        } else {
            format!("/v1/leads?account={account}&{filter}")
        }
    }

    /// The command that lists the same.
    pub fn command(&self, account: &str) -> String {
        let mut words = format!("leadline lead list --account {account}");
        for (name, value) in [
            ("outcome", &self.outcome),
            ("contact", &self.contact),
            ("email", &self.email),
            ("cause", &self.cause),
            ("type", &self.event_type),
            ("dealership", &self.dealership),
            ("text", &self.text),
            ("from", &self.from),
            ("until", &self.until),
            ("test", &self.test),
            ("duplicate", &self.duplicate),
        ] {
            if !value.is_empty() {
                words += &format!(" --{name} {}", quoted(value));
            }
        }
        words
    }

    /// Whether it filters by what a page shows only when asked for more.
    pub fn has_more(&self) -> bool {
        let Self { contact, cause, dealership, from, until, test, email, duplicate, .. } = self;
        [contact, cause, dealership, from, until, test, email, duplicate].into_iter().any(|said| !said.is_empty())
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

    /// Whether its outcome, or the group of them, is this one.
    pub fn takes(&self, outcome: Outcome) -> bool {
        match group(&self.outcome) {
            Some(group) => group.holds(outcome),
            None => self.outcome.is_empty() || self.outcome == outcome.word(),
        }
    }

    /// Whether a time is a day, which a calendar can show, and not a moment.
    pub fn is_day(time: &str) -> bool {
        matches!(When::read(time), Some(When::Day(_)))
    }

    /// The same filter, of another outcome, from its first page on.
    pub fn of(&self, outcome: &str) -> String {
        Self { outcome: outcome.to_owned(), before: String::new(), after: String::new(), ..self.clone() }.encoded()
    }
}

/// A day or a moment, as a filter says it.
pub(super) enum When {
    Day(Date),
    Moment(Timestamp),
}

impl When {
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().map(Self::Day).or_else(|_| Timestamp::parse(text).map(Self::Moment)).ok()
    }

    pub(super) fn next_day(self) -> Self {
        match self {
            Self::Day(date) => Self::Day(date.tomorrow().unwrap_or(date)),
            Self::Moment(at) => Self::Moment(at),
        }
    }

    /// The same, where a day is one of this zone.
    pub(super) fn moment_in(self, zone: &jiff::tz::TimeZone) -> Option<Timestamp> {
        match self {
            Self::Day(date) => begin_of_day(date, zone),
            Self::Moment(at) => Some(at),
        }
    }
}

fn group(word: &str) -> Option<Group> {
    Group::ALL.into_iter().find(|group| group.word() == word)
}

/// What was done to the contact, none for nothing; none where the word says neither.
fn contact_write(word: &str) -> Option<Option<ContactWrite>> {
    match word {
        "created" => Some(Some(ContactWrite::Created)),
        "updated" => Some(Some(ContactWrite::Updated)),
        "none" => Some(None),
        _ => None,
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A lead in one row.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadRow)]
pub struct Row {
    pub event: EventId,
    pub account: AccountId,
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
    /// No e-mail address recognises the contact, and another such contact has the same phone number.
    pub may_be_duplicate: bool,
    /// It failed, or waits for its next try: it can be tried now.
    pub can_retry: bool,
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
    pub fn of(lead: &LeadRow, connection: Option<&Connection>, sight: Sight, reader: &Reader) -> Self {
        let told = tell(&lead.event, lead.delivery.as_ref(), None, false, reader);
        let person = Person::of(&lead.event, lead.body.as_deref());
        let delivery = lead.delivery.as_ref();
        Self {
            event: lead.event.id.clone(),
            account: lead.event.account_id.clone(),
            tone: tone(told.outcome),
            person: person.map(|person| sight.shown(person, Person::masked)),
            event_type: lead.event.event_type.clone(),
            received: Moment::of(lead.event.received_at, &reader.zone, reader.now),
            took: delivery.and_then(|delivery| took(delivery, lead.event.received_at)),
            attempts: delivery.map_or(0, |delivery| delivery.attempts),
            contact: connection.and_then(|connection| contact(delivery?, connection)),
            is_test: lead.is_test,
            may_be_duplicate: delivery.is_some_and(|delivery| delivery.may_be_duplicate),
            can_retry: matches!(told.outcome, Outcome::Failed | Outcome::Retrying),
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
        assert!(!query.has_more() && Query { duplicate: POSSIBLE.into(), ..Query::default() }.has_more());
    }

    #[test]
    fn a_filter_is_the_same_in_the_address_over_http_and_as_a_command() {
        let query =
            Query { outcome: "failed".into(), text: "maya o'brien".into(), before: "evt_1".into(), ..Query::default() };
        assert_eq!(query.api_path("acme"), "/v1/leads?account=acme&outcome=failed&text=maya+o%27brien");
        assert_eq!(
            query.command("acme"),
            r"leadline lead list --account acme --outcome failed --text 'maya o'\''brien'"
        );
        assert_eq!(Query::decoded(&query.encoded()), query);
        assert_eq!(Query::decoded("outcome=failed&unknown=1").encoded(), "outcome=failed");
    }

    #[test]
    fn what_nobody_understands_is_named() {
        for (query, wrong) in [
            ("", None),
            (
                "outcome=synced&contact=updated&cause=property.missing&from=2026-11-28&until=2026-11-28T09:00:00Z&test=none&duplicate=possible",
                None,
            ),
            ("outcome=odd", Some(("outcome", "odd"))),
            ("contact=odd", Some(("contact", "odd"))),
            ("contact=none", None),
            ("outcome=open&email=without", None),
            ("email=none", Some(("email", "none"))),
            ("cause=odd", Some(("cause", "odd"))),
            ("from=tomorrow", Some(("from", "tomorrow"))),
            ("until=28.11.", Some(("until", "28.11."))),
            ("test=yes", Some(("test", "yes"))),
            ("duplicate=yes", Some(("duplicate", "yes"))),
        ] {
            assert_eq!(Query::decoded(query).wrong(), wrong, "{query}");
        }
    }

    #[test]
    fn days_are_days_of_the_account_and_nonsense_filters_nothing() {
        let reader = Reader { now: Timestamp(0), zone: zone("America/New_York") };
        let account = AccountId::new(Timestamp(1));
        let query = Query { from: "2026-11-28".into(), until: "2026-11-28".into(), ..Query::default() };
        let filter = query.filter(&account, &reader);
        assert_eq!(filter.from, Some(Timestamp::parse("2026-11-28T05:00:00Z").unwrap()));
        assert_eq!(filter.until, Some(Timestamp::parse("2026-11-29T05:00:00Z").unwrap()));
        let moments = Query { until: "2026-11-28T09:00:00Z".into(), ..Query::default() };
        assert_eq!(moments.filter(&account, &reader).until, Some(Timestamp::parse("2026-11-28T09:00:00Z").unwrap()));
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

    #[test]
    fn a_lead_without_a_contact_is_another_than_one_of_whatever_contact() {
        let reader = Reader { now: Timestamp(0), zone: zone("America/New_York") };
        for (word, expected) in [
            ("", None),
            ("odd", None),
            ("created", Some(Some(ContactWrite::Created))),
            ("updated", Some(Some(ContactWrite::Updated))),
            ("none", Some(None)),
        ] {
            let query = Query { contact: word.to_owned(), ..Query::default() };
            assert_eq!(query.filter_of(None, &reader).contact, expected, "{word}");
        }
    }
}
