//! Every part of a page in every state, with made-up data: for whoever changes one of them, and for the browser's tests.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::form::{self, drawn_fields};
use super::shell::Shell;
use crate::app::App;
use crate::connection::setup::{Setup, SetupStep};
use crate::diff::{self, Change};
use crate::form::{Choice, Field, FieldKind};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::Outcome;
use crate::picture::{Drawn, gallery};
use crate::schema::Violation;
use crate::store::Count;
use crate::view::connection::Chip;
use crate::view::lead::{Attempt, Record};
use crate::view::logs::{Query, Row, Segment, segments, tone};
use crate::view::moment::Moment;
use crate::view::outcome::Told;
use crate::view::person::Person;
use crate::view::steps::{Came, ShownStep, Step};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/styleguide", get(show)))
}

#[derive(Template)]
#[template(path = "styleguide.html")]
struct Page {
    shell: Shell,
    outcomes: Vec<(Outcome, &'static str)>,
    /// Each state of a connection.
    chips: Vec<Chip>,
    moment: Moment,
    /// A form with each way in which a setting is asked for.
    settings: Vec<form::Drawn>,
    segments: Vec<Segment>,
    rows: Vec<Row>,
    /// More rows, for a dense list and for one with a lead beside it.
    compact: Vec<Row>,
    beside: Vec<Row>,
    /// The check of an upload, and how long it took.
    check: Vec<ShownStep>,
    took: &'static str,
    setup: Setup,
    /// A lead on its way: what its run used, what was tried, when it goes on, and what is in HubSpot.
    run: Option<&'static str>,
    attempts: Vec<Attempt>,
    next: Option<Moment>,
    records: Vec<Record>,
    differences: String,
    pictures: Vec<(&'static str, Drawn)>,
}

const CHIPS: [Chip; 6] = [
    Chip::new("good", "✓", "Connected"),
    Chip::new("warning", "!", "Needs attention"),
    Chip::new("bad", "✕", "Reconnect required"),
    Chip::new("none", "◔", "Disconnecting"),
    Chip::new("none", "⏸", "Paused"),
    Chip::new("none", "○", "Not connected"),
];

/// What a row says of a lead, and how many such leads there are.
struct Lead {
    outcome: Outcome,
    count: u64,
    sentence: &'static str,
    more: Option<&'static str>,
}

impl Lead {
    const fn new(outcome: Outcome, count: u64, sentence: &'static str) -> Self {
        Self { outcome, count, sentence, more: None }
    }
}

/// One of each outcome.
const LEADS: [Lead; 9] = [
    Lead::new(Outcome::Synced, 1_284, "Created in HubSpot"),
    Lead {
        more: Some("Not written: budget_range"),
        ..Lead::new(Outcome::SyncedWithWarnings, 31, "Contact saved. 1 field not written")
    },
    Lead::new(Outcome::Sending, 2, "Sending…"),
    Lead {
        more: Some("In HubSpot already: contact. Not yet: note"),
        ..Lead::new(Outcome::Retrying, 3, "HubSpot could not be reached. Next try 14:32 (in 4 min), 2 of 12")
    },
    Lead::new(Outcome::NeedsAttention, 1, "Waiting for you: create it in HubSpot (budget_range)"),
    Lead::new(Outcome::Failed, 4, "Not synced. HubSpot refused the data"),
    Lead::new(Outcome::Skipped, 6, "Not sent. No HubSpot account is connected"),
    Lead::new(Outcome::Cancelled, 1, "Cancelled when HubSpot was disconnected"),
    Lead::new(Outcome::Removed, 1, "Removed on request"),
];

async fn show(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let moment = shell.time(shell.now);
    let counts = LEADS.map(|lead| (lead.outcome, Count { leads: lead.count, is_more: false }));
    let page = Page {
        outcomes: Outcome::ALL.map(|outcome| (outcome, tone(outcome))).to_vec(),
        chips: CHIPS.to_vec(),
        settings: settings(),
        segments: segments(&Query::default(), &counts),
        rows: rows("list", &LEADS, &moment),
        compact: rows("compact", &LEADS[..3], &moment),
        beside: rows("beside", &LEADS[3..6], &moment),
        check: check(),
        took: "1.2 s",
        setup: setup(),
        run: Some("214,330 fuel, 1,216 KiB of memory, 380 µs"),
        attempts: attempts(&shell),
        next: Some(shell.time(shell.now + Duration::from_secs(240))),
        records: records(),
        differences: differences(),
        pictures: gallery(),
        moment,
        shell,
    };
    draw(&app, &actor, &page)
}

/// A row for each lead. The name of the list tells it from the same lead in another one.
fn rows(list: &str, leads: &[Lead], received: &Moment) -> Vec<Row> {
    let row = |(index, lead): (usize, &Lead)| row(format!("evt_{list}_{index}"), lead, received.clone());
    leads.iter().enumerate().map(row).collect()
}

fn row(id: String, lead: &Lead, received: Moment) -> Row {
    let outcome = lead.outcome;
    let person = Person {
        name: "Ana Lopez".to_owned(),
        email: Some("ana@example.com".to_owned()),
        phone: None,
        vehicle: Some("2024 Toyota RAV4 XLE".to_owned()),
        dealership: Some("Ocean Honda".to_owned()),
    };
    Row {
        event: EventId::stored(id),
        account: AccountId::stored("acc_styleguide".to_owned()),
        told: Told {
            outcome,
            label: outcome.label(),
            icon: outcome.icon(),
            sentence: lead.sentence.to_owned(),
            more: lead.more.map(str::to_owned),
        },
        tone: tone(outcome),
        person: (outcome != Outcome::Removed).then_some(person),
        event_type: "lead.captured.v1".to_owned(),
        received,
        took: outcome.is_in_hubspot().then(|| "1.4 s".to_owned()),
        attempts: 1,
        contact: outcome.is_in_hubspot().then(|| "/styleguide".to_owned()),
        is_test: outcome == Outcome::Sending,
        may_be_duplicate: outcome == Outcome::SyncedWithWarnings,
        can_retry: matches!(outcome, Outcome::Failed | Outcome::Retrying),
    }
}

fn settings() -> Vec<form::Drawn> {
    let choice = |value: &str| Choice { value: value.to_owned(), label: value.to_owned(), within: None };
    let field = |pointer: &str, title: &str, kind: FieldKind, value: Value| Field {
        pointer: pointer.to_owned(),
        title: title.to_owned(),
        help: "What it is for.".to_owned(),
        kind,
        required: false,
        value,
        choices: vec![choice("high"), choice("medium"), choice("low")],
        choices_unknown: false,
        fields: Vec::new(),
    };
    let pipeline = field("/deal/pipeline", "Pipeline", FieldKind::Pipeline, json!("default"));
    let of_a_deal = vec![
        Field { choices_unknown: true, ..pipeline },
        field("/deal/amount", "Amount", FieldKind::Number, json!(25_000)),
    ];
    let fields = [
        Field { required: true, ..field("/country", "Country", FieldKind::Text, json!("USA!")) },
        field("/note", "Write the conversation as a note", FieldKind::Toggle, json!(true)),
        field("/priority", "Priority, where a lead has none", FieldKind::Choice, json!("medium")),
        field("/priorities", "Priorities that make a deal", FieldKind::Choices, json!(["high"])),
        field("/statuses", "Statuses in HubSpot", FieldKind::Map, json!({ "new": "NEW", "hot": "OPEN" })),
        Field { fields: of_a_deal, ..field("/deal", "Deal", FieldKind::Group, Value::Null) },
    ];
    let wrong = Violation { pointer: "/country".to_owned(), detail: "\"USA!\" is no country".to_owned() };
    drawn_fields(&fields, &[wrong])
}

fn check() -> Vec<ShownStep> {
    let step = |step: Step, came: Came, detail: &str, fix: Option<&'static str>, micros: Option<u64>| ShownStep {
        step,
        came,
        detail: detail.to_owned(),
        fix,
        micros,
    };
    vec![
        step(Step::Hash, Came::Passed, "it has a name of its own", None, Some(120)),
        step(Step::Imports, Came::Refused, "it wants a socket", Some("Leave it out, and build it again."), None),
        step(Step::Contract, Came::NotReached, "", None, None),
        step(Step::Example, Came::Failed, "it answers otherwise than expected", Some("Mend it."), Some(3_100)),
    ]
}

fn setup() -> Setup {
    let step = |name: &'static str, title: &'static str, about: &str| SetupStep {
        name,
        title,
        about: about.to_owned(),
        is_done: false,
        is_next: false,
        // From a screen of an account back to this page: the style guide leads nowhere else.
        screen: "../../styleguide",
        label: "Go there",
    };
    let connect = step("connect", "Connect HubSpot", "Connected to Ocean Honda (1234567).");
    let properties = step("properties", "Create the contact properties", "2 properties are not as they should be.");
    Setup {
        steps: vec![
            SetupStep { is_done: true, ..connect },
            SetupStep { is_next: true, ..properties },
            step("test", "Send a test lead", "It goes the whole way, and is left out of figures and pictures."),
        ],
    }
}

fn attempts(shell: &Shell) -> Vec<Attempt> {
    let ago = |minutes: u64| shell.time(shell.now - Duration::from_secs(60 * minutes));
    let words = "HubSpot could not be reached".to_owned();
    vec![
        Attempt { number: 1, at: ago(6), words: words.clone(), next: Some(ago(5)) },
        Attempt { number: 2, at: ago(5), words, next: None },
    ]
}

fn records() -> Vec<Record> {
    let record = |label, id: &str, is_new| Record { label, id: id.to_owned(), is_new, address: None };
    vec![record("contact", "1501", false), record("note", "88012", true)]
}

fn differences() -> String {
    let change = |part: &str, before: Option<&str>, after: Option<&str>| Change {
        action: "contact".to_owned(),
        part: Some(part.to_owned()),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    diff::text(&[
        change("lead_priority", Some("high"), Some("low")),
        change("budget_range", None, Some("25,000 to 30,000 USD")),
        change("hs_lead_status", Some("NEW"), None),
    ])
}
