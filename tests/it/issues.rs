//! Issues: who sees to them, who wants no more of them for now, what is said of them, and how they end.

use std::time::Duration;

use hubspot_sim::Preset;
use leadline::cause::{Code, Problem};
use leadline::issue::COMMENT_CHARS_MAX;
use serde_json::json;

use crate::access::{Asker, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_issue_is_seen_to_muted_and_talked_about_until_it_is_over() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let (store, operator) = (&app.app.store, Asker::operator());
    operator.post(&app, &format!("/v1/connections/{}/pause", acme.connection.id), json!({})).await;
    app.advance(HOUR / 2);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let listed = operator.get(&app, "/v1/issues?account=acme").await;
    let issue = &listed.body["data"][0];
    let id = issue["id"].as_str().unwrap().to_owned();
    assert_eq!((&issue["state"], &issue["held"]), (&json!("open"), &json!(1)), "{issue:#}");
    assert_eq!(issue["suspected"]["text"], "30 min after it was paused");
    assert_eq!(issue["trend"].as_array().unwrap().iter().filter_map(|leads| leads.as_u64()).sum::<u64>(), 1);

    // By page, API and command line; a viewer by none.
    let [viewer, manager] = ["viewer", "manager"].map(|role| signed_in(&app, Some("acme"), role));
    let (viewer, manager) = (looks(&viewer.await), looks(&manager.await));
    let page = |deed: &str| format!("/accounts/acme/issues/{id}/{deed}");
    let at = |deed: &str| format!("/v1/issues/{id}/{deed}");
    assert_eq!(submit(&app, &viewer, &page("acknowledge"), &[]).await.status, 403);
    assert_eq!(submit(&app, &manager, &page("acknowledge"), &[]).await.status, 303);
    let shown = operator.get(&app, &format!("/v1/issues/{id}")).await;
    assert_eq!(shown.body["data"]["state"], "acknowledged");
    let hostile = "<img src=x onerror=alert(1)> \u{202e}maya@example.com";
    let said = operator.post(&app, &at("comments"), json!({ "text": hostile })).await;
    assert_eq!(said.body["data"]["comments"][0]["text"], "<img src=x onerror=alert(1)> maya@example.com", "{said:?}");
    let long = "x".repeat(COMMENT_CHARS_MAX + 1);
    assert_eq!(operator.post(&app, &at("comments"), json!({ "text": long })).await.refusal(), (400, "bad_request"));
    let refused = submit(&app, &manager, &page("comments"), &[("text", &long)]).await;
    assert!(
        text(&refused).contains("2000 characters at most") && text(&refused).contains(&long),
        "it keeps what was typed"
    );
    let seen = text(&viewer.get(&app, "/accounts/acme/issues").await).to_owned();
    assert!(seen.contains("&#60;img") && !seen.contains("<img src=x"), "{seen}");
    assert!(seen.contains("Somebody sees to it") && !seen.contains("/comments\""), "{seen}");
    let history = operator.get(&app, "/v1/audit?account=acme").await.body.to_string();
    assert!(history.contains("issues.acknowledge") && history.contains("issues.comments"), "{history}");
    assert!(!history.contains("onerror"), "what is said stays out of the history");

    // Muted it is not counted, until one more lead meets it.
    let badge = async || store.open_issues(&acme.account.id, app.now()).await.unwrap();
    let (code, printed) = app.command(&["issue", "mute", &id]).await;
    assert!(code == 0 && printed.contains("until it concerns more leads"), "{printed}");
    app.advance(HOUR * 48);
    assert_eq!(badge().await, 0);
    let standing = async || store.account_standings(app.now(), app.now()).await.unwrap()[0].open_issues;
    assert_eq!(standing().await, 0, "the fleet does not count it either");
    let seen = text(&manager.get(&app, "/accounts/acme/issues").await).to_owned();
    assert!(seen.contains("<h2>Muted</h2>") && seen.contains("Nothing stands in the way"), "{seen}");
    app.send_lead(&acme, "ben").await;
    app.run_until_idle().await;
    assert_eq!((badge().await, standing().await), (1, 1));
    operator.post(&app, &at("mute"), json!({ "hours": 2 })).await;
    assert_eq!(badge().await, 0);
    app.advance(HOUR * 2);
    assert_eq!(badge().await, 1);
    assert_eq!(operator.post(&app, &at("mute"), json!({ "hours": 0 })).await.refusal(), (400, "bad_request"));

    // Over, it says how many went on by themselves, and keeps what was said. The same again is another issue.
    operator.post(&app, &format!("/v1/connections/{}/resume", acme.connection.id), json!({})).await;
    app.run_until_idle().await;
    let over = operator.get(&app, "/v1/issues/past?account=acme").await;
    let over = &over.body["data"][0];
    assert_eq!(
        (&over["id"], &over["released"], over["comments"].as_array().unwrap().len()),
        (&json!(id), &json!(2), 1)
    );
    assert_eq!(operator.post(&app, &at("acknowledge"), json!({})).await.refusal().0, 404);
    let seen = text(&viewer.get(&app, "/accounts/acme/issues").await).to_owned();
    assert!(seen.contains("2 leads went on by themselves") && seen.contains("&#60;img"), "{seen}");
    let (code, printed) = app.command(&["issue", "show", &id]).await;
    assert!(code == 0 && printed.contains("2 leads went on by themselves"), "{printed}");
    let again = Problem::new(Code::ConnectionPaused, "it is paused");
    store.open_issue(&acme.account.id, &again, app.now()).await.unwrap();
    let new = store.issues(Some(&acme.account.id)).await.unwrap().remove(0);
    assert!(new.id.as_str() != id && new.acknowledged.is_none() && new.muted.is_none());
    store.close_issue(&new, app.now()).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn what_support_sets_leads_support_to_the_form_and_everybody_else_to_support() {
    let app = with_public_url("http://localhost:8080").await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "no-such-stage" });
    let acme = app.dealer("acme", Preset::Deals, "deals", settings).await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    for (account, role, href, label) in [
        (Some("acme"), "manager", "/help/codes/stage.missing", "How to reach support"),
        (None, "support", "/accounts/acme/transformation/deals@1", "Choose another in the settings"),
    ] {
        let browser = looks(&signed_in(&app, account, role).await);
        let page = browser.get(&app, "/accounts/acme/issues").await;
        assert!(text(&page).contains("Ask support to choose another stage"), "{}", text(&page));
        assert!(text(&page).contains(&format!("href=\"{href}\">{label}</a>")), "{role}: {}", text(&page));
        assert_eq!(browser.get(&app, href).await.status, 200, "{role}");
    }
    app.finish().await;
}

