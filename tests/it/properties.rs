//! The portal's schema: checked, created, watched. What a lead went without is filled in once it can be.

mod names;

use std::time::Duration;

use hubspot_sim::{Act, End, Fault, NewProperty, Preset};
use leadline::connection::checklist::{self, Check, Consent, Creation, Done, What};
use leadline::connection::fill::{self, Report, Wish};
use leadline::connection::fill_job::{self, FillJobError};
use leadline::connection::{self, UseError};
use leadline::model::account::Policy;
use leadline::model::fill::FillState;
use leadline::model::lane::Step;
use leadline::store::Issue;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::access::{signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::{Dealer, TestApp, lead};

const URL: &str = "http://localhost:8080";
const CONTACT: &str = "0-1";
const DEAL: &str = "0-3";
/// What a lead of the tests brings for the properties that a bare portal lacks.
const OURS: [&str; 5] =
    ["vehicle_of_interest", "lead_priority", "lead_origin_channel", "dealership_name", "dealership_slug"];

impl TestApp {
    async fn check(&self, dealer: &Dealer) -> Check {
        let session = self.session(dealer).await;
        checklist::check(&self.app.store, &session, self.now()).await.unwrap().unwrap()
    }

    async fn create(&self, dealer: &Dealer, consent: Consent) -> Creation {
        let session = self.session(dealer).await;
        checklist::create_missing(&self.app.store, &session, consent, self.now()).await.unwrap().unwrap()
    }

    async fn fill(&self, dealer: &Dealer, wish: Wish) -> Report {
        let session = self.session(dealer).await;
        fill::fill(&self.app.store, &session, &wish, &self.app.clock).await.unwrap()
    }

    async fn session(&self, dealer: &Dealer) -> connection::session::Session {
        connection::session::open(&self.app.store, &self.app.hubspot, &dealer.connection, &*self.app.clock)
            .await
            .unwrap()
    }

    async fn issues(&self, dealer: &Dealer) -> Vec<Issue> {
        self.app.store.issues(Some(&dealer.account.id)).await.unwrap()
    }

    /// The open issues in short: code, subject, what waits, what went without.
    async fn issues_in_short(&self, dealer: &Dealer) -> Vec<String> {
        let short = |issue: Issue| {
            let subject = issue.problem.subject.unwrap_or_default();
            format!("{} {subject}: {} wait, {} went without", issue.problem.code, issue.held, issue.dropped)
        };
        let mut all: Vec<_> = self.issues(dealer).await.into_iter().map(short).collect();
        all.sort();
        all
    }

    /// A quarter of an hour later, when a connection under which something waits has been looked after again.
    async fn a_quarter_later(&self) {
        self.advance(Duration::from_secs(15 * 60));
        self.run_until_idle().await;
    }

    async fn a_day_later(&self) {
        self.advance(Duration::from_secs(24 * 3600));
        self.run_until_idle().await;
    }

    fn contact(&self, dealer: &Dealer, name: &str) -> std::collections::BTreeMap<String, String> {
        let wanted = format!("{name}@example.com");
        let record = self.hubspot.records(dealer.portal(), CONTACT);
        record.into_iter().find(|record| record.properties.get("email") == Some(&wanted)).unwrap().properties
    }
}

fn states(check: &Check) -> Vec<(&str, &str)> {
    check.rows.iter().map(|row| (row.name.as_str(), row.state.label())).collect()
}

#[tokio::test]
async fn a_bare_portal_gets_everything_by_one_call_and_earlier_leads_are_filled_in() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let ana = app.send_lead(&dealer, "ana").await;
    let mut nameless = lead("bob");
    nameless["email"] = json!(null);
    let bob = app.send(&dealer, "msg_bob", nameless).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&ana).await, "delivered, 1 attempts");
    let mut dropped = app.lead(&ana).await.dropped;
    dropped.sort_unstable();
    let mut expected = OURS.to_vec();
    expected.sort_unstable();
    assert_eq!(dropped, expected);
    let fate = app.fate(&bob).await;
    assert!(fate.starts_with("blocked, 0 attempts (property.missing)") && fate.contains("leadline_lead_id"), "{fate}");
    let issues = app.issues_in_short(&dealer).await;
    assert!(issues.contains(&"property.missing lead_priority: 0 wait, 1 went without".to_owned()), "{issues:#?}");
    assert!(issues.contains(&"property.missing leadline_lead_id: 1 wait, 0 went without".to_owned()), "{issues:#?}");
    assert_eq!(issues.len(), 7, "one for each property that the manifest names: {issues:#?}");

    let before = app.check(&dealer).await;
    assert!(before.rows.iter().all(|row| row.state.label() == "missing"), "{:?}", states(&before));
    let key = before.rows.iter().find(|row| row.name == "leadline_lead_id").unwrap();
    assert!(key.unique && key.why.is_some_and(|why| why.contains("without an e-mail address")));
    let planned = app.create(&dealer, Consent { dry_run: true, ..Consent::default() }).await;
    assert_eq!(planned.work.len(), 7);
    let exact = planned.work.iter().find(|work| work.name == "lead_priority").unwrap().definition.as_ref().unwrap();
    assert_eq!(
        (&exact["type"], &exact["options"][0]["value"], &exact["groupName"]),
        (&json!("enumeration"), &json!("high"), &json!("leadline"))
    );
    assert_eq!(states(&app.check(&dealer).await), states(&before), "nothing was done");

    let created = app.create(&dealer, Consent::default()).await;
    assert!(created.work.iter().all(|work| matches!(work.result, Some(Done::Fine))), "{created:#?}");
    assert!(!created.check.unwrap().has_trouble());
    app.advance(Duration::from_secs(1)); // a new property takes values a moment later
    app.run_until_idle().await;
    assert_eq!(app.fate(&bob).await, "delivered, 1 attempts", "what waited goes on by itself");
    assert_eq!(app.issues_in_short(&dealer).await, [""; 0]);

    let preview = app.fill(&dealer, Wish { dry_run: true, ..Wish::default() }).await;
    assert_eq!((preview.filled.len(), preview.skipped.len()), (5, 0), "{preview:#?}");
    assert!(!app.contact(&dealer, "ana").contains_key("lead_priority"));
    let report = app.fill(&dealer, Wish { property: Some("lead_priority".into()), ..Wish::default() }).await;
    assert_eq!(report.filled.len(), 1, "{report:#?}");
    let report = app.fill(&dealer, Wish::default()).await;
    assert_eq!((report.filled.len(), report.skipped.len()), (4, 0), "{report:#?}");
    let contact = app.contact(&dealer, "ana");
    assert_eq!(
        (contact["lead_priority"].as_str(), contact["vehicle_of_interest"].as_str()),
        ("high", "2027 Honda CR-V")
    );
    let progress = &app.event(&ana).await.deliveries[0].delivery.progress;
    assert_eq!((progress.dropped.len(), progress.filled.len()), (0, 5), "the receipt says so");
    assert_eq!(app.fill(&dealer, Wish::default()).await.filled.len(), 0, "done once");
    app.finish().await;
}

