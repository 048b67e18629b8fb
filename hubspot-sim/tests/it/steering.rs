//! Acts, faults, knobs and the clock, by forms that need no script.

use hubspot_sim::Preset;
use serde_json::json;

use crate::support::{NOW, Portal};

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Portal {
    async fn press(&self, page: &str, sent: &[(&str, &str)]) -> u16 {
        self.form(&format!("/contacts/{}/{page}", self.id()), &fields(sent)).await.status
    }
}

#[tokio::test]
async fn acts_are_forms() {
    proves!("S45", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let page = portal.get(&format!("/contacts/{}/acts?object_type=0-1&id=61001&contact=61001", portal.id())).await;
    assert!(page.text.contains("name=\"id\" value=\"61001\"") && page.text.contains("Take a scope away"));
    for (sent, status) in [
        (
            &[
                ("act", "create_record"),
                ("object_type", "0-1"),
                ("properties", "email=maya@example.com\nfirstname=Maya"),
            ][..],
            303,
        ),
        (&[("act", "edit_record"), ("object_type", "0-1"), ("id", "61001"), ("properties", "firstname=May")], 303),
        (&[("act", "edit_record"), ("object_type", "0-1"), ("id", "999"), ("properties", "firstname=May")], 404),
        (
            &[
                ("act", "add_property"),
                ("object_type", "0-1"),
                ("property.name", "trade_in"),
                ("property.label", "Trade-in"),
                ("property.groupName", "leadline"),
                ("property.type", "string"),
                ("property.fieldType", "text"),
            ],
            303,
        ),
        (&[("act", "set_read_only"), ("object_type", "0-1"), ("property", "trade_in"), ("read_only", "true")], 303),
        (
            &[("act", "add_owner"), ("id", "910050"), ("user_id", "90"), ("email", "a@b.example.com"), ("name", "A B")],
            303,
        ),
        (&[("act", "archive_owner"), ("id", "910043")], 303),
        (&[("act", "lock_stage"), ("pipeline", "default"), ("stage", "contractsent"), ("locked", "true")], 303),
        (&[("act", "take_scope"), ("scope", "crm.objects.deals.read")], 303),
        (&[("act", "fly")], 400),
    ] {
        assert_eq!(portal.press("acts", sent).await, status, "{sent:?}");
    }
    assert_eq!(portal.value("61001", "firstname").await, "May");
    assert_eq!(
        portal.upsert(&[("maya@example.com", json!({"trade_in": "x"}))]).await.details()[0].0,
        "READ_ONLY_VALUE"
    );
    assert_eq!(portal.get("/crm/objects/V/0-3/1").await.status, 403);
}

#[tokio::test]
async fn every_act_has_its_form() {
    proves!("S45", simulated);
    let source = include_str!("../../src/act.rs");
    let variants = source.lines().skip_while(|line| !line.starts_with("pub enum Act")).take_while(|line| *line != "}");
    let names = variants.filter_map(|line| line.strip_prefix("    ")?.strip_suffix([',', '{']));
    let names: Vec<_> = names.map(str::trim).filter(|name| name.starts_with(char::is_uppercase)).collect();
    assert!(names.len() > 30, "{names:?}");
    let portal = Portal::new(Preset::Bare).await;
    let page = portal.get(&format!("/contacts/{}/acts", portal.id())).await.text;
    for name in names {
        let snake: String = name
            .chars()
            .map(|char| match char.is_uppercase() {
                true => format!("_{}", char.to_lowercase()),
                false => char.to_string(),
            })
            .collect();
        let act = snake.trim_start_matches('_');
        assert!(page.contains(&format!("name=\"act\" value=\"{act}\"")), "{act}");
    }
}

#[tokio::test]
async fn record_page_leads_to_its_acts() {
    proves!("S45", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    let page = portal.get(&format!("/contacts/{}/record/0-1/{id}", portal.id())).await;
    assert!(page.text.contains(&format!("acts?object_type=0-1&amp;id={id}")));
}

#[tokio::test]
async fn faults_are_a_form() {
    proves!("S45", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let sent = [
        ("do", "add"),
        ("match.path", "/owners"),
        ("times", "1"),
        ("then.status", "423"),
        ("then.end", "answer"),
        ("then.headers.Retry-After", "3"),
    ];
    assert_eq!(portal.press("faults", &sent).await, 303);
    assert!(portal.get(&format!("/contacts/{}/faults", portal.id())).await.text.contains("/owners"));
    let reply = portal.get("/crm/owners/V").await;
    assert_eq!((reply.status, reply.header("retry-after")), (423, "3"));
    assert_eq!(portal.get("/crm/owners/V").await.status, 200);
    assert_eq!(portal.press("faults", &[("do", "add"), ("times", "often")]).await, 400);
    portal.press("faults", &sent).await;
    assert_eq!(portal.press("faults", &[("do", "clear")]).await, 303);
    assert_eq!(portal.get("/crm/owners/V").await.status, 200);
}

#[tokio::test]
async fn knobs_and_clock_are_forms() {
    proves!("S45", simulated);
    let portal = Portal::new(Preset::Bare).await;
    assert!(
        portal
            .get(&format!("/contacts/{}/knobs", portal.id()))
            .await
            .text
            .contains("name=\"rate_limit\" value=\"110\"")
    );
    assert_eq!(
        portal.press("knobs", &[("do", "knobs"), ("rate_limit", "7"), ("bad_stage_code", "INVALID")]).await,
        303
    );
    assert_eq!(portal.get("/crm/owners/V").await.header("x-hubspot-ratelimit-max"), "7");
    assert_eq!(portal.press("knobs", &[("do", "knobs"), ("rate_limit", "much")]).await, 400);
    assert_eq!(portal.press("knobs", &[("do", "clock"), ("seconds", "60")]).await, 303);
    assert_eq!(portal.sim().now(), NOW + 60_000);
}

#[tokio::test]
async fn forms_of_an_unknown_portal_do_nothing() {
    proves!("S45", simulated);
    let portal = Portal::new(Preset::Bare).await;
    assert_eq!(portal.form("/contacts/1/acts", &fields(&[("act", "delete_portal")])).await.status, 404);
    assert_eq!(portal.form("/", &[]).await.status, 404);
}
