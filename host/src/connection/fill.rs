//! Filling in what leads went without: values that the portal takes by now go into records that still lack them. What
//! a person has written stays, and of two leads the newer one's value wins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::session::Session;
use crate::cause::{Code, Problem};
use crate::deliver::Clock;
use crate::fit::Judged;
use crate::hubspot::{self, BATCH_MAX, Change, Found, Input, Meaning};
use crate::model::account::Policy;
use crate::model::lane::Lease;
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;
use crate::store::{DroppedValue, Lacking, Store};

/// Between two pages, so that the calls of leads come first.
const REST: Duration = Duration::from_secs(2);
/// How often a lane that works is asked for, and how long between.
const LEASE_TRIES: u32 = 20;
const LEASE_WAIT: Duration = Duration::from_millis(250);

/// What is to be filled in.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FillWish)]
pub struct Wish {
    /// Only this property.
    pub property: Option<String>,
    /// At most so many records.
    pub limit: Option<usize>,
    /// Only records behind this place: the `next` of the run before.
    pub after: Option<String>,
    /// Nothing is written; what would be is shown.
    pub dry_run: bool,
}

/// A value that was filled in, or would be.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Filled {
    #[serde(flatten)]
    pub dropped: DroppedValue,
}

/// A value that was not.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NotFilled)]
pub struct Skipped {
    #[serde(flatten)]
    pub dropped: DroppedValue,
    pub reason: String,
    /// Whether a later run may fill it in.
    pub stays: bool,
}

/// What a run came to.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = FillReport)]
pub struct Report {
    pub filled: Vec<Filled>,
    pub skipped: Vec<Skipped>,
    /// Why it ended early.
    pub stopped: Option<Problem>,
    /// Records that it did not come to.
    pub left: Lacking,
    /// From where on they are, for the `after` of the next run. None where none are left.
    pub next: Option<String>,
}

/// A place in the order of the records.
#[derive(Clone, Debug, Default)]
struct Place {
    object_type: String,
    record_id: String,
}

impl Place {
    fn read(text: &str) -> Self {
        let (object_type, record_id) = text.split_once('/').unwrap_or_default();
        Self { object_type: object_type.to_owned(), record_id: record_id.to_owned() }
    }

    fn of(value: &DroppedValue) -> Self {
        Self { object_type: value.object_type.clone(), record_id: value.record_id.clone() }
    }

    fn parts(&self) -> (&str, &str) {
        (&self.object_type, &self.record_id)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.object_type, self.record_id)
    }
}

/// Fills in what can be filled in. It can be stopped and run again at any time: what is done is not done twice.
///
/// # Errors
/// The store's.
pub async fn fill(store: &Store, session: &Session, wish: &Wish, clock: &Clock) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let schema = store.schema(&session.connection).await?.map(|cached| cached.schema).unwrap_or_default();
    let property = wish.property.as_deref();
    let mut after = wish.after.as_deref().map_or_else(Place::default, Place::read);
    let mut left = wish.limit.unwrap_or(usize::MAX);
    while left > 0 {
        let page = left.min(BATCH_MAX);
        let values = store.dropped_values(&session.connection, property, after.parts(), page).await?;
        let Some(end) = values.last().map(Place::of) else { break };
        if !report.is_empty() {
            tokio::time::sleep(REST).await;
        }
        let mut records: Vec<_> = values.iter().map(|value| &value.record_id).collect();
        records.dedup();
        left -= records.len().min(left);
        // The lane is held meanwhile: a lead that came between the look and the write could be undone.
        let Some(lease) = lease(store, session, clock).await? else {
            let words = "the connection is busy, or rests because HubSpot asked for it";
            report.stopped = Some(Problem::new(Code::HubspotRateLimited, words));
            break;
        };
        let values = under_names(&session.connection.policy, values);
        let done = fill_page(store, session, (&schema, values), wish, &mut report, clock()).await;
        store.give_back(&lease).await?;
        done?;
        if report.stopped.is_some() {
            break;
        }
        after = end;
    }
    report.left = store.lacking(&session.connection, property, after.parts()).await?;
    report.next = report.left.any().then(|| after.to_string());
    Ok(report)
}

impl Skipped {
    /// The reason, without the value: of one that does not fit, the reason may quote it.
    pub fn told(&self) -> &str {
        if self.stays { "HubSpot does not take the value" } else { &self.reason }
    }
}