#[tokio::test]
async fn an_archived_property_comes_back_as_it_was_and_we_say_so() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.archive_property(dealer.portal(), CONTACT, "dealership_name");
    let change = Act::ChangeType {
        object_type: CONTACT.into(),
        property: "budget_range".into(),
        kind: "number".into(),
        field_type: "number".into(),
    };
    app.hubspot.act(dealer.portal(), change);
    app.hubspot.archive_property(dealer.portal(), CONTACT, "budget_range");
    let asked = app.create(&dealer, Consent::default()).await;
    assert!(asked.work.iter().all(|work| matches!(work.what, What::Ask(_)) && work.result.is_none()), "{asked:#?}");
    let restored = app.create(&dealer, Consent { restore: true, ..Consent::default() }).await;
    let result = |name| restored.work.iter().find(|work| work.name == name).unwrap().result.clone().unwrap();
    assert!(matches!(result("dealership_name"), Done::Fine));
    let Done::Unfit { sentence, way_out } = result("budget_range") else { panic!("{restored:#?}") };
    assert_eq!(sentence, "`budget_range` is a number in HubSpot, and single-line text is needed.");
    assert!(way_out.starts_with("Change its type"), "{way_out}");
    assert!(restored.check.unwrap().has_trouble());
    app.finish().await;
}

