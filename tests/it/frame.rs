//! The dashboard in a frame of another product: who may frame which page, the theme that the product asks for, and the way
//! to HubSpot's consent, which no frame may show. And what somebody chose of its looks elsewhere.

use serde_json::json;

use crate::access::{Asker, Reply, browser, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::TestApp;

/// A product that shows the dashboard in a frame.
const PRODUCT: &str = "https://app.example.com";

async fn framing() -> TestApp {
    TestApp::start_with(|config, _, _| {
        // Nobody gets as far as HubSpot here; it is enough to be an app there.
        let secret = config.data.parent().unwrap().join("client-secret");
        std::fs::write(&secret, "client-secret\n").unwrap();
        config.hubspot_client_id = Some("client-1".to_owned());
        config.hubspot_client_secret_file = Some(secret);
        config.public_url = Some("https://leads.example.com".to_owned());
        config.frame_ancestors = vec![PRODUCT.to_owned()];
    })
    .await
}

/// What the frame's address was answered with, which signs it in.
async fn entered(app: &TestApp, role: &str, query: &str) -> Reply {
    let asked = json!({ "account": "acme", "name": "maya", "role": role, "embedded": true });
    let made = Asker::operator().post(app, "/v1/sign-in-links", asked).await;
    let link = made.body["data"]["link"].as_str().unwrap().rsplit_once('/').unwrap().1;
    Asker::default().get(app, &format!("/sign-in/{link}{query}")).await
}

/// Which pages may show an answer in a frame.
fn framed_by(reply: &Reply) -> &str {
    let policy = reply.header("content-security-policy");
    policy.split("; ").find_map(|part| part.strip_prefix("frame-ancestors ")).unwrap()
}

fn cookies(reply: &Reply) -> Vec<&str> {
    reply.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_frame_shows_its_pages_and_what_went_wrong_and_nobody_elses() {
    let app = framing().await;
    app.connected("acme").await;
    let frame = looks(&browser(&entered(&app, "manager", "").await)).with("sec-fetch-dest", "iframe");
    let page = frame.get(&app, "/accounts/acme").await;
    assert_eq!((page.status, framed_by(&page)), (200, PRODUCT));
    assert!(text(&page).contains(&format!("data-frame=\"{PRODUCT}\"")), "it tells nobody else its height");
    let problem = frame.get(&app, "/accounts/acme/logs/nothing").await;
    assert_eq!((problem.status, framed_by(&problem)), (404, PRODUCT));

    let over = looks(&Asker::default()).with("sec-fetch-dest", "iframe");
    let sent = over.get(&app, "/accounts/acme").await;
    assert_eq!((sent.status, sent.header("location")), (303, "/sign-in?to=%2Faccounts%2Facme"));
    let words = over.get(&app, sent.header("location")).await;
    assert_eq!((words.status, framed_by(&words)), (200, PRODUCT));
    assert!(text(&words).contains("Load the whole page again."), "{}", text(&words));
    let used = over.get(&app, "/sign-in/nonsense").await;
    assert_eq!((used.status, framed_by(&used)), (410, PRODUCT));

    let alone = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = alone.get(&app, "/accounts/acme").await;
    assert_eq!((page.status, framed_by(&page)), (200, "'none'"), "a session of a window is in no frame");
    assert!(!text(&page).contains("data-frame"));
    app.finish().await;

    let app = with_public_url("https://leads.example.com").await;
    let words = looks(&Asker::default()).get(&app, "/sign-in").await;
    assert_eq!(framed_by(&words), "'none'", "nobody is allowed a frame");
    app.finish().await;
}

#[tokio::test]
async fn consent_is_asked_for_outside_of_the_frame() {
    let app = framing().await;
    app.account("acme").await;
    let frame = looks(&browser(&entered(&app, "manager", "").await));
    let asked = submit(&app, &frame, "/accounts/acme/connectors/connect", &[]).await;
    assert_eq!(asked.status, 200, "{}", text(&asked));
    assert!(text(&asked).contains("I have connected: look again"), "{}", text(&asked));
    let link = text(&asked).split("href=\"").find(|part| part.contains("data-consent")).unwrap();
    assert!(link.contains("target=\"_blank\""), "{link}");
    let window = link.split('"').next().unwrap();

    // The window has no session of the frame.
    let page = Asker::default().with("sec-fetch-dest", "document").get(&app, window).await;
    assert_eq!(page.status, 200, "{}", text(&page));
    assert!(!text(&page).contains("target=\"_blank\""));
    let framed = Asker::default().with("sec-fetch-dest", "iframe").get(&app, window).await;
    assert!(text(&framed).contains("<form method=\"post\" target=\"_blank\""), "{}", text(&framed));

    let alone = looks(&signed_in(&app, Some("acme"), "manager").await);
    let asked = submit(&app, &alone, "/accounts/acme/connectors/connect", &[]).await;
    assert_eq!(asked.status, 303);
    app.finish().await;
}

#[tokio::test]
async fn a_frame_looks_as_its_product_asks_for_as_long_as_its_session() {
    let app = framing().await;
    app.connected("acme").await;
    let dark = entered(&app, "viewer", "?theme=dark").await;
    let life = "Path=/; Max-Age=43200; HttpOnly; SameSite=None; Partitioned; Secure";
    assert_eq!(cookies(&dark)[1..], [format!("leadline_theme=dark; {life}")]);
    assert_eq!(cookies(&entered(&app, "viewer", "?theme=purple").await).len(), 1);

    let frame = looks(&browser(&dark));
    let chosen = submit(&app, &frame, "/appearance", &[("keys", "off"), ("back", "/accounts/acme")]).await;
    assert_eq!(cookies(&chosen), [format!("leadline_keys=off; {life}")]);
    let dense = frame.get(&app, "/accounts/acme/logs?density=compact").await;
    assert_eq!(cookies(&dense), [format!("leadline_density=compact; {life}")]);
    let both = frame.with("cookie", &format!("{}; leadline_theme=dark; leadline_keys=off", frame.header("cookie")));
    let page = both.get(&app, "/accounts/acme").await;
    assert!(text(&page).contains("data-theme=\"dark\" data-keys=\"off\""), "{}", text(&page));
    let problem = both.get(&app, "/accounts/acme/logs/nothing").await;
    assert!(text(&problem).contains("data-theme=\"dark\""), "{}", text(&problem));
    app.finish().await;
}

#[tokio::test]
async fn a_theme_goes_back_to_the_systems_and_single_letters_are_turned_off() {
    let app = with_public_url("http://localhost:8080").await;
    app.connected("acme").await;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let page = viewer.get(&app, "/accounts/acme").await;
    assert!(text(&page).contains("<html lang=\"en\">"), "{}", text(&page));
    for (field, value, cookie) in [
        ("theme", "light", "leadline_theme=light; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"),
        ("theme", "system", "leadline_theme=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
        ("keys", "off", "leadline_keys=off; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"),
        ("keys", "on", "leadline_keys=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
    ] {
        let chosen = submit(&app, &viewer, "/appearance", &[(field, value), ("back", "/accounts/acme/logs")]).await;
        assert_eq!((chosen.status, chosen.header("location")), (303, "/accounts/acme/logs"), "{chosen:?}");
        assert_eq!(cookies(&chosen), [cookie]);
    }
    let nonsense = submit(&app, &viewer, "/appearance", &[("theme", "purple"), ("back", "/")]).await;
    assert_eq!(nonsense.status, 400, "{nonsense:?}");
    app.finish().await;
}
