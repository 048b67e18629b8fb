//! An author's samples go up with a version, stay with it, and judge it.

use leadline::samples::SAMPLES_MAX;
use leadline::stock;
use serde_json::{Value, json};

use crate::cli::example;
use crate::guests::guest;
use crate::support::TestApp;

/// The files of a case of `examples/`, under another name.
fn files(case: &str, name: &str) -> Vec<(String, Vec<u8>)> {
    let file = |file: &str| (format!("{name}/{file}"), std::fs::read(example(&format!("{case}/{file}"))).unwrap());
    ["event.json", "settings.json", "expected.json"].map(file).into()
}

/// The same, whose author expects another first name.
fn mistaken(case: &str, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = files(case, name);
    let expected = String::from_utf8(files[2].1.clone()).unwrap().replace("\"value\": \"Maya\"", "\"value\": \"Mia\"");
    files[2].1 = expected.into_bytes();
    files
}

async fn upload(app: &TestApp, name: &str, component: Option<&[u8]>, files: Vec<(String, Vec<u8>)>) -> (u16, Value) {
    let part = |bytes: Vec<u8>| reqwest::multipart::Part::bytes(bytes).file_name("file");
    let mut form = reqwest::multipart::Form::new().percent_encode_noop();
    for (path, bytes) in files {
        form = form.part(format!("examples/{path}"), part(bytes));
    }
    if let Some(component) = component {
        form = form.part("component", part(component.to_vec()));
    }
    let url = format!("{}/v1/versions?account=acme&name={name}", app.address);
    let answer = app.operator().post(url).multipart(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_version_is_judged_by_the_samples_that_came_with_it() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let sent = [files("plain-lead", "right"), mistaken("plain-lead", "wrong")].concat();
    let (status, made) = upload(&app, "own", Some(stock::DEFAULT), sent.clone()).await;
    assert_eq!(status, 201, "{made}");
    let figures = &made["data"]["figures"];
    assert_eq!((&figures["samples"], figures["runs"].as_array().unwrap().len()), (&json!("own"), 2));
    let difference = json!([{"action": "contact", "part": "firstname", "before": "Mia", "after": "Maya"}]);
    assert_eq!((&figures["runs"][0]["differences"], &figures["runs"][1]["differences"]), (&Value::Null, &difference));

    let (code, shown) = app.command(&["transform", "show", "own@1", "--account", "acme"]).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("  tried on    2 samples that came with it, 1 green; at most "), "{shown}");
    let red = "  red         wrong: it answers otherwise than expected\n              contact\n                - firstname                Mia\n                + firstname                Maya\n";
    assert!(shown.contains(red), "{shown}");
    let (code, gates) = app.command(&["transform", "gates", "own@1", "--account", "acme"]).await;
    let closed = "CLOSED  examples     it fails, or answers otherwise than expected, on wrong, which came with it\n";
    assert!(code == 3 && gates.contains(closed), "{gates}");

    // They stay as they came, whatever is sent with the same bytes later.
    let id = leadline::model::id::VersionId::stored(made["data"]["id"].as_str().unwrap().to_owned());
    let kept = app.app.store.samples(&id).await.unwrap();
    let names: Vec<_> = kept.iter().map(|sample| sample.name.as_str()).collect();
    assert_eq!((names, kept[1].body.as_slice()), (vec!["right", "wrong"], sent[3].1.as_slice()));
    assert!(kept.iter().all(|sample| sample.expected.is_some() && sample.settings["country"] == "US"), "{kept:?}");
    let (status, again) = upload(&app, "own", Some(stock::DEFAULT), files("plain-lead", "right")).await;
    assert_eq!((status, &again["data"]["figures"]), (200, figures));
    assert_eq!(app.app.store.samples(&id).await.unwrap().len(), 2);

    // Green ones open the gate, also where the samples of Leadline would not.
    let (status, green) = upload(&app, "good", Some(stock::DEFAULT), files("plain-lead", "right")).await;
    assert_eq!(status, 201, "{green}");
    let (_, gates) = app.command(&["transform", "gates", "good@1", "--account", "acme"]).await;
    assert!(gates.contains("open    examples     it answers the 1 that came with it as they expect\n"), "{gates}");
    // Without any, those of Leadline count.
    app.upload(dealer.account.id.as_str(), "trap", &guest("trap")).await;
    let (_, gates) = app.command(&["transform", "gates", "trap@1", "--account", "acme"]).await;
    assert!(gates.contains("CLOSED  examples     it fails on ") && !gates.contains("came with it"), "{gates}");
    app.finish().await;
}