#[tokio::test]
async fn only_what_somebody_named_is_restored() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    for name in ["dealership_name", "budget_range"] {
        app.hubspot.archive_property(dealer.portal(), CONTACT, name);
    }
    let consent = Consent { only: vec!["budget_range".into()], restore: true, ..Consent::default() };
    let restored = app.create(&dealer, consent).await;
    let done: Vec<_> = restored.work.iter().map(|work| (work.name.as_str(), work.result.is_some())).collect();
    assert_eq!(done, [("budget_range", true)]);
    let check = restored.check.unwrap();
    let left: Vec<_> = states(&check).into_iter().filter(|(_, state)| *state != "fine").collect();
    assert_eq!(left, [("dealership_name", "archived")]);
    app.finish().await;
}

#[tokio::test]
async fn earlier_contacts_are_filled_in_page_by_page_and_the_report_says_what_is_left() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    for name in ["ana", "bob", "eve"] {
        app.send_lead(&dealer, name).await;
    }
    app.run_until_idle().await;
    app.create(&dealer, Consent::default()).await;
    app.advance(Duration::from_secs(1));
    let page = |after: Option<String>, dry_run| Wish { limit: Some(2), after, dry_run, property: None };
    let preview = app.fill(&dealer, page(None, true)).await;
    assert_eq!((preview.records_filled(), preview.left.contacts), (2, 1), "{preview:#?}");
    let rest = app.fill(&dealer, page(preview.next, true)).await;
    assert_eq!((rest.records_filled(), rest.next), (1, None));
    let first = app.fill(&dealer, page(None, false)).await;
    assert_eq!((first.records_filled(), first.left.contacts), (2, 1));
    // HubSpot is away: nothing is lost, and it begins there again.
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(hubspot_sim::Outage { from_ms: 0, to_ms: i64::MAX }));
    let away = app.fill(&dealer, page(first.next.clone(), false)).await;
    assert!(away.stopped.is_some() && away.filled.is_empty(), "{away:#?}");
    assert_eq!((away.left.contacts, &away.next), (1, &first.next));
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    let second = app.fill(&dealer, page(away.next, false)).await;
    assert_eq!((second.records_filled(), second.left, second.next), (1, leadline::store::Lacking::default(), None));
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_job_fills_in_page_by_page_until_the_end_or_until_somebody_stops_it() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    for name in ["ana", "bob", "eve"] {
        app.send_lead(&dealer, name).await;
    }
    app.run_until_idle().await;
    app.create(&dealer, Consent::default()).await;
    app.advance(Duration::from_secs(1));
    let (store, hubspot, clock) = (&app.app.store, &app.app.hubspot, &app.app.clock);
    let begun = fill_job::begin(store, &dealer.connection, "ana", app.now()).await.unwrap();
    assert_eq!((begun.state, begun.progress.total), (FillState::Running, 3));
    let twice = fill_job::begin(store, &dealer.connection, "bob", app.now()).await;
    assert!(matches!(twice, Err(FillJobError::Running)), "{twice:?}");
    fill_job::cancel(store, &dealer.connection).await.unwrap();
    assert!(fill_job::next(store, hubspot, clock).await.unwrap() == Step::Idle, "nobody works on it any more");
    // HubSpot is away for the first page.
    fill_job::begin(store, &dealer.connection, "bob", app.now()).await.unwrap();
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(hubspot_sim::Outage { from_ms: 0, to_ms: i64::MAX }));
    assert!(fill_job::next(store, hubspot, clock).await.unwrap() == Step::Worked);
    let waits = store.fill_job(&dealer.connection).await.unwrap().unwrap();
    assert_eq!((waits.state, waits.progress.waits.is_some(), waits.progress.left), (FillState::Running, true, 3));
    assert!(fill_job::next(store, hubspot, clock).await.unwrap() == Step::Idle, "not before a minute is over");
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    app.advance(Duration::from_secs(61));
    while fill_job::next(store, hubspot, clock).await.unwrap() == Step::Worked {}
    let done = store.fill_job(&dealer.connection).await.unwrap().unwrap();
    let told = (done.state, done.progress.records, done.progress.left, done.progress.waits);
    assert_eq!(told, (FillState::Done, 3, 0, None), "{done:#?}");
    assert_eq!(app.contact(&dealer, "eve")["lead_priority"], "high");
    let (code, said) = app.command(&["property", "filling", "--account", "acme"]).await;
    assert!(code == 0 && said.starts_with("done: "), "{said}");
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn what_does_not_fit_is_named_with_a_way_out() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let portal = dealer.portal();
    let (kind, field_type) = ("number".to_owned(), "number".to_owned());
    let priority = "lead_priority".to_owned();
    app.hubspot.act(
        portal,
        Act::ChangeType { object_type: CONTACT.into(), property: "budget_range".into(), kind, field_type },
    );
    app.hubspot.act(
        portal,
        Act::SetReadOnly { object_type: CONTACT.into(), property: "dealership_slug".into(), read_only: true },
    );
    app.hubspot.act(
        portal,
        Act::RemoveOption { object_type: CONTACT.into(), property: priority.clone(), value: "low".into() },
    );
    let check = app.check(&dealer).await;
    let unfit: Vec<_> = states(&check).into_iter().filter(|(_, state)| *state != "fine").collect();
    assert_eq!(
        unfit,
        [("budget_range", "wrong type"), ("lead_priority", "options missing"), ("dealership_slug", "read-only")]
    );
    assert!(check.rows.iter().all(|row| row.way_out.is_empty() != row.state.is_trouble()));

    let added = app.create(&dealer, Consent { options: true, ..Consent::default() }).await;
    assert_eq!(added.work.len(), 1, "nothing else can be mended from here: {added:#?}");
    assert!(matches!(added.work[0].result, Some(Done::Fine)), "{added:#?}");
    let unfit = states(added.check.as_ref().unwrap()).into_iter().filter(|(_, state)| *state != "fine").count();
    assert_eq!(unfit, 2);
    app.finish().await;
}

