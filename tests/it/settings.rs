//! Settings on the page: a source is made and set there, a form that is refused keeps what was typed, and what cannot be
//! undone asks first.

use leadline::model::account::{SchemaMode, Source};
use serde_json::{Value, json};

use crate::access::{Asker, Reply, key, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::{Dealer, TestApp, lead};

const URL: &str = "http://localhost:8080";
const SETTINGS: &str = "/accounts/acme/settings";
const SOURCES: &str = "/accounts/acme/settings/sources";

/// What stands between two texts of a page, the first time.
fn between<'a>(page: &'a Reply, before: &str, after: &str) -> &'a str {
    let rest = text(page).split_once(before).unwrap_or_else(|| panic!("no {before} in {}", text(page))).1;
    rest.split_once(after).unwrap().0
}

/// The source of a dealership that its chat widget has.
async fn source(app: &TestApp, dealer: &Dealer) -> Source {
    let sources = app.app.store.sources(Some(&dealer.account.id)).await.unwrap();
    sources.into_iter().find(|source| source.id == dealer.source).unwrap()
}

/// What was done in the account last, and its details.
async fn last_deed(app: &TestApp) -> (String, Value) {
    let told = Asker::operator().get(app, "/v1/audit?account=acme&limit=1").await;
    let entry = &told.body["data"][0];
    (entry["action"].as_str().unwrap().to_owned(), entry["detail"].clone())
}

#[tokio::test]
async fn a_source_is_made_on_the_page_with_all_that_its_sender_has_to_know() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.account("fresh").await;
    let fresh = looks(&signed_in(&app, Some("fresh"), "manager").await);
    let steps = fresh.get(&app, "/accounts/fresh/setup").await;
    let link = "href=\"/accounts/fresh/settings\">Make a source</a>";
    assert!(text(&steps).contains(link), "the step leads there: {}", text(&steps));

    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    assert!(text(&manager.get(&app, SETTINGS).await).contains("Make a source"));
    let fields = [("name", "second widget"), ("rate", "20"), ("tolerance_s", "120")];
    let made = submit(&app, &manager, SOURCES, &fields).await;
    assert_eq!(made.status, 200, "{}", text(&made));
    let secret = format!("whsec_{}", between(&made, "<code>whsec_", "<"));
    let sources = app.app.store.sources(Some(&acme.account.id)).await.unwrap();
    let second = sources.into_iter().find(|source| source.name == "second widget").unwrap();
    assert_eq!((second.rate, second.tolerance_s), (20, 120));
    let address = format!("<code>{URL}/v1/sources/{}/events</code>", second.id);
    let copied = format!("<ll-copy text=\"{secret}\">");
    let headers = "<code>webhook-id, webhook-timestamp, webhook-signature</code>";
    for words in [address.as_str(), copied.as_str(), headers] {
        assert!(text(&made).contains(words), "{words}: {}", text(&made));
    }
    let (action, detail) = last_deed(&app).await;
    assert_eq!((action.as_str(), &detail["name"]), ("accounts.settings.sources", &json!("second widget")));
    let shown = manager.get(&app, SETTINGS).await;
    assert!(text(&shown).contains(&address) && !text(&shown).contains("whsec_"), "it was shown once");
    app.send_lead(&acme.with_source(second.id, secret.into()), "ana").await;
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn a_page_that_shows_a_secret_is_not_kept_for_its_repeat() {
    let app = with_public_url(URL).await;
    app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await).with("idempotency-key", "one");
    let fields = [("name", "chat"), ("rate", "20"), ("tolerance_s", "120")];
    let made = submit(&app, &manager, SOURCES, &fields).await;
    assert!(made.status == 200 && text(&made).contains("whsec_"), "{}", text(&made));
    let again = submit(&app, &manager, SOURCES, &fields).await;
    assert!(again.status == 409 && !text(&again).contains("whsec_"), "{}", text(&again));
    app.finish().await;
}

