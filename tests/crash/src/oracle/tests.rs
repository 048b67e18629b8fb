//! Records that agree, and records that were tampered with: the oracle has to tell them apart.

use std::collections::BTreeMap;

use super::*;

const NOW: i64 = 1_800_000_000_000;

/// Two leads of one person, both in HubSpot: a contact, two notes, two deals.
fn good() -> Records {
    let dealer = Dealer {
        account_id: "acc_1".to_owned(),
        source_id: "src_1".to_owned(),
        secret: "whsec_c2VjcmV0".to_owned(),
        portal: 7,
        deals: true,
        limit: 110,
    };
    let numbers = [1_u32, 2];
    let sent = numbers.map(|number| Sent {
        dealer: 0,
        sender_id: format!("msg_{number}"),
        body: format!("{{\"lead\":{number}}}"),
        person: Some("ana@example.com".to_owned()),
        lead_id: format!("lead_{number}"),
        vehicle: format!("Honda {number}"),
        acks: vec![format!("evt_{number}")],
    });
    let events = numbers.map(|number| Event {
        account_id: "acc_1".to_owned(),
        id: format!("evt_{number}"),
        source_id: "src_1".to_owned(),
        sender_id: format!("msg_{number}"),
        state: "planned".to_owned(),
        body: format!("{{\"lead\":{number}}}"),
    });
    let deliveries = numbers.map(|number| Delivery {
        id: format!("dlv_{number}"),
        event_id: format!("evt_{number}"),
        lane_id: "con_1".to_owned(),
        state: "delivered".to_owned(),
        attempts: 1,
        records: ["10".to_owned(), format!("2{number}"), format!("3{number}")].map(Some).to_vec(),
    });
    let call = |number: u32| StoredCall {
        id: format!("cal_{number}"),
        lane_id: "con_1".to_owned(),
        epoch: i64::from(number),
        request: u64::from(number),
        started_at: NOW + i64::from(number) * 100,
        status: Some(200),
        correlation_id: Some(format!("cor-{number}")),
    };
    let seen = |number: u32| SeenCall {
        number: u64::from(number),
        at: NOW + i64::from(number) * 100 + 2,
        portal: Some(7),
        path: "/crm/objects/2026-09/0-1/batch/upsert".to_owned(),
        request: u64::from(number),
        status: 200,
        correlation_id: format!("cor-{number}"),
        faulted: false,
    };
    let thing = |id: String, contacts: &[&str], properties: &[(&str, String)]| Thing {
        id,
        properties: properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        contacts: contacts.iter().map(|id| (*id).to_owned()).collect(),
        vehicles: Vec::new(),
    };
    let vehicles = vec!["Honda 1".to_owned(), "Honda 2".to_owned()];
    let properties = [("email", "ana@example.com".to_owned()), ("vehicle_of_interest", "Honda 2".to_owned())];
    let contact = Thing { vehicles, ..thing("10".to_owned(), &[], &properties) };
    let deal = |number| thing(format!("2{number}"), &["10"], &[("leadline_deal_key", format!("lead_{number}"))]);
    let body = |number| format!("<p>Hi</p><p>Leadline evt_{number}/2</p>");
    let note = |number| thing(format!("3{number}"), &["10"], &[("hs_note_body", body(number))]);
    Records {
        dealers: vec![dealer],
        sent: sent.to_vec(),
        calls: numbers.map(seen).to_vec(),
        portals: vec![Portal {
            id: 7,
            contacts: vec![contact],
            deals: numbers.map(deal).to_vec(),
            notes: numbers.map(note).to_vec(),
            findings: vec![],
        }],
        dump: Dump {
            events: events.to_vec(),
            deliveries: deliveries.to_vec(),
            plans: numbers.map(|number| (format!("dlv_{number}"), "[]".to_owned())).to_vec(),
            calls: numbers.map(call).to_vec(),
            attempts: vec![],
            lanes: vec![Lane { id: "con_1".to_owned(), kind: "deliver".to_owned(), epoch: 3, ..Lane::default() }],
            work: vec![],
            held: vec![],
        },
        jumps: vec![],
        plans: BTreeMap::from([("dlv_1".to_owned(), "[]".to_owned())]),
    }
}

/// The same once more, under another id.
fn double(things: &mut Vec<Thing>) {
    let twin = Thing { id: "99".to_owned(), ..things[0].clone() };
    things.push(twin);
}

fn attempt(number: i64, waited: i64, code: &str) -> Attempt {
    Attempt {
        delivery_id: "dlv_1".to_owned(),
        number,
        at: NOW + number * 100_000,
        class: "temporary".to_owned(),
        code: code.to_owned(),
        next_at: Some(NOW + number * 100_000 + waited),
    }
}

/// The promises that the oracle finds broken, each once.
fn broken(tamper: impl Fn(&mut Records)) -> Vec<u8> {
    let mut records = good();
    tamper(&mut records);
    let mut promises: Vec<_> = check_drained(&records).iter().map(|violation| violation.promise).collect();
    promises.sort_unstable();
    promises.dedup();
    promises
}

