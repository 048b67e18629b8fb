//! The documents and the code agree: what a document takes from the code is what the code has by now, links lead
//! somewhere, and the mapping is the one that runs. `LEADLINE_UPDATE=1` renews the parts, to be read before it is committed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use leadline::cause::Code;
use leadline::contract::actions::{Action, WritePolicy};
use leadline::contract::manifest::Manifest;
use leadline::examples;
use leadline::help::{self, facts, mapping, markdown};
use leadline::model::time::Timestamp;
use leadline::payload::{self, Envelope};
use leadline::schema::Settings;
use leadline::stock;
use leadline::transform::{Loaded, Transformer};

use crate::access::{Asker, signed_in, with_public_url};
use crate::cli::{json, leadline};
use crate::support::TestApp;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document in `docs/`, but those of decisions, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let folder = std::fs::read_dir(project().join("docs")).unwrap();
    let paths =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut documents: Vec<_> = paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    documents.sort();
    documents
}

fn stock_versions() -> [(&'static str, Loaded); 2] {
    let transformer = Transformer::new().unwrap();
    [("default", stock::DEFAULT), ("deals", stock::DEALS)]
        .map(|(name, bytes)| (name, transformer.compile(bytes).unwrap()))
}

#[test]
fn the_documents_say_what_the_code_says() {
    let manifests: Vec<Manifest> = stock_versions().iter().map(|(_, loaded)| loaded.describe().unwrap()).collect();
    let mut parts = 0;
    for (path, text) in documents() {
        let made = facts::renewed(&text, &manifests).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        if std::env::var("LEADLINE_UPDATE").is_ok_and(|value| value == "1") && made != text {
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(
            committed == made,
            "{} is older than the code; run this test with LEADLINE_UPDATE=1, and look at what changed",
            path.display()
        );
        parts += text.matches(facts::MARK).count();
    }
    assert!(parts > 12, "only {parts} parts are marked");
}

/// The anchors that a document offers.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(markdown::anchor)
        .collect()
}

/// The targets of the links of a text.
fn targets(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for (path, text) in documents() {
        for target in targets(&text).into_iter().filter(|target| !target.starts_with("http")) {
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(there.exists(), "{}: there is no {file}", path.display());
            let known = place.is_empty() || anchors(&std::fs::read_to_string(&there).unwrap()).contains(place);
            assert!(known, "{}: {target} names no heading", path.display());
        }
    }
}

#[test]
fn the_mapping_is_the_one_that_runs() {
    let versions = stock_versions();
    let mut written = BTreeSet::new();
    for example in examples::all().unwrap() {
        let mut settings = example.settings.clone();
        // No example chooses an owner.
        if example.expected.transformation == "deals" {
            settings["owner"] = "7".into();
        }
        let own = ["policies", "origin_property", "consent_property", "legal_basis", "default_properties"];
        // What an account chose for itself is no rule.
        if own.iter().any(|name| settings.get(name).is_some()) {
            continue;
        }
        let (_, loaded) = versions.iter().find(|(name, _)| *name == example.expected.transformation).unwrap();
        let envelope = Envelope::read(&example.event).unwrap();
        let at = envelope.occurred_at().unwrap_or(Timestamp(0));
        let settings =
            Settings::compile(&loaded.describe().unwrap().settings_schema).unwrap().complete(settings).unwrap();
        let event = payload::event(&example.name, &envelope.event_type.clone(), at, envelope.data);
        for action in loaded.run(&event, &settings.to_string()).actions.unwrap_or_default() {
            written.extend(written_by(&action));
        }
    }
    for (object, rules) in [("contact", &mapping::CONTACT[..]), ("deal", &mapping::DEAL[..])] {
        for rule in rules {
            for property in rule.properties {
                assert!(
                    written.remove(&(object, (*property).to_owned(), rule.policy.label())),
                    "no example writes {property} of a {object} {}",
                    rule.policy.label()
                );
            }
        }
    }
    assert_eq!(written, BTreeSet::new(), "this is written, and the mapping does not say so");
}

/// Object, property and policy of what an action writes.
fn written_by(action: &Action) -> Vec<(&'static str, String, &'static str)> {
    let object = action.label();
    let policy = |policy: WritePolicy| policy.label();
    let key = action.key().map(|(name, _)| (object, name.to_owned(), policy(WritePolicy::OnCreate)));
    let mut all: Vec<_> = key.into_iter().collect();
    all.extend(action.properties().iter().map(|one| (object, one.name.clone(), policy(one.policy))));
    if let Action::UpsertDeal(_) = action {
        // They are fields of the action, not properties.
        all.extend(
            ["dealname", "pipeline", "dealstage"].map(|name| (object, name.to_owned(), policy(WritePolicy::OnCreate))),
        );
    }
    all
}

#[tokio::test]
async fn each_screen_leads_to_its_guide_and_each_code_to_its_article() {
    let app = with_public_url("http://localhost:8080").await;
    app.connected("acme").await;
    let operator = signed_in(&app, None, "operator").await.with("accept", "text/html");
    let home = operator.get(&app, "/accounts/acme").await;
    let nav = home.body.as_str().unwrap().split("<nav").nth(1).unwrap().split("</nav>").next().unwrap().to_owned();
    let screens: Vec<_> = nav.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(screens.len() > 10, "{screens:?}");
    for screen in screens {
        let guide = help::guide_to(screen).unwrap_or_else(|| panic!("docs/screens.md has no section for {screen}"));
        let page = operator.get(&app, screen).await;
        let link = format!("href=\"/help/{}?at=", guide.slug);
        assert!(page.body.as_str().unwrap().contains(&link), "{screen} does not lead to {link}");
        let shown = operator.get(&app, &format!("/help/{}?at={screen}", guide.slug)).await;
        assert!(shown.body.as_str().unwrap().contains(&format!("<h1>{}</h1>", guide.title)), "{screen}");
    }
    let nobody = Asker::default().with("accept", "text/html");
    for code in Code::ALL {
        let page = nobody.get(&app, &help::address(code.as_str())).await;
        assert_eq!(page.status, 200, "{code}");
        let text = page.body.as_str().unwrap();
        assert!(text.contains(&format!("<h1>{code}</h1>")) && text.contains(code.title()), "{code}");
    }
    for page in help::PAGES {
        let shown = nobody.get(&app, &format!("/help/{}", page.slug)).await;
        assert_eq!(shown.status, 200, "{}", page.slug);
    }
    assert_eq!(nobody.get(&app, "/help/nonsense").await.status, 404);
    assert_eq!(nobody.get(&app, "/help/codes/nonsense").await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn a_problem_names_the_article_that_explains_it() {
    let app = TestApp::start().await;
    let nobody = Asker::default();
    for (reply, code) in [
        (nobody.get(&app, "/v1/events").await, "unauthorized"),
        (nobody.get(&app, "/nowhere").await, "not_found"),
        (nobody.send(&app, "/v1/sources/src_1/events", "application/json", "{}".to_owned()).await, "ingest.malformed"),
        (Asker::operator().get(&app, "/v1/accounts/nobody").await, "not_found"),
        (Asker::operator().upload(&app, "/v1/versions?name=x", b"nonsense".to_vec()).await, "upload.not_wasm"),
    ] {
        assert_eq!(reply.body["code"], code, "{reply:?}");
        let article = nobody.with("accept", "text/html").get(&app, reply.body["type"].as_str().unwrap()).await;
        assert_eq!(article.status, 200, "{code}");
        assert!(article.body.as_str().unwrap().contains(&format!("<h1>{code}</h1>")), "{article:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_support_code_is_ids_and_codes_and_nothing_of_a_person() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    app.hubspot.archive_property(acme.portal(), "0-1", "budget_range");
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let viewer = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let at = format!("/accounts/acme/logs/{event}");
    let page = viewer.get(&app, &format!("/help/lead?at={at}")).await;
    let page = page.body.as_str().unwrap();
    let code = page.split("<pre tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap();
    for known in ["screen lead", acme.account.id.as_str(), acme.connection.id.as_str(), event.as_str(), "leadline "] {
        assert!(code.contains(known), "{known} is missing in\n{code}");
    }
    for private in ["ana", "Ana", "example.com", "acme"] {
        assert!(!code.contains(private), "{private} is in\n{code}");
    }
    assert!(page.contains(&format!("<ll-copy text=\"{code}\">")), "something else is copied");
    // Where he may not go he comes from nowhere.
    let elsewhere = viewer.get(&app, "/help/lead?at=/accounts/other/logs").await;
    assert!(elsewhere.body.as_str().unwrap().contains(acme.account.id.as_str()));
    app.finish().await;
}

#[test]
fn a_code_is_explained_at_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (ended, text) = leadline(folder.path(), &["explain", "auth.revoked"]);
    let expected = "auth.revoked

HubSpot no longer lets us in. Somebody in HubSpot withdrew the permission, or the user who gave it left. A token that \
merely expired is renewed without anybody noticing; this is not that.

  The lead waits, however long it takes, and spends no attempt. When the cause is gone it goes on by itself.
  What to do: Reconnect HubSpot; what waits then runs by itself.
  Who can: the dealership's HubSpot admin.
  In HubSpot: Settings → Integrations → Connected Apps
  Here: Connectors
";
    assert_eq!((ended, text.as_str()), (0, expected));
    let all = json(folder.path(), &["explain"]);
    assert_eq!(all["data"].as_array().unwrap().len(), Code::ALL.len());
    assert_eq!(json(folder.path(), &["explain", "auth.revoked"])["data"]["class"], "waits");
    assert_eq!(leadline(folder.path(), &["explain", "auth.nonsense"]).0, 5);
    assert!(!folder.path().join("leadline.db").exists(), "to explain needs no database");
}