#[tokio::test]
async fn an_option_that_comes_back_releases_what_waited_for_it() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.set_policy(&dealer, Policy { strict: true, ..Policy::default() }).await;
    let (object_type, property) = (CONTACT.to_owned(), "lead_priority".to_owned());
    let remove =
        Act::RemoveOption { object_type: object_type.clone(), property: property.clone(), value: "high".into() };
    app.hubspot.act(dealer.portal(), remove);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("blocked, 0 attempts (option.unknown)"), "{fate}");
    app.a_quarter_later().await;
    assert!(app.fate(&event).await.starts_with("blocked"), "it is still missing");
    app.hubspot
        .act(dealer.portal(), Act::AddOption { object_type, property, value: "high".into(), label: "High".into() });
    app.a_quarter_later().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.issues_in_short(&dealer).await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_property_that_a_person_creates_releases_the_lead_that_waited_for_it() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let mut without = lead("ana");
    without["email"] = json!(null);
    let event = app.send(&dealer, "msg_1", without).await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.contains("leadline_lead_id"));
    let key = NewProperty::text("leadline_lead_id", "Leadline Lead ID").unique();
    app.hubspot.add_property(dealer.portal(), CONTACT, key);
    app.a_quarter_later().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

fn deals() -> Value {
    json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "owner": "910042" })
}