#[tokio::test]
async fn leads_over_time_show_when_an_issue_began_and_what_was_changed_before() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let page = async || text(&viewer.get(&app, "/accounts/acme/issues").await).to_owned();
    let picture = "aria-label=\"Leads over time\"";
    app.send_lead(&acme, "zoe").await;
    app.run_until_idle().await;
    assert!(!page().await.contains(picture), "nothing stands in the way");

    let operator = Asker::operator();
    app.advance(HOUR);
    operator.post(&app, &format!("/v1/connections/{}/pause", acme.connection.id), json!({})).await;
    app.advance(HOUR);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let began = "<td>Issue: The connection is paused</td>";
    let seen = page().await;
    for words in [picture, "the leads in the last 24 hours", "<td>paused</td>", began, "href=\"#iss_"] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    app.advance(HOUR * 24);
    let seen = page().await;
    for words in ["the leads in the last 7 days", "Issue: The connection is paused"] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    let all = looks(&signed_in(&app, None, "operator").await).get(&app, "/issues").await;
    assert!(!text(&all).contains(picture), "Fleet shows all accounts: {}", text(&all));

    let id = operator.get(&app, "/v1/issues?account=acme").await.body["data"][0]["id"].as_str().unwrap().to_owned();
    operator.post(&app, &format!("/v1/issues/{id}/mute"), json!({})).await;
    assert!(!page().await.contains(picture), "nobody is told of it");
    app.finish().await;
}