impl Report {
    /// The records that got something, or would.
    pub fn records_filled(&self) -> usize {
        let records = self.filled.iter().map(|one| (&one.dropped.object_type, &one.dropped.record_id));
        records.collect::<BTreeSet<_>>().len()
    }

    /// Why values were left out, with how many, the most frequent first.
    pub fn reasons(&self) -> Vec<(&str, usize)> {
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for skipped in &self.skipped {
            *counted.entry(&skipped.reason).or_default() += 1;
        }
        let mut reasons: Vec<_> = counted.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// The same without anything that a customer said.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let filled = self.filled.iter_mut().map(|one| &mut one.dropped.value);
        let skipped = self.skipped.iter_mut().map(|one| &mut one.dropped.value);
        filled.chain(skipped).for_each(|value| "…".clone_into(value));
        for skipped in &mut self.skipped {
            skipped.reason = skipped.told().to_owned();
        }
        self
    }

    fn is_empty(&self) -> bool {
        self.filled.is_empty() && self.skipped.is_empty()
    }

    fn skip(&mut self, dropped: &DroppedValue, reason: impl Into<String>, stays: bool) {
        self.skipped.push(Skipped { dropped: dropped.clone(), reason: reason.into(), stays });
    }
}

async fn lease(store: &Store, session: &Session, clock: &Clock) -> anyhow::Result<Option<Lease>> {
    for _ in 0..LEASE_TRIES {
        let (account, lane) = (&session.connection.account_id, session.connection.id.as_str());
        if store.rest_of(&session.connection, clock()).await?.is_none()
            && let Some(lease) = store.hold_lane(account, lane, "fill", clock()).await?
        {
            return Ok(Some(lease));
        }
        tokio::time::sleep(LEASE_WAIT).await;
    }
    Ok(None)
}

/// One page: the values of up to a hundred records, by object type.
async fn fill_page(
    store: &Store,
    session: &Session,
    (schema, values): (&PortalSchema, Vec<DroppedValue>),
    wish: &Wish,
    report: &mut Report,
    now: Timestamp,
) -> anyhow::Result<()> {
    for of_type in values.chunk_by(|one, other| one.object_type == other.object_type) {
        let (filled_before, skipped_before) = (report.filled.len(), report.skipped.len());
        let chosen = choose(schema, of_type, report);
        fill_type(session, &of_type[0].object_type, chosen, wish, report).await;
        if !wish.dry_run {
            let filled: Vec<_> = report.filled[filled_before..].iter().map(|one| one.dropped.clone()).collect();
            let skipped = report.skipped[skipped_before..].iter().filter(|one| !one.stays);
            let done: Vec<_> = skipped.map(|one| one.dropped.clone()).collect();
            store.fill_in(&session.connection, (&filled, &done), now).await?;
        }
        if report.stopped.is_some() {
            break;
        }
    }
    Ok(())
}

/// Values by the portal's names of now. The order stays that of the store: of one record and property the oldest first.
fn under_names(policy: &Policy, mut values: Vec<DroppedValue>) -> Vec<DroppedValue> {
    fn place(value: &DroppedValue) -> (&str, &str, &str, &str) {
        (&value.object_type, &value.record_id, value.target(), value.delivery_id.as_str())
    }
    for value in &mut values {
        let name = policy.name_of(&value.object_type, &value.planned).unwrap_or(&value.planned);
        value.written_to = (name != value.property).then(|| name.to_owned());
    }
    if values.iter().any(|value| value.written_to.is_some()) {
        values.sort_by(|one, other| place(one).cmp(&place(other)));
    }
    values
}

/// Of each record and property the newest lead's value, in the form that the portal takes. The order is that of the
/// store: of one record and property the oldest first.
fn choose(schema: &PortalSchema, values: &[DroppedValue], report: &mut Report) -> Vec<DroppedValue> {
    let mut chosen = Vec::new();
    for same in values.chunk_by(|one, other| one.record_id == other.record_id && one.target() == other.target()) {
        let (newest, older) = same.split_last().expect("a chunk is never empty");
        older.iter().for_each(|value| report.skip(value, "a newer lead brought a value for this field", false));
        if newest.value.is_empty() {
            report.skip(newest, "it was filled in before", false);
            continue;
        }
        match schema.judge(&newest.object_type, newest.target(), &newest.value) {
            Judged::Fine => chosen.push(newest.clone()),
            Judged::Mended(value) => chosen.push(DroppedValue { value, ..newest.clone() }),
            Judged::Bad(_, words) => report.skip(newest, words, true),
        }
    }
    chosen
}