#[tokio::test]
async fn what_is_taken_away_is_an_issue_before_a_lead_fails_and_closes_itself() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Deals, "deals", deals()).await;
    app.run_until_idle().await;
    assert_eq!(app.issues_in_short(&dealer).await, [""; 0]);
    let portal = dealer.portal();
    app.hubspot.act(portal, Act::ArchivePipeline { pipeline: "new-vehicles".into() });
    app.hubspot.act(portal, Act::ArchiveOwner { id: 910_042 });
    app.hubspot.archive_property(portal, DEAL, "leadline_deal_key");
    app.a_day_later().await;
    let expected = [
        "owner.unknown 910042: 0 wait, 0 went without",
        "pipeline.missing new-vehicles: 0 wait, 0 went without",
        "property.archived leadline_deal_key: 0 wait, 0 went without",
    ];
    assert_eq!(app.issues_in_short(&dealer).await, expected);
    let pipeline =
        app.issues(&dealer).await.into_iter().find(|issue| issue.problem.code.as_str() == "pipeline.missing");
    let words = pipeline.unwrap().problem.detail;
    assert!(
        words.contains("setting `/pipeline` of deals@1") && words.contains("`default` (Sales Pipeline)"),
        "{words}"
    );
    app.hubspot.act(portal, Act::RestorePipeline { pipeline: "new-vehicles".into() });
    app.hubspot.act(portal, Act::RestoreProperty { object_type: DEAL.into(), name: "leadline_deal_key".into() });
    app.hubspot.act(portal, Act::ArchiveStage { pipeline: "new-vehicles".into(), stage: "new-lead".into() });
    app.a_day_later().await;
    let expected = ["owner.unknown 910042: 0 wait, 0 went without", "stage.missing new-lead: 0 wait, 0 went without"];
    assert_eq!(app.issues_in_short(&dealer).await, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_missing_permission_is_said_before_a_deal_meets_it() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Deals, "deals", deals()).await;
    for scope in ["crm.schemas.deals.read", "crm.objects.deals.read"] {
        app.hubspot.act(dealer.portal(), Act::TakeScope { scope: scope.into() });
    }
    app.run_until_idle().await;
    let check = app.check(&dealer).await;
    let deal_key = check.rows.iter().find(|row| row.name == "leadline_deal_key").unwrap();
    assert_eq!(deal_key.state.label(), "not known");
    let words: Vec<_> = check.problems.iter().map(|problem| problem.detail.as_str()).collect();
    assert!(words[0].contains("crm.schemas.deals.read") && words[0].contains("deals are not written"), "{words:#?}");
    let issues = app.issues_in_short(&dealer).await;
    assert_eq!(issues, ["auth.missing_scope crm.schemas.deals.read: 0 wait, 0 went without"]);
    for scope in ["crm.schemas.deals.read", "crm.objects.deals.read"] {
        app.hubspot.act(dealer.portal(), Act::GrantScope { scope: scope.into() });
    }
    app.a_day_later().await;
    assert_eq!(app.issues_in_short(&dealer).await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn without_the_permission_to_create_the_sentence_names_it() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({})).await;
    app.hubspot.act(dealer.portal(), Act::TakeScope { scope: "crm.schemas.contacts.write".into() });
    let creation = app.create(&dealer, Consent::default()).await;
    for work in &creation.work {
        let Some(Done::Failed { problem }) = &work.result else { panic!("{creation:#?}") };
        assert_eq!(problem.code.as_str(), "auth.missing_scope");
        assert!(problem.detail.contains("crm.schemas.contacts.write"), "{problem}");
    }
    assert_eq!(creation.work.len(), 7);
    app.finish().await;
}

#[tokio::test]
async fn only_what_is_empty_is_filled_in_and_the_newest_lead_wins() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let ana = app.send_lead(&dealer, "ana").await;
    app.send_lead(&dealer, "bob").await;
    app.send_lead(&dealer, "eve").await;
    app.run_until_idle().await;
    let mut again = lead("ana");
    again["id"] = json!("lead_ana_2");
    again["priority"] = json!("low");
    again["vehicle"] = json!(null);
    app.advance(Duration::from_secs(60));
    let second = app.send(&dealer, "msg_ana_2", again).await;
    app.run_until_idle().await;
    app.create(&dealer, Consent::default()).await;
    app.advance(Duration::from_secs(1));
    let id = |lead: &leadline::view::Lead| lead.contact.as_ref().unwrap().id.clone();
    let (ana_id, eve_id) = (id(&app.lead(&ana).await), {
        let records = app.hubspot.records(dealer.portal(), CONTACT);
        records.into_iter().find(|record| record.properties["email"] == "eve@example.com").unwrap().id
    });
    // A person was quicker for one field, and one record is gone.
    app.hubspot.edit_record(dealer.portal(), CONTACT, &ana_id, &[("dealership_name", "Ocean Honda, Miami")]);
    app.hubspot.archive_record(dealer.portal(), CONTACT, &eve_id);
    let report = app.fill(&dealer, Wish::default()).await;
    let contact = app.contact(&dealer, "ana");
    assert_eq!(contact["dealership_name"], "Ocean Honda, Miami");
    assert_eq!(contact["lead_priority"], "low", "the newer lead's");
    assert_eq!(contact["vehicle_of_interest"], "2027 Honda CR-V", "the newer lead had none");
    assert_eq!(app.contact(&dealer, "bob")["lead_priority"], "high");
    let reasons = |words: &str| report.skipped.iter().filter(|skipped| skipped.reason.contains(words)).count();
    assert_eq!(reasons("holds a value already"), 1);
    assert_eq!(reasons("was deleted"), 5);
    assert_eq!(reasons("a newer lead"), 4);
    let progress = &app.event(&second).await.deliveries[0].delivery.progress;
    assert!(progress.filled.iter().any(|filled| filled.field == "lead_priority"));
    let report = app.fill(&dealer, Wish::default()).await;
    assert!(report.filled.is_empty() && report.skipped.is_empty(), "nothing is left to do: {report:#?}");
    app.finish().await;
}

