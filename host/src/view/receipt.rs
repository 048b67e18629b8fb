//! What became of each planned value of a record: told by the calls as they are kept, in which stands what HubSpot held
//! when it was read and what was sent then.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::cause::Code;
use crate::contract::actions::{Action, Property, WritePolicy};
use crate::hubspot::{self, Found};
use crate::model::access::Sight;
use crate::model::delivery::{ActionProgress, Progress};
use crate::plan::{Plan, rename};
use crate::store::{ShownCall, ShownDelivery};

/// One property, and what became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadField)]
pub struct Field {
    pub record: &'static str,
    pub name: String,
    pub value: String,
    /// `written`, `unchanged`, `kept`, `left out` or `open`.
    pub state: &'static str,
    /// `good`, `warning` or `none`.
    pub tone: &'static str,
    /// What HubSpot held before it was written, or holds instead; none where that was nothing, or nobody knows any more.
    pub before: Option<String>,
    /// Why, where that is not plain.
    pub fate: String,
}

impl Field {
    /// The same without its values.
    fn masked(self) -> Self {
        Self { value: "…".to_owned(), before: self.before.map(|_| "…".to_owned()), ..self }
    }
}

/// What was written of a delivery, what was not and why.
pub(super) fn fields(newest: &ShownDelivery, sight: Sight) -> Vec<Field> {
    let progress = &sight.shown(newest.delivery.progress.clone(), without_words);
    let actions = newest.plan.iter().flat_map(|plan: &Plan| &plan.actions).zip(&progress.actions);
    let mut fields = Vec::new();
    for (index, (action, one)) in actions.enumerate() {
        let receipt = receipt(newest, index, action, one);
        let mut planned = properties(action);
        let gave_way = rename(&mut planned, &one.renamed);
        fields.extend(gave_way.into_iter().map(|property| twice(action, property, one)));
        let is_left_out = |name: &str| progress.dropped.iter().any(|gone| gone.field == name);
        let planned = planned.into_iter().filter(|property| !is_left_out(&property.name));
        fields.extend(planned.map(|property| field(action, &property, progress, one, receipt.as_ref())));
    }
    fields.extend(progress.dropped.iter().map(|dropped| Field {
        record: "",
        name: dropped.field.clone(),
        value: dropped.value.clone(),
        state: "left out",
        tone: "warning",
        before: None,
        fate: format!("not written: {}", dropped.reason),
    }));
    fields.into_iter().map(|field| sight.shown(field, Field::masked)).collect()
}

/// The same without the form in which HubSpot stored a value, and without the words about one that was left out:
/// HubSpot and the transformation may quote it.
fn without_words(mut progress: Progress) -> Progress {
    for dropped in &mut progress.dropped {
        dropped.reason = dropped.code.map_or("the transformation left it out", Code::title).to_owned();
    }
    for normalized in &mut progress.normalized {
        "…".clone_into(&mut normalized.stored);
    }
    progress
}

/// What the calls say of the record of an action; none where it has none, or they are not kept.
fn receipt(newest: &ShownDelivery, index: usize, action: &Action, progress: &ActionProgress) -> Option<Receipt> {
    progress.record.as_ref()?;
    let (_, planned) = action.key()?;
    let key = progress.key.as_ref().map_or(planned, |(_, value)| value.as_str()).trim();
    Receipt::of(&newest.calls, &format!("{}/{index}", newest.delivery.id), key)
}

fn properties(action: &Action) -> Vec<Property> {
    let property =
        |name: &str, value: &str, policy| Property { name: name.to_owned(), value: value.to_owned(), policy };
    match action {
        Action::UpsertContact(contact) => contact.properties.clone(),
        Action::UpsertDeal(deal) => {
            let place = [("dealname", &deal.name), ("pipeline", &deal.pipeline), ("dealstage", &deal.stage)];
            let place = place.map(|(name, value)| property(name, value, WritePolicy::OnCreate));
            place.into_iter().chain(deal.properties.clone()).collect()
        }
        Action::UpsertObject(object) => object.properties.clone(),
        Action::AddNote(note) => vec![property("note", &note.body, WritePolicy::Always)],
    }
}