#[tokio::test]
async fn what_a_source_may_send_is_set_on_the_page_and_whoever_was_quicker_is_not_overwritten() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let path = format!("{SOURCES}/{}/set", acme.source);
    let tag = async || between(&manager.get(&app, SETTINGS).await, "name=\"tag\" value=\"", "\"").to_owned();
    let set = async |tag: &str, rate: &str, mode: &str| {
        let others = [("carousel.clicked.v1", "warn"), ("session.initiated.v1", "warn")];
        let fields = [&[("tag", tag), ("rate", rate), ("lead.captured.v1", mode)][..], &others[..]].concat();
        submit(&app, &manager, &path, &fields).await
    };
    let first = tag().await;
    let done = set(&first, "7", "quarantine").await;
    assert_eq!((done.status, done.header("location")), (303, "/accounts/acme/settings?done=source-set"));
    assert!(text(&manager.get(&app, done.header("location")).await).contains("counts about a second later"));
    let (action, detail) = last_deed(&app).await;
    assert_eq!(action, "accounts.settings.sources.set");
    assert_eq!(detail["before"], json!({ "rate": 0, "schema_modes": {} }));
    let now = json!({ "rate": 7, "schema_modes": { "lead.captured.v1": "quarantine" } });
    assert_eq!(detail["after"], now, "what nobody chose is not set");

    let late = set(&first, "9", "reject").await;
    assert_eq!(late.status, 412, "{}", text(&late));
    for words in ["changed since you looked", "value=\"9\"", "Now 7.", "value=\"reject\" selected", "Now it waits"] {
        assert!(text(&late).contains(words), "side by side, {words}: {}", text(&late));
    }
    for (rate, mode, words) in [
        ("many", "warn", "<code>many</code> is no whole number"),
        ("-1", "warn", "from 0 to 100000, not -1"),
        ("7", "often", "<code>often</code> is nothing that can happen to events"),
    ] {
        let refused = set(&tag().await, rate, mode).await;
        assert!(refused.status == 400 && text(&refused).contains(words), "{words}: {}", text(&refused));
        assert!(text(&refused).contains(&format!("name=\"rate\" inputmode=\"numeric\" required value=\"{rate}\"")));
    }
    assert_eq!(last_deed(&app).await.1["after"], now, "what was refused is not told as done");

    // What waits because it broke the schema goes on once that is no matter any more.
    let mut broken = lead("ana");
    broken["vehicle"] = json!({ "year": "soon" });
    let event = app.send(&acme, "msg_ana", broken).await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("held (ingest.schema)"));
    assert_eq!(set(&tag().await, "7", "warn").await.status, 303);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(source(&app, &acme).await.schema_mode("lead.captured.v1"), SchemaMode::Warn);
    app.finish().await;
}