#[test]
fn records_that_agree_break_no_promise() {
    assert_eq!(check_drained(&good()), []);
    let retried = |records: &mut Records| {
        records.dump.deliveries[0].attempts = 3;
        records.dump.attempts = vec![attempt(1, 0, "hubspot.server_error"), attempt(2, 5_100, "hubspot.server_error")];
    };
    assert_eq!(broken(retried), [] as [u8; 0]);
    let unknown = |records: &mut Records| {
        records.sent[1].person = None;
        records.dump.events[1].state = "skipped".to_owned();
        records.dump.deliveries.pop();
        records.dump.plans.pop();
        records.portals[0].notes.pop();
        records.portals[0].deals.pop();
        records.portals[0].contacts[0].vehicles.pop();
        records.portals[0].contacts[0].properties.insert("vehicle_of_interest".to_owned(), "Honda 1".to_owned());
    };
    assert_eq!(broken(unknown), [] as [u8; 0], "a lead of nobody is skipped");
    let folded = |records: &mut Records| {
        let vehicles = &mut records.portals[0].contacts[0].vehicles;
        *vehicles = ["Honda 2", "Honda 1", "Honda 2"].map(str::to_owned).to_vec();
    };
    assert_eq!(broken(folded), [] as [u8; 0], "written together, then again one after the other");
}

#[test]
fn records_that_were_tampered_with_break_the_promise_that_they_are_about() {
    type Tamper = fn(&mut Records);
    let rows: [(&str, Tamper, u8); 28] = [
        ("an acknowledged event is lost", |r| drop(r.dump.events.pop()), 1),
        (
            "an event is stored twice",
            |r| r.dump.events.push(Event { id: "evt_9".to_owned(), ..r.dump.events[0].clone() }),
            1,
        ),
        ("the acknowledgement named another event", |r| r.sent[0].acks.push("evt_9".to_owned()), 1),
        ("another body is stored", |r| r.dump.events[0].body.push(' '), 1),
        ("an event came from nowhere", |r| drop(r.sent.pop()), 1),
        ("an event has no fate", |r| r.dump.events[0].state = "received".to_owned(), 1),
        ("a delivery is lost", |r| drop(r.dump.deliveries.pop()), 2),
        ("a delivery is not done", |r| r.dump.deliveries[0].state = "pending".to_owned(), 2),
        ("something is open", |r| r.dump.work.push(("con_1".to_owned(), NOW)), 2),
        ("something is held", |r| r.dump.held.push("dlv_1".to_owned()), 2),
        ("a delivered action has no record", |r| r.dump.deliveries[0].records[2] = None, 3),
        ("a note is missing", |r| drop(r.portals[0].notes.pop()), 3),
        ("a note is there twice", |r| double(&mut r.portals[0].notes), 4),
        ("a contact is there twice", |r| double(&mut r.portals[0].contacts), 4),
        ("a deal is there twice", |r| double(&mut r.portals[0].deals), 4),
        ("a note hangs on nobody", |r| r.portals[0].notes[0].contacts.clear(), 4),
        ("a note is of no event", |r| r.portals[0].notes.push(Thing { id: "39".to_owned(), ..Thing::default() }), 3),
        ("the stand-in found something", |r| r.portals[0].findings.push("MarkerInTwoNotes".to_owned()), 4),
        (
            "an older value stays",
            |r| {
                drop(r.portals[0].contacts[0].properties.insert("vehicle_of_interest".to_owned(), "Honda 1".to_owned()))
            },
            5,
        ),
        ("values came out of order", |r| r.portals[0].contacts[0].vehicles.reverse(), 5),
        (
            "notes came out of order",
            |r| {
                let notes = &mut r.portals[0].notes;
                let (one, other) = notes.split_at_mut(1);
                std::mem::swap(&mut one[0].properties, &mut other[0].properties);
            },
            5,
        ),
        ("a limit is overdrawn", |r| r.dealers[0].limit = 1, 6),
        ("HubSpot said 429 without a fault", |r| (r.calls[0].status, r.dump.calls[0].status) = (429, Some(429)), 6),
        ("a call was not stored", |r| drop(r.dump.calls.pop()), 7),
        ("a call came with an old epoch", |r| r.dump.calls[1].epoch = 0, 7),
        ("a call came after its lease", |r| r.calls[1].at += 200_000, 7),
        ("a plan changed", |r| r.dump.plans[0].1 = "[1]".to_owned(), 8),
        ("an attempt was spent on nothing", |r| r.dump.deliveries[0].attempts = 2, 9),
    ];
    for (what, tamper, expected) in rows {
        let promises = broken(tamper);
        assert!(promises.contains(&expected), "{what}: {promises:?}");
    }
}

#[test]
fn waits_off_the_timetable_and_rests_that_cost_an_attempt_are_found() {
    for (waited, code, is_good) in [
        (5_100, "hubspot.server_error", true),
        (4_000, "hubspot.server_error", false),
        (9_000, "hubspot.server_error", false),
        (5_100, "hubspot.rate_limited", false),
    ] {
        let promises = broken(|records| {
            records.dump.deliveries[0].attempts = 3;
            records.dump.attempts = vec![attempt(1, 0, "hubspot.server_error"), attempt(2, waited, code)];
        });
        assert_eq!(promises.is_empty(), is_good, "{waited} ms after {code}: {promises:?}");
    }
}

#[test]
fn a_call_that_time_was_skipped_over_may_arrive_late() {
    let promises = broken(|records| {
        records.calls[1].at += 200_000;
        records.jumps = vec![NOW + 1_000];
    });
    assert_eq!(promises, [] as [u8; 0]);
}

#[test]
fn a_secret_is_found_where_it_stands_and_not_told_again() {
    let canaries = [Canary { name: "the token of portal 7".to_owned(), secret: "sim-7-abc".to_owned() }];
    let places = |text: &str| [("the log".to_owned(), text.as_bytes().to_vec())];
    assert_eq!(check_secrets(&canaries, &places("sim-7-ab sim-8-abc")), []);
    let found = check_secrets(&canaries, &places("token=sim-sim-7-abc"));
    assert_eq!((found.len(), found[0].promise), (1, 10));
    assert!(!found[0].to_string().contains("sim-7-abc"));
}