fn field(
    action: &Action,
    property: &Property,
    progress: &Progress,
    one: &ActionProgress,
    receipt: Option<&Receipt>,
) -> Field {
    let (state, tone, before, fate) = told(action, property, progress, one, receipt);
    let (record, name, value) = (action.label(), property.name.clone(), property.value.clone());
    Field { record, name, value, state, tone, before: before.map(str::to_owned), fate }
}

/// A value that would have gone where the lead brings another one by itself.
fn twice(action: &Action, property: Property, one: &ActionProgress) -> Field {
    let name = one.renamed.get(&property.name).map_or("", String::as_str);
    Field {
        record: action.label(),
        fate: format!("not written: the lead brings a value for {name} itself"),
        name: property.name,
        value: property.value,
        state: "left out",
        tone: "none",
        before: None,
    }
}

type Words<'a> = (&'static str, &'static str, Option<&'a str>, String);

/// What became of a value that was planned and not left out.
fn told<'a>(
    action: &Action,
    property: &Property,
    progress: &Progress,
    one: &ActionProgress,
    receipt: Option<&'a Receipt>,
) -> Words<'a> {
    let name = &property.name;
    if one.refused.contains(name) {
        return ("left out", "warning", None, "HubSpot refused it".to_owned());
    }
    if progress.filled.iter().any(|filled| filled.field == *name) {
        return ("written", "good", None, "filled in later".to_owned());
    }
    if one.record.is_none() {
        return ("open", "none", None, String::new());
    }
    if let Action::AddNote(note) = action {
        let cut = "cut: it is longer than HubSpot takes, and the note says so".to_owned();
        let is_cut = hubspot::is_cut(&note.body);
        return if is_cut { ("written", "warning", None, cut) } else { ("written", "good", None, String::new()) };
    }
    let (fate, held) = receipt.map_or((Fate::Written, None), |receipt| receipt.fate(property));
    match fate {
        Fate::Written => {
            let stored = progress.normalized.iter().find(|normalized| normalized.field == *name);
            let fate = stored.map_or_else(String::new, |normalized| format!("stored as {}", normalized.stored));
            ("written", "good", held, fate)
        }
        Fate::Unchanged => ("unchanged", "good", None, "HubSpot held it already".to_owned()),
        Fate::Kept => ("kept", "none", held, format!("HubSpot's own value stands: {}", why_kept(property, one))),
        Fate::NewOnly => ("kept", "none", None, "it is written to new records only".to_owned()),
    }
}

fn why_kept(property: &Property, one: &ActionProgress) -> &'static str {
    match property.policy {
        _ if one.passed.contains(&property.name) => "a newer lead wrote it",
        _ if property.name == "lifecyclestage" => "a stage is never moved back",
        WritePolicy::OnCreate => "it is written to new records only",
        WritePolicy::IfEmpty => "it is written where there is none only",
        WritePolicy::Always => "it recognises the record",
    }
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was sent.
    Written,
    /// HubSpot held it already.
    Unchanged,
    /// HubSpot's own value stands, by the rule of the property.
    Kept,
    /// It is for new records only, and this one was there.
    NewOnly,
}

/// What the calls say of one record.
pub(super) struct Receipt {
    /// The record as it was read; none where it did not exist.
    found: Option<Found>,
    sent: BTreeMap<String, String>,
}

impl Receipt {
    /// Of a record that a delivery wrote, by the trace and the key of its action. None where the calls that tell it are not
    /// kept.
    pub(super) fn of(calls: &[ShownCall], trace: &str, key: &str) -> Option<Self> {
        let worked = || calls.iter().filter(|call| call.status.is_some_and(|status| (200..300).contains(&status)));
        let found = worked().rev().find_map(|call| held(call, key))?;
        let id = found.as_ref().map(|found| found.id.as_str());
        let sent = worked().rev().find_map(|call| sent(call, trace, (key, id))).unwrap_or_default();
        Some(Self { found, sent })
    }