#[tokio::test]
async fn settings_that_the_portal_does_not_have_are_not_accepted() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Deals, "deals", deals()).await;
    app.run_until_idle().await;
    let rows = [
        (
            json!({ "pipeline": "new-vehicles", "stage": "qualifiedtobuy" }),
            "/stage: HubSpot has no stage `qualifiedtobuy` in New Vehicles",
        ),
        (json!({ "pipeline": "boats", "stage": "new-lead" }), "/pipeline: HubSpot has no pipeline `boats`"),
        (
            json!({ "pipeline": "default", "stage": "qualifiedtobuy", "owner": "77" }),
            "/owner: nobody in HubSpot who can own records has the id `77`",
        ),
        (
            json!({ "pipeline": "default", "stage": "qualifiedtobuy", "origin_property": "notes_next_activity_date" }),
            "/origin_property: HubSpot fills `notes_next_activity_date`",
        ),
    ];
    for (settings, expected) in rows {
        let cached = connection::use_transformation(
            &app.app.store,
            &dealer.account,
            &dealer.connection,
            "deals",
            settings.clone(),
            app.now(),
        )
        .await;
        let live = connection::use_on_portal(
            &app.app.store,
            &dealer.account,
            &app.session(&dealer).await,
            "deals",
            settings,
            app.now(),
        )
        .await;
        for refused in [cached, live] {
            let Err(UseError::Settings { violations, .. }) = refused else { panic!("{expected}") };
            assert!(violations[0].to_string().starts_with(expected), "{violations:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_portal_that_does_not_answer_keeps_its_old_schema_and_holds_no_lead() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.run_until_idle().await;
    app.hubspot.add_fault(Fault::status(503).on_path("/crm/properties/"));
    app.advance(Duration::from_secs(2 * 3600));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let cached = app.app.store.schema(&dealer.connection).await.unwrap().unwrap();
    assert!(cached.schema.objects[CONTACT].contains_key("lead_priority") && cached.tried_at == app.now());
    let calls = app.hubspot.call_count();
    app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    let asked =
        app.hubspot.calls().iter().filter(|call| call.number > calls && call.path.contains("/properties/")).count();
    assert_eq!(asked, 0, "not with every lead");
    app.finish().await;
}

#[tokio::test]
async fn the_service_answers_with_checklist_and_issues() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({})).await;
    let url = |path: &str| format!("{}/v1/connections/{}/properties{path}", app.address, dealer.connection.id);
    let http = app.operator();
    let check: Value = http.get(url("")).send().await.unwrap().json().await.unwrap();
    assert_eq!(check["data"]["rows"][0]["state"], "missing");
    let issues: Value =
        http.get(format!("{}/v1/issues?account=acme", app.address)).send().await.unwrap().json().await.unwrap();
    let first = &issues["data"][0];
    assert_eq!(
        (&first["title"], &first["problem"]["code"]),
        (&json!("A property is missing in HubSpot"), &json!("property.missing"))
    );
    assert!(first["hubspot_path"].as_str().unwrap().starts_with("Settings"));
    let tried = http.post(url("/create-missing?dry_run=true")).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(
        (&tried["data"]["work"][0]["what"], &tried["data"]["work"][0]["result"]),
        (&json!("create"), &Value::Null)
    );
    let created: Value = http.post(url("/create-missing")).json(&json!({})).send().await.unwrap().json().await.unwrap();
    assert_eq!(created["data"]["work"][0]["result"]["result"], "fine", "{created}");
    let filled: Value =
        http.post(url("/fill")).json(&json!({ "dry_run": true })).send().await.unwrap().json().await.unwrap();
    assert_eq!(filled["data"]["filled"], json!([]));
    let nobody = http.get(format!("{}/v1/connections/con_0/properties", app.address)).send().await.unwrap();
    assert_eq!(nobody.status().as_u16(), 404);
    app.finish().await;
}