/// Looks at the records and writes what they lack.
async fn fill_type(session: &Session, object_type: &str, chosen: Vec<DroppedValue>, wish: &Wish, report: &mut Report) {
    if chosen.is_empty() {
        return;
    }
    let Some(records) = read(session, object_type, &chosen, report).await else { return };
    let mut changes: Vec<(Change, Vec<DroppedValue>)> = Vec::new();
    for value in chosen {
        let Some((id, held)) = records.get(&value.record_id) else {
            report.skip(&value, "the record was deleted in HubSpot", false);
            continue;
        };
        if held.contains_key(value.target()) {
            report.skip(&value, "the record holds a value already, which stays", false);
            continue;
        }
        let known = changes.iter_mut().find(|(change, _)| change.record_id == *id);
        let (change, values) = match known {
            Some(known) => known,
            None => {
                let trace = format!("fill/{object_type}/{id}");
                changes.push((Change { record_id: id.clone(), trace, properties: BTreeMap::new() }, Vec::new()));
                changes.last_mut().expect("it was just put in")
            }
        };
        if change.properties.contains_key(value.target()) {
            // Two records were merged into one since.
            report.skip(&value, "another lead brought a value for this field", false);
            continue;
        }
        change.properties.insert(value.target().to_owned(), value.value.clone());
        values.push(value);
    }
    if wish.dry_run {
        report.filled.extend(changes.into_iter().flat_map(|(_, values)| values).map(|dropped| Filled { dropped }));
    } else {
        write(session, object_type, changes, report).await;
    }
}

type Records = BTreeMap<String, (String, BTreeMap<String, String>)>;

/// The records as they are now, by the ids that we know: the id of today and the values. None: HubSpot did not say.
async fn read(session: &Session, object_type: &str, chosen: &[DroppedValue], report: &mut Report) -> Option<Records> {
    let mut ids: Vec<_> = chosen.iter().map(|value| value.record_id.clone()).collect();
    ids.dedup();
    let mut properties: Vec<_> = chosen.iter().map(DroppedValue::target).collect();
    properties.sort_unstable();
    properties.dedup();
    let mut found = Records::new();
    // A record that was merged into another answers with the other's id: asked alone, it is known again.
    let mut rounds = vec![ids.clone()];
    while let Some(asked) = rounds.pop() {
        let reply = session.send(&hubspot::read_records(&session.portal, object_type, &asked, &properties)).await;
        let Some(body) = reply.success() else {
            report.stopped = Some(reply.meaning().problem());
            return None;
        };
        let records = hubspot::records_of(body);
        if let ([one], Some((id, held))) = (asked.as_slice(), records.iter().next()) {
            found.insert(one.clone(), (id.clone(), held.clone()));
            continue;
        }
        for id in asked.iter().filter(|_| asked.len() > 1) {
            match records.get(id) {
                Some(held) => drop(found.insert(id.clone(), (id.clone(), held.clone()))),
                None => rounds.push(vec![id.clone()]),
            }
        }
    }
    Some(found)
}

/// Writes the changes, by halves where HubSpot refuses them together.
async fn write(session: &Session, object_type: &str, changes: Vec<(Change, Vec<DroppedValue>)>, report: &mut Report) {
    let mut batches = if changes.is_empty() { vec![] } else { vec![changes] };
    while let Some(mut batch) = batches.pop() {
        let sent: Vec<_> = batch.iter().map(|(change, _)| change.clone()).collect();
        let reply = session.send(&hubspot::update_records(&session.portal, object_type, &sent)).await;
        let Some(body) = reply.success() else {
            match reply.meaning() {
                meaning @ (Meaning::Temporary { .. } | Meaning::Pause { .. } | Meaning::Blocked(_)) => {
                    report.stopped = Some(meaning.problem());
                    return;
                }
                _ if batch.len() > 1 => {
                    let half = batch.split_off(batch.len() / 2);
                    batches.extend([half, batch]);
                }
                meaning => {
                    let words = meaning.problem().detail;
                    batch.iter().flat_map(|(_, values)| values).for_each(|value| report.skip(value, &words, true));
                }
            }
            continue;
        };
        let inputs: Vec<_> = sent.iter().map(input).collect();
        for ((_, values), judged) in batch.iter().zip(hubspot::judge(&reply, body, "hs_object_id", &inputs)) {
            for value in values {
                match &judged {
                    hubspot::Judged::Done(_) => report.filled.push(Filled { dropped: value.clone() }),
                    hubspot::Judged::Failed(meaning) => report.skip(value, meaning.clone().problem().detail, true),
                    hubspot::Judged::Silent => report.skip(value, "HubSpot said yes but showed no record", true),
                }
            }
        }
    }
}