    /// What became of a planned value, and what HubSpot held before.
    pub(super) fn fate(&self, property: &Property) -> (Fate, Option<&str>) {
        let held = self.found.as_ref().and_then(|found| found.properties.get(&property.name));
        let held = held.map(String::as_str).filter(|value| !value.is_empty());
        let is_new_only = self.found.is_some() && property.policy == WritePolicy::OnCreate;
        match held {
            _ if self.sent.contains_key(&property.name) => (Fate::Written, held),
            Some(value) if value == property.value => (Fate::Unchanged, None),
            Some(_) => (Fate::Kept, held),
            None if is_new_only => (Fate::NewOnly, None),
            None => (Fate::Written, None),
        }
    }
}

/// The record of a key, where this call read it; the inner none: it was looked for, and is not there.
fn held(call: &ShownCall, key: &str) -> Option<Option<Found>> {
    let asked = &call.request["body"];
    let property = asked["idProperty"].as_str().filter(|_| call.operation.ends_with(".read"))?;
    let is_asked = inputs(asked).any(|input| is_key(&input["id"], key));
    // A text, since it is kept as it came; one that is cut tells nothing.
    let answer: Value = serde_json::from_str(call.answer.as_ref()?["body"].as_str()?).ok()?;
    let found = hubspot::found(&answer, property).filter(|_| is_asked)?;
    Some(found.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, found)| found))
}

/// What a call sent for a record: in the input of its own trace, or in the one that was made of several wishes for it.
fn sent(call: &ShownCall, trace: &str, (key, id): (&str, Option<&str>)) -> Option<BTreeMap<String, String>> {
    let writes = [".upsert", ".update", ".create"].iter().any(|kind| call.operation.ends_with(kind));
    if !writes {
        return None;
    }
    let body = &call.request["body"];
    if body["properties"].is_object() {
        let path = call.request["path"].as_str()?;
        return id.filter(|id| path.ends_with(&format!("/{id}"))).map(|_| values(&body["properties"]));
    }
    let is_record = |input: &&Value| {
        input["objectWriteTraceId"] == trace
            || is_key(&input["id"], key)
            || id.is_some_and(|id| input["id"] == id)
            || input["properties"].as_object().into_iter().flatten().any(|(_, value)| is_key(value, key))
    };
    let own = inputs(body).find(|input| input["objectWriteTraceId"] == trace);
    own.or_else(|| inputs(body).find(is_record)).map(|input| values(&input["properties"]))
}

fn inputs(body: &Value) -> impl Iterator<Item = &Value> {
    body["inputs"].as_array().into_iter().flatten()
}

fn is_key(value: &Value, key: &str) -> bool {
    value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(key))
}