#[tokio::test]
async fn the_command_shows_creates_and_says_how_it_ended() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({})).await;
    let (code, text) = app.command(&["property", "check", "--account", "acme"]).await;
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("lead_priority") && text.contains("missing") && text.contains("leadline property create"),
        "{text}"
    );
    let (code, text) = app.command(&["property", "create", "--account", "acme", "--dry-run"]).await;
    assert!(code == 0 && text.contains("\"fieldType\":\"select\""), "{text}");
    let (code, text) = app.command(&["issue", "list", "--account", "acme"]).await;
    assert!(code == 0 && text.contains("A property is missing in HubSpot"), "{text}");
    let issue = app.issues(&dealer).await.remove(0);
    let (code, text) = app.command(&["issue", "show", issue.id.as_str()]).await;
    assert!(
        code == 0 && text.contains("What to do: Create it in HubSpot.") && text.contains("In HubSpot: Settings"),
        "{text}"
    );
    let (code, text) = app.command(&["property", "create", "--account", "acme"]).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(app.command(&["property", "check", "--account", "acme"]).await.0, 0);
    assert_eq!(app.command(&["property", "check", "--account", "nobody"]).await.0, 5);
    assert_eq!(app.command(&["issue", "list"]).await.1, "No issues: nothing stands in the way.\n");
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_comes_after_a_failed_look_is_sent_all_the_same() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.revoke_token(dealer.portal());
    app.run_until_idle().await;
    app.hubspot.restore_token(dealer.portal());
    let token = SecretString::from(dealer.hubspot.access_token.clone());
    connection::connect(&app.app.store, &dealer.account, dealer.portal(), &token, app.now()).await.unwrap();
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn creating_is_safe_whatever_becomes_of_the_answer() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({})).await;
    let post = |fault: Fault| {
        let mut fault = fault.on_path("/crm/properties/2026-09/0-1").times(1);
        fault.on.method = Some("POST".into());
        fault
    };
    let body = |name: &str, fault: Fault| {
        let mut fault = post(fault);
        fault.on.body = Some(format!("\"name\":\"{name}\""));
        fault
    };
    // Somebody was quicker; the answer got lost; and HubSpot has no room for one more.
    app.hubspot.add_fault(body("budget_range", Fault::status(409)).applied());
    app.hubspot.add_fault(body("lead_priority", Fault::end(End::Close)).applied());
    let mut full = body("dealership_slug", Fault::status(400));
    full.then.body =
        Some(json!({ "status": "error", "message": "an object has at most 1000 properties of its own" }).to_string());
    app.hubspot.add_fault(full);
    let creation = app.create(&dealer, Consent::default()).await;
    for work in &creation.work {
        match &work.result {
            Some(Done::Fine) => assert_ne!(work.name, "dealership_slug"),
            Some(Done::Failed { problem }) => {
                assert_eq!(work.name, "dealership_slug");
                assert!(problem.detail.contains("at most 1000 properties"), "{problem}");
            }
            other => panic!("{}: {other:?}", work.name),
        }
    }
    assert!(creation.stopped.is_none());
    let again = app.create(&dealer, Consent::default()).await;
    assert_eq!(again.work.iter().map(|work| work.name.as_str()).collect::<Vec<_>>(), ["dealership_slug"]);
    assert!(!again.check.unwrap().has_trouble());

    app.hubspot.archive_property(dealer.portal(), CONTACT, "budget_range");
    app.hubspot.add_fault(post(Fault::status(503)));
    let away = app.create(&dealer, Consent { restore: true, ..Consent::default() }).await;
    assert!(away.stopped.is_some_and(|why| why.code.as_str() == "hubspot.server_error"));
    app.finish().await;
}

#[tokio::test]
async fn a_sensitive_property_is_not_missing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let act = Act::SetSensitive { object_type: CONTACT.into(), property: "budget_range".into(), sensitive: true };
    app.hubspot.act(dealer.portal(), act);
    assert!(!app.check(&dealer).await.has_trouble());
    app.finish().await;
}