/// The change as answers are matched with it: by trace, else by the record's id.
fn input(change: &Change) -> Input {
    Input {
        trace: change.trace.clone(),
        key: change.record_id.clone(),
        found: Some(Found { id: change.record_id.clone(), properties: BTreeMap::new() }),
        properties: change.properties.clone(),
        targets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::DeliveryId;

    fn dropped(record: &str, property: &str) -> DroppedValue {
        DroppedValue {
            object_type: "0-1".into(),
            record_id: record.into(),
            property: property.into(),
            planned: property.into(),
            written_to: None,
            value: "20k".into(),
            delivery_id: DeliveryId::stored("dlv_1".to_owned()),
        }
    }

    #[test]
    fn a_report_counts_records_and_reasons_and_can_be_told_without_values() {
        let filled = [("1", "a"), ("1", "b"), ("2", "a")].map(|(record, of)| Filled { dropped: dropped(record, of) });
        let mut report = Report { filled: filled.into(), ..Report::default() };
        for (record, reason, stays) in [("3", "gone", false), ("4", "`20k` is no number", true), ("5", "gone", false)] {
            report.skip(&dropped(record, "a"), reason, stays);
        }
        assert_eq!(report.records_filled(), 2);
        assert_eq!(report.reasons(), [("gone", 2), ("`20k` is no number", 1)]);
        let told = serde_json::to_string(&report.masked()).unwrap();
        assert!(!told.contains("20k") && told.contains("gone"), "{told}");
    }

    #[test]
    fn under_another_name_the_newest_lead_still_wins() {
        let names = [("vehicle_of_interest".to_owned(), "car".to_owned())].into();
        let policy = Policy { names: [("0-1".to_owned(), names)].into(), ..Policy::default() };
        let value = |property: &str, delivery: &str| DroppedValue {
            value: delivery.into(),
            delivery_id: DeliveryId::stored(delivery.to_owned()),
            ..dropped("1", property)
        };
        // As the store gives them: by property, then by delivery.
        let stored = [value("car", "dlv_2"), value("phone", "dlv_1"), value("vehicle_of_interest", "dlv_1")];
        let mut report = Report::default();
        let chosen = choose(&PortalSchema::default(), &under_names(&policy, stored.into()), &mut report);
        let told: Vec<_> = chosen.iter().map(|one| (one.target(), one.value.as_str())).collect();
        assert_eq!(told, [("car", "dlv_2"), ("phone", "dlv_1")]);
        let skipped = &report.skipped[0].dropped;
        assert_eq!((skipped.property.as_str(), skipped.written_to.as_deref()), ("vehicle_of_interest", Some("car")));
        // It went by a name that is given up by now.
        let seat = DroppedValue { planned: "vehicle_of_interest".into(), ..value("seat", "dlv_1") };
        for (policy, target) in [(policy, "car"), (Policy::default(), "vehicle_of_interest")] {
            assert_eq!(under_names(&policy, vec![seat.clone()])[0].target(), target);
        }
        let plain = [value("car", "dlv_2"), value("vehicle_of_interest", "dlv_1")];
        let plain = under_names(&Policy::default(), plain.into());
        assert!(plain.iter().all(|one| one.target() == one.property));
    }

    #[test]
    fn a_place_reads_as_it_is_written() {
        for (text, parts) in [("0-1/501", ("0-1", "501")), ("/", ("", "")), ("", ("", ""))] {
            assert_eq!(Place::read(text).parts(), parts);
        }
        assert_eq!(Place::of(&dropped("501", "a")).to_string(), "0-1/501");
    }
}