fn values(properties: &Value) -> BTreeMap<String, String> {
    let properties = properties.as_object().into_iter().flatten();
    properties.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::actions::{Contact, MatchKey};
    use crate::model::delivery::{Delivery, DeliveryState, Dropped, Normalized, Record};
    use crate::model::id::{AccountId, CallId, ConnectionId, DeliveryId, EventId, VersionId};
    use crate::model::time::Timestamp;

    fn call(operation: &str, path: &str, body: Value, answer: Value) -> ShownCall {
        ShownCall {
            id: CallId::new(Timestamp(1)),
            operation: operation.to_owned(),
            started_at: Timestamp(1),
            ended_at: Some(Timestamp(2)),
            status: Some(200),
            request: json!({ "method": "POST", "path": path, "body": body }),
            answer: Some(json!({ "body": answer.to_string(), "retry_after_s": null })),
            correlation_id: None,
        }
    }

    fn read(results: Value) -> ShownCall {
        let body = json!({ "idProperty": "email", "inputs": [{ "id": "ana@x.org" }] });
        call("contacts.read", "/contacts/batch/read", body, json!({ "results": results }))
    }

    fn upsert(trace: &str, properties: Value) -> ShownCall {
        let inputs = json!([{ "id": "ana@x.org", "objectWriteTraceId": trace, "properties": properties }]);
        call("contacts.upsert", "/contacts/batch/upsert", json!({ "inputs": inputs }), json!({ "results": [] }))
    }

    fn property(name: &str, value: &str, policy: WritePolicy) -> Property {
        Property { name: name.to_owned(), value: value.to_owned(), policy }
    }

    /// A delivery whose phone number HubSpot stored in another form, and that went without two values.
    fn short_delivery() -> ShownDelivery {
        let now = Timestamp(1);
        let phone = property("phone", "(305) 555-0100", WritePolicy::Always);
        let contact = Contact { key: MatchKey::Email("ana@x.org".to_owned()), properties: vec![phone] };
        let dropped = |field: &str, reason: &str, code| Dropped {
            field: field.to_owned(),
            value: "lots".to_owned(),
            reason: reason.to_owned(),
            code,
        };
        let normalized = Normalized {
            field: "phone".to_owned(),
            sent: "(305) 555-0100".to_owned(),
            stored: "+13055550100".to_owned(),
        };
        let record = Some(Record { id: "7".to_owned(), new: false });
        let progress = Progress {
            actions: vec![ActionProgress { record, ..ActionProgress::default() }],
            dropped: vec![
                dropped("budget_range", "HubSpot says: lots is no number", Some(Code::PropertyWrongType)),
                dropped("color", "`lots` is no color", None),
            ],
            normalized: vec![normalized],
            ..Progress::default()
        };
        let delivery = Delivery {
            id: DeliveryId::new(now),
            account_id: AccountId::new(now),
            event_id: EventId::new(now),
            connection_id: ConnectionId::new(now),
            version_id: VersionId::new(now),
            state: DeliveryState::Delivered,
            reason: None,
            progress,
            contact: None,
            attempts: 1,
            first_at: None,
            due_at: None,
            done_at: None,
            may_be_duplicate: false,
        };
        let plan = Plan { actions: vec![Action::UpsertContact(contact)], lead_id: None };
        ShownDelivery { delivery, plan: Some(plan), run: None, attempts: Vec::new(), calls: Vec::new() }
    }

    #[test]
    fn who_sees_people_masked_reads_why_and_nobodys_words() {
        let told = |sight| {
            let told = fields(&short_delivery(), sight).into_iter();
            told.map(|field| format!("{} {}: {}", field.name, field.value, field.fate)).collect::<Vec<_>>()
        };
        let whole = [
            "phone (305) 555-0100: stored as +13055550100",
            "budget_range lots: not written: HubSpot says: lots is no number",
            "color lots: not written: `lots` is no color",
        ];
        assert_eq!(told(Sight::Whole), whole);
        let masked = [
            "phone …: stored as …",
            "budget_range …: not written: HubSpot refuses the value",
            "color …: not written: the transformation left it out",
        ];
        assert_eq!(told(Sight::Masked), masked);
    }

    #[test]
    fn each_value_says_whether_it_was_sent_and_what_stood_there() {
        use WritePolicy::{Always, IfEmpty, OnCreate};
        let known = json!([{ "id": "7", "properties": {
            "email": "Ana@x.org", "phone": "1", "city": "Bern", "lifecyclestage": "customer", "budget": "" } }]);
        let calls = [read(known), upsert("dlv_1/0", json!({ "phone": "2", "budget": "10" }))];
        let receipt = Receipt::of(&calls, "dlv_1/0", "ana@x.org").unwrap();
        for (name, value, policy, expected) in [
            ("phone", "2", Always, (Fate::Written, Some("1"))),
            ("budget", "10", Always, (Fate::Written, None)),
            ("city", "Bern", Always, (Fate::Unchanged, None)),
            ("city", "Basel", IfEmpty, (Fate::Kept, Some("Bern"))),
            ("lifecyclestage", "lead", Always, (Fate::Kept, Some("customer"))),
            ("hs_lead_status", "NEW", OnCreate, (Fate::NewOnly, None)),
        ] {
            assert_eq!(receipt.fate(&property(name, value, policy)), expected, "{name}");
        }
    }

    #[test]
    fn a_value_that_went_to_another_property_is_told_under_that_one() {
        use WritePolicy::Always;
        let mut newest = short_delivery();
        let planned = [("vehicle_of_interest", "CR-V"), ("budget_range", "lots"), ("budget", "10")];
        let properties = planned.map(|(name, value)| property(name, value, Always)).into();
        let contact = Contact { key: MatchKey::Email("ana@x.org".to_owned()), properties };
        newest.plan = Some(Plan { actions: vec![Action::UpsertContact(contact)], lead_id: None });
        let renamed = [("vehicle_of_interest", "vehicle"), ("budget_range", "budget")];
        let renamed = renamed.map(|(name, to)| (name.to_owned(), to.to_owned())).into();
        let record = newest.delivery.progress.actions[0].record.clone();
        let actions = vec![ActionProgress { record, renamed, ..ActionProgress::default() }];
        newest.delivery.progress = Progress { actions, ..Progress::default() };
        let known = json!([{ "id": "7", "properties": { "email": "ana@x.org", "vehicle": "RAV4" } }]);
        let trace = format!("{}/0", newest.delivery.id);
        newest.calls = vec![read(known), upsert(&trace, json!({ "vehicle": "CR-V", "budget": "10" }))];
        let told = fields(&newest, Sight::Whole).into_iter().map(|field| (field.name, field.state, field.before));
        let expected =
            [("budget_range", "left out", None), ("vehicle", "written", Some("RAV4")), ("budget", "written", None)];
        let expected = expected.map(|(name, state, before)| (name.to_owned(), state, before.map(str::to_owned)));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_new_record_holds_what_was_sent() {
        let calls = [read(json!([])), upsert("dlv_1/0", json!({ "email": "ana@x.org", "hs_lead_status": "NEW" }))];
        let receipt = Receipt::of(&calls, "dlv_1/0", "ana@x.org").unwrap();
        let status = property("hs_lead_status", "NEW", WritePolicy::OnCreate);
        assert_eq!(receipt.fate(&status), (Fate::Written, None));
    }

    #[test]
    fn a_wish_that_went_with_another_one_is_found_by_its_record() {
        let calls = [
            read(json!([{ "id": "7", "properties": { "email": "ana@x.org", "phone": "1" } }])),
            upsert("dlv_1/0", json!({ "phone": "3" })),
        ];
        let receipt = Receipt::of(&calls, "dlv_2/0", "ana@x.org").unwrap();
        assert_eq!(receipt.fate(&property("phone", "3", WritePolicy::Always)), (Fate::Written, Some("1")));
    }

    #[test]
    fn an_update_by_id_counts_and_what_failed_or_is_gone_does_not() {
        let known = || read(json!([{ "id": "7", "properties": { "email": "ana@x.org", "phone": "1" } }]));
        let body = json!({ "properties": { "phone": "2" } });
        let update = call("contacts.update", "/crm/objects/contacts/7", body, json!({ "id": "7" }));
        let failed = ShownCall { status: Some(400), ..upsert("dlv_1/0", json!({ "phone": "9" })) };
        let receipt = Receipt::of(&[known(), update, failed.clone()], "dlv_1/0", "ana@x.org").unwrap();
        assert_eq!(receipt.fate(&property("phone", "2", WritePolicy::Always)), (Fate::Written, Some("1")));
        let receipt = Receipt::of(&[known(), failed], "dlv_1/0", "ana@x.org").unwrap();
        assert_eq!(receipt.fate(&property("phone", "9", WritePolicy::Always)), (Fate::Kept, Some("1")));
        assert!(Receipt::of(&[], "dlv_1/0", "ana@x.org").is_none());
        assert!(Receipt::of(&[known()], "dlv_1/0", "mia@x.org").is_none());
    }
}