#[tokio::test]
async fn a_source_is_made_and_set_only_by_who_may_change_the_account() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    let operator = Asker::operator();
    let viewer = signed_in(&app, Some("acme"), "viewer").await;
    let support = signed_in(&app, None, "support").await;
    let stranger = signed_in(&app, Some("other"), "manager").await;
    let set = format!("{SOURCES}/{}/set", acme.source);
    let rotate = format!("{SOURCES}/{}/rotate", acme.source);
    let forms = [
        (SOURCES, vec![("name", "mine"), ("rate", "0"), ("tolerance_s", "300")]),
        (set.as_str(), vec![("tag", ""), ("rate", "0")]),
        (rotate.as_str(), vec![("overlap_hours", "0"), ("seen", "0")]),
    ];
    for (path, fields) in &forms {
        for (who, status) in [(&viewer, 403), (&support, 403), (&stranger, 404)] {
            assert_eq!(submit(&app, who, path, fields).await.status, status, "{path}");
        }
        // A program that may only say who else may do what changes nothing here either.
        for (rights, status) in [(&["read", "access"][..], 403), (&["read", "change"][..], 403)] {
            let program = key(&app, &operator, Some("acme"), rights).await;
            let form = reqwest::Url::parse_with_params("http://localhost", fields).unwrap();
            let body = form.query().unwrap().to_owned();
            let answer = program.send(&app, path, "application/x-www-form-urlencoded", body).await;
            assert_eq!(answer.status, status, "{path} with {rights:?}");
        }
    }
    // The source of one account is none of another's.
    let elsewhere = set.replace("acme", "other");
    assert_eq!(submit(&app, &stranger, &elsewhere, &[("tag", ""), ("rate", "0")]).await.status, 404);
    assert_eq!(app.app.store.sources(Some(&acme.account.id)).await.unwrap().len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_form_that_is_refused_keeps_what_was_typed_and_nothing_is_told_of_it() {
    let app = with_public_url(URL).await;
    app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let before = last_deed(&app).await;
    let (people, keys) = (format!("{SETTINGS}/people"), format!("{SETTINGS}/keys"));
    let maya = [("name", "Maya Lind"), ("email", "maya"), ("role", "manager")];
    let reports = [("name", "reports"), ("ends", "2026-11-20"), ("right", "privacy")];
    let nothing = [("name", "reports"), ("ends", "2026-12-20")];
    let widget = [("name", "second widget"), ("rate", "20"), ("tolerance_s", "5")];
    let unnamed = [("name", " "), ("rate", "21"), ("tolerance_s", "120")];
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    let rows: [Row<'_>; 5] = [
        (
            &people,
            &maya,
            "<code>maya</code> is no e-mail address",
            &["value=\"Maya Lind\"", "value=\"maya\"", "value=\"manager\" selected"],
        ),
        (
            &keys,
            &reports,
            "<code>2026-11-20</code> is no day to come",
            &["value=\"reports\"", "value=\"2026-11-20\"", "value=\"privacy\" checked", "value=\"read\">"],
        ),
        (&keys, &nothing, "a key needs at least one right", &["value=\"reports\"", "value=\"2026-12-20\""]),
        (SOURCES, &widget, "a tolerance of 5 s", &["value=\"second widget\"", "value=\"20\"", "value=\"5\""]),
        (SOURCES, &unnamed, "a name has 1 to 120 characters", &["value=\"21\"", "value=\"120\""]),
    ];
    for (path, fields, why, kept) in rows {
        let refused = submit(&app, &manager, path, fields).await;
        assert_eq!(refused.status, 400, "{}", text(&refused));
        for words in [&[why, "<h1>Settings and activity", "aria-label=\"Main\"", "autofocus"][..], kept].concat() {
            assert!(text(&refused).contains(words), "{words}: {}", text(&refused));
        }
        assert_eq!(text(&refused).matches("role=\"alert\"").count(), 1, "at its own form only");
    }
    assert_eq!(last_deed(&app).await, before, "nothing was done");
    let fine = submit(&app, &manager, &people, &[("name", "Maya"), ("email", "maya@example.com")]).await;
    assert_eq!(fine.status, 303);
    app.finish().await;
}

#[tokio::test]
async fn a_rule_that_is_refused_keeps_what_was_typed_and_nothing_is_told_of_it() {
    let app = with_public_url(URL).await;
    app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let before = last_deed(&app).await;
    let path = "/accounts/acme/alerts";
    let fields = [("for", "lead_waits"), ("minutes", "45"), ("by", "webhook"), ("url", "http://example.com/x")];
    let refused = submit(&app, &manager, path, &fields).await;
    assert_eq!(refused.status, 400, "{}", text(&refused));
    let form = between(&refused, "<form id=\"rule\"", "</form>");
    for words in ["role=\"alert\"", "value=\"45\"", "value=\"http://example.com/x\"", "value=\"webhook\" checked"] {
        assert!(form.contains(words), "{words}: {form}");
    }
    let fields = [("for", "reconnect"), ("by", "mail"), ("to", "maya@example.com")];
    let unsent = submit(&app, &manager, path, &fields).await;
    assert_eq!(unsent.status, 409, "no mail server is there: {}", text(&unsent));
    assert_eq!(last_deed(&app).await, before, "nothing was done");
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_undone_asks_first() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let (people, keys) = (format!("{SETTINGS}/people"), format!("{SETTINGS}/keys"));
    submit(&app, &manager, &people, &[("name", "Tom"), ("email", "tom@example.com"), ("role", "viewer")]).await;
    submit(&app, &manager, &keys, &[("name", "reports"), ("right", "read")]).await;
    let webhook = json!({ "by": "webhook", "url": "https://example.com/hooks" });
    let rule = json!({ "account": "acme", "watches": { "for": "issue" }, "channel": webhook });
    let rule = Asker::operator().post(&app, "/v1/alerts", rule).await;
    assert_eq!(rule.status, 201, "{rule:?}");
    app.upload(acme.account.id.as_str(), "quiet", &crate::guests::guest("honest")).await;
    let version = app.app.store.newest_version(acme.account.id.as_str(), "quiet").await.unwrap().unwrap().id;

    let support = looks(&signed_in(&app, None, "support").await);
    for (browser, page, question, path) in [
        (&manager, SETTINGS.to_owned(), "Take Tom out?", "/remove\""),
        (&manager, SETTINGS.to_owned(), "Revoke reports?", "/revoke\""),
        (&manager, "/accounts/acme/alerts".to_owned(), "Take the rule out?", "/remove\""),
        (&support, format!("/versions/{version}"), "Delete quiet@1?", "/delete\""),
    ] {
        let shown = browser.get(&app, &page).await;
        // The form is folded up behind the word that is pressed first, and the question stands in it.
        let mut folds = text(&shown).split("<details").skip(1).map(|rest| rest.split("</details>").next().unwrap());
        let asks = |fold: &str| fold.contains(question) && fold.contains(path) && !fold.starts_with(" open");
        assert!(folds.any(asks), "{question}: {}", text(&shown));
        assert_eq!(text(&shown).matches(path).count(), 1, "{question} there is no way around it: {}", text(&shown));
    }
    app.finish().await;
}