#[tokio::test]
async fn a_merged_contact_is_filled_in_under_its_new_id_and_a_lost_answer_is_asked_again() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let ana = app.send_lead(&dealer, "ana").await;
    app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    let loser = app.lead(&ana).await.contact.unwrap().id;
    let winner = app.hubspot.create_record(dealer.portal(), CONTACT, &[("email", "anna@example.com")]);
    app.hubspot.act(dealer.portal(), Act::MergeRecords { object_type: CONTACT.into(), winner, loser });
    app.create(&dealer, Consent::default()).await;
    app.advance(Duration::from_secs(1));
    app.hubspot.add_fault(Fault::end(End::Close).on_path("/batch/update").applied().times(1));
    let report = app.fill(&dealer, Wish::default()).await;
    assert!(report.stopped.is_some() && report.filled.is_empty());
    // It took effect after all, so what is there now stays as it is.
    assert_eq!(app.contact(&dealer, "anna")["lead_priority"], "high");
    let report = app.fill(&dealer, Wish::default()).await;
    assert!(report.stopped.is_none() && report.skipped.iter().all(|skipped| !skipped.stays), "{report:#?}");
    app.finish().await;
}

/// The row of a property in a table of those that are made by hand.
fn by_hand<'a>(table: &'a str, name: &str) -> &'a str {
    let row = table.split("<tr>").find(|row| row.contains(&format!("text=\"{name}\"")));
    row.unwrap_or_else(|| panic!("{name} is not in {table}"))
}

#[tokio::test]
async fn who_creates_by_hand_finds_everything_to_take_over_contacts_and_deals_apart() {
    let app = with_public_url(URL).await;
    app.dealer("acme", Preset::Deals, "deals", deals()).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("single-line text, unique values only"), "the checklist says it: {}", text(&page));
    let (_, tables) = text(&page).split_once("id=\"by-hand\"").unwrap();
    let (contacts, deals) = tables.split_once("<h2>Deal properties</h2>").unwrap();
    for (table, name, told) in [
        (contacts, "leadline_lead_id", vec!["Single-line text", "<strong>yes</strong>"]),
        (contacts, "budget_range", vec!["Single-line text", ">no</td>"]),
        (contacts, "lead_priority", vec!["Dropdown select", "high = <code>high</code>", "low = <code>low</code>"]),
        (deals, "leadline_deal_key", vec!["Single-line text", "<strong>yes</strong>"]),
    ] {
        for words in told {
            assert!(by_hand(table, name).contains(words), "{name}: {words} is not in {table}");
        }
    }
    assert!(contacts.contains("<h2>Contact properties</h2>") && !contacts.contains("leadline_deal_key"), "{contacts}");
    assert!(contacts.contains("/properties?type=0-1\"") && deals.contains("/properties?type=0-3\""), "{tables}");
    app.finish().await;
}

#[tokio::test]
async fn while_hubspot_cannot_be_asked_the_page_shows_what_it_said_last_and_that_nothing_was_changed() {
    let app = with_public_url(URL).await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    app.hubspot.add_fault(Fault::status(503).on_path("/crm/properties/"));
    for (path, fields) in [("check", vec![]), ("create", vec![]), ("create", vec![("sure", "yes")])] {
        let away = submit(&app, &manager, &format!("/accounts/acme/fields/{path}"), &fields).await;
        assert_eq!(away.status, 502, "{path}: {}", text(&away));
        for words in [
            "<h1>Fields</h1>",
            "HubSpot had a problem, and nothing was changed.",
            "Try it again in a moment.",
            "Below stands what HubSpot said",
            "hubspot.server_error",
            "Create the missing ones",
        ] {
            assert!(text(&away).contains(words), "{path}: {words} is not in {}", text(&away));
        }
    }
    let calls = app.hubspot.calls();
    assert!(!calls.iter().any(|call| call.method == "POST" && call.path.contains("/crm/properties/")), "{calls:#?}");
    // Once HubSpot lets us in no more, there is something to do.
    app.hubspot.clear_faults();
    app.hubspot.revoke_token(dealer.portal());
    app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let out = submit(&app, &manager, "/accounts/acme/fields/fill", &[]).await;
    assert_eq!(out.status, 409, "{}", text(&out));
    for words in ["<h1>Fields</h1>", "HubSpot no longer lets us in, and nothing was changed.", "Reconnect HubSpot"] {
        assert!(text(&out).contains(words), "{words} is not in {}", text(&out));
    }
    app.finish().await;
}