#[tokio::test]
async fn samples_that_cannot_be_read_are_told_and_nothing_is_remembered_of_the_component() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let event = &files("plain-lead", "a")[0].1;
    let many: Vec<_> = (0..=SAMPLES_MAX).map(|number| (format!("s{number}/event.json"), event.clone())).collect();
    let large =
        json!({"type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": {"text": " ".repeat(300_000)}});
    let component = Some(stock::DEFAULT);
    for (component, files, status, sentence) in [
        (component, many, 422, "there are more than 50 samples"),
        (component, vec![("a/settings.json".to_owned(), b"{}".to_vec())], 422, "the sample `a` has no event.json"),
        (
            component,
            vec![("a/event.json".to_owned(), b"{}".to_vec())],
            422,
            "the sample `a` has an event.json that is no event: ",
        ),
        (
            component,
            vec![("a/event.json".to_owned(), large.to_string().into_bytes())],
            422,
            "the sample `a` has an event.json of 300",
        ),
        (
            component,
            vec![("a/event.json".to_owned(), vec![b' '; 3 << 20])],
            422,
            "the samples have more than 2048 KiB together",
        ),
        (component, vec![("a/portal.json".to_owned(), b"{}".to_vec())], 422, "`a/portal.json` is no file of a sample"),
        (None, files("plain-lead", "a"), 400, "the form cannot be read: it has no part `component`"),
    ] {
        let (found, problem) = upload(&app, "own", component, files).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(found == status && detail.starts_with(sentence), "{found} {problem}, instead of {sentence}");
        assert_eq!(problem["code"], if status == 422 { "upload.sample" } else { "bad_request" });
    }
    let (status, made) = upload(&app, "own", component, files("plain-lead", "a")).await;
    assert_eq!(status, 201, "{made}");
    app.finish().await;
}

/// A folder with a component, and one sample that its author is wrong about.
fn crate_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in [files("plain-lead", "right"), mistaken("plain-lead", "wrong")].concat() {
        let path = folder.path().join("examples").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    // What else an author keeps there is nobody's business.
    std::fs::write(folder.path().join("examples/right/notes.txt"), "to do").unwrap();
    std::fs::create_dir(folder.path().join("examples/empty")).unwrap();
    std::fs::write(folder.path().join("own.wasm"), stock::DEFAULT).unwrap();
    folder
}

#[tokio::test]
async fn the_examples_of_a_crate_go_up_with_its_component() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let folder = crate_folder();
    let (path, file) = (folder.path().to_str().unwrap(), folder.path().join("own.wasm"));
    let (file, token) = (file.to_str().unwrap(), app.data().parent().unwrap().join("api-token"));
    let words = ["guest", "publish", file, "--dir", path, "--account", "acme", "--server", &app.address];
    let (code, said) = app.command(&[&words[..], &["--api-token-file", token.to_str().unwrap()]].concat()).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("default@1 is a draft\n"), "{said}");
    assert!(said.contains("2 samples that came with it, 1 green") && said.contains("red         wrong: "), "{said}");
    assert!(
        said.contains("- firstname                Mia") && said.contains("+ firstname                Maya"),
        "{said}"
    );

    let examples = folder.path().join("examples");
    let words = ["transform", "upload", file, "--account", "acme", "--name", "typed", "--examples"];
    let (code, typed) = app.command(&[&words[..], &[examples.to_str().unwrap()]].concat()).await;
    assert!(code == 0 && typed.contains("2 samples that came with it, 1 green"), "{typed}");
    let (code, _) = app.command(&[&words[..], &[examples.join("empty").to_str().unwrap()]].concat()).await;
    assert_eq!(code, 2, "a folder without samples is a mistake");
    app.finish().await;
}
