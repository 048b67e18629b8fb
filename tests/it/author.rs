//! The author's loop: a new crate builds, is checked, tested, measured, explained and published.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use clap::CommandFactory as _;
use leadline::cli::Cli;
use leadline::stock;
use serde_json::{Value, json};

use crate::cli::{example, json, leadline};
use crate::probe::of_unknown_type;

/// A crate folder with the stock component's settings and one example, without sources: what `--dir` points at.
fn folder_with_example(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("examples").join(name);
    std::fs::create_dir_all(&into).unwrap();
    for file in ["event.json", "settings.json", "expected.json"] {
        std::fs::copy(example(&format!("{name}/{file}")), into.join(file)).unwrap();
    }
    std::fs::write(folder.path().join("default.wasm"), stock::DEFAULT).unwrap();
    folder
}

/// A command on the component and the examples of a folder.
fn words<'a>(command: &'a str, component: &'a Path, folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["guest", command, component.to_str().unwrap(), "--dir", folder.to_str().unwrap()];
    [&words[..], more].concat()
}

#[test]
fn the_help_tells_the_loop_in_its_order() {
    let cli = Cli::command();
    let guest = cli.get_subcommands().find(|command| command.get_name() == "guest").unwrap();
    let line = |command: &clap::Command| format!("{}: {}\n", command.get_name(), command.get_about().unwrap());
    let expected = "\
new: Make a crate that builds, with examples
build: Build the component of a crate, and say what is in it
check: Say what a service would say at an upload
test: Compare what the component answers with what the examples expect
run: Run the component on one event: its actions, log, fuel, memory and time
replay: Run a recorded event again in this build, with the settings that it had, and say what differs from what happened
bench: Measure what the component uses of each limit, with its examples and with the largest lead there can be
explain: Say what a code means, or where the fuel of a run goes and what a service would do with its outcome
schema: Print the schema of the settings
dev: Build, check and test at every save. Ends with Ctrl-C
publish: Upload the component as a draft, which nothing uses before somebody enables it
";
    assert_eq!(guest.get_subcommands().map(line).collect::<String>(), expected);
}

#[test]
fn a_new_crate_of_each_template_builds_and_passes_its_check_and_its_examples() {
    let libraries =
        Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]).output();
    let libraries = String::from_utf8(libraries.unwrap().stdout).unwrap();
    if !Path::new(libraries.trim()).exists() {
        return; // The machine has no such target, as `make guests` allows; the stock components are checked in for it.
    }
    // Crates of one folder share what they build, also with the next run of this test.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest-crates");
    std::fs::create_dir_all(folder.join(".cargo")).unwrap();
    let shared = folder.join("target");
    std::fs::write(
        folder.join(".cargo/config.toml"),
        format!("[build]\ntarget-dir = \"{}\"\n[net]\noffline = true\n", shared.display()),
    )
    .unwrap();
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    for (template, events) in [("contact", 2), ("deal", 3)] {
        let made = folder.join(format!("acme-{template}"));
        if made.exists() {
            std::fs::remove_dir_all(&made).unwrap();
        }
        let path = made.to_str().unwrap();
        assert_eq!(leadline(data, &["guest", "new", path, "--template", template]).0, 0);
        assert_eq!(leadline(data, &["guest", "new", path]).0, 6, "what is there stays as it is");

        let built = json(data, &["guest", "build", "--dir", path]);
        assert_eq!(built["data"]["name"], format!("acme-{template}"));
        assert_eq!(built["data"]["warnings"], json!([]), "{built}");
        let toolchain = built["data"]["toolchain"].to_string();
        assert!(toolchain.contains("rustc 1.") && toolchain.contains("wit-bindgen"), "{toolchain}");
        assert!(built["data"]["imports"].to_string().contains("leadline:transform/log@1.0.0"));
        assert!(built["data"]["bytes"].as_u64().unwrap() < 120_000, "{built}");

        let file = built["data"]["file"].as_str().unwrap();
        assert_eq!(json(data, &["guest", "check", file])["data"]["hash"], built["data"]["hash"]);

        let tested = json(data, &["guest", "test", "--dir", path]);
        let states: Vec<_> =
            tested["data"].as_array().unwrap().iter().map(|one| (&one["example"], &one["state"])).collect();
        assert_eq!(json!(states), json!([["full-lead", "passed"], ["no-email", "passed"], ["refusal", "passed"]]));
        let full = made.join("examples/full-lead");
        let expected: Value = serde_json::from_slice(&std::fs::read(full.join("expected.json")).unwrap()).unwrap();
        assert_eq!(expected["run"]["actions"].as_array().unwrap().len(), events);
    }
}

#[test]
fn a_difference_is_shown_by_property_and_can_be_taken_over() {
    let folder = folder_with_example("plain-lead");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    let junit = data.join("junit.xml");
    let test = |more: &[&str]| leadline(data, &words("test", &component, data, more));
    let (code, text) = test(&[]);
    assert!(code == 0 && text.contains("1 passed, 0 failed"), "{text}");

    let file = data.join("examples/plain-lead/expected.json");
    let expected = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, expected.replace("\"value\": \"Maya\"", "\"value\": \"Mia\"")).unwrap();
    let (code, text) = test(&["--junit", junit.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(text.starts_with("FAILED   plain-lead"), "{text}");
    assert!(
        text.contains("  contact\n    - firstname                Mia\n    + firstname                Maya\n"),
        "{text}"
    );
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"1\" failures=\"1\"") && xml.contains("+ firstname                Maya"), "{xml}");
    let (code, text) = test(&["--json"]);
    let changes = serde_json::from_str::<Value>(&text).unwrap()["data"][0]["changes"].clone();
    assert_eq!(
        (code, changes),
        (3, json!([{"action": "contact", "part": "firstname", "before": "Mia", "after": "Maya"}]))
    );

    assert_eq!(test(&["--update"]).0, 0);
    assert_eq!(test(&[]).0, 0);
    let [before, after] =
        [expected, std::fs::read_to_string(&file).unwrap()].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(before, after, "the other members are kept");
}

#[test]
fn an_example_without_an_answer_fails_until_it_is_taken_over() {
    let folder = folder_with_example("no-identity");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    std::fs::remove_file(data.join("examples/no-identity/expected.json")).unwrap();
    assert_eq!(leadline(data, &words("test", &component, data, &[])).0, 3);
    assert_eq!(leadline(data, &words("test", &component, data, &["--update"])).0, 0);
    assert_eq!(leadline(data, &words("test", &component, data, &[])).0, 0);
    let spins = data.join("spin.wasm");
    std::fs::write(&spins, crate::guests::guest("spin")).unwrap();
    assert_eq!(leadline(data, &words("test", &spins, data, &["--update"])).0, 3, "nobody expects a failure");
    assert_eq!(leadline(data, &words("test", &component, data, &[])).0, 0, "and it is not written down");
}

#[test]
fn what_a_component_uses_is_measured_with_the_largest_lead_too() {
    let folder = folder_with_example("plain-lead");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    let bench = || json(data, &words("bench", &component, data, &[]))["data"].clone();
    let [once, again] = [bench(), bench()];
    let (plain, largest) = (&once[0], &once[1]);
    assert_eq!((&plain["case"], &largest["case"]), (&json!("plain-lead"), &json!("(largest lead)")));
    for measure in ["fuel", "memory_bytes", "output_bytes", "log_bytes"] {
        assert_eq!(once[1][measure], again[1][measure], "{measure} is the same each time");
    }
    let used = |case: &Value, measure: &str| case[measure]["used"].as_u64().unwrap();
    assert!(used(largest, "fuel") > 10 * used(plain, "fuel"), "{once}");
    assert!(used(plain, "output_bytes") > 500 && largest["micros_p95"].as_u64() >= largest["micros_median"].as_u64());
}

#[test]
fn a_run_is_explained_by_the_functions_that_its_fuel_went_to() {
    let folder = folder_with_example("plain-lead");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    let explain = |more: &[&str]| {
        let words = ["guest", "explain", "--file", component.to_str().unwrap(), "--dir", data.to_str().unwrap()];
        leadline(data, &[&words[..], more].concat())
    };
    let [once, again] = [explain(&["--json"]), explain(&["--json"])];
    assert_eq!(once, again, "a profile of exact repeats is exact");
    let explained = serde_json::from_str::<Value>(&once.1).unwrap()["data"].clone();
    let functions = explained["functions"].as_array().unwrap();
    assert!(functions.iter().any(|spot| spot["function"].as_str().unwrap().starts_with("guest_sdk::")), "{explained}");
    let own: f64 = functions.iter().map(|spot| spot["own"].as_f64().unwrap()).sum();
    assert!(own > 50.0 && own < 100.1, "the functions shown carry most of the fuel: {own} %");
    let fuel = &explained["limits"][0];
    assert_eq!(fuel["used"].as_u64().unwrap() + fuel["left"].as_u64().unwrap(), fuel["of"].as_u64().unwrap());
    assert!(explained["then"].as_str().unwrap().contains("plan"));
    assert_eq!(explain(&["--example", "nobody"]).0, 5);
    let (code, text) = explain(&["--largest"]);
    assert!(code == 0 && text.starts_with("(largest lead): contact, note"), "{text}");

    let (code, text) = leadline(data, &["guest", "explain", "transform.fuel"]);
    assert!(code == 0 && text.contains("The transformation used up its fuel."), "{text}");
    assert_eq!(leadline(data, &["guest", "explain", "transform.magic"]).0, 5);
}

#[test]
fn a_file_that_a_service_would_refuse_is_refused_with_the_same_words() {
    let folder = folder_with_example("plain-lead");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    let (code, text) = leadline(data, &["guest", "check", component.to_str().unwrap()]);
    assert!(code == 0 && text.contains("imports     leadline:transform/log@1.0.0"), "{text}");
    assert!(text.ends_with("a service would take it\n"), "{text}");
    assert_eq!(leadline(data, &["guest", "check", &example("plain-lead/event.json")]).0, 3);
    assert_eq!(leadline(data, &["guest", "check", "--dir", data.to_str().unwrap()]).0, 2, "there is no crate to build");
    let schema = json(data, &["guest", "schema", component.to_str().unwrap()]);
    assert_eq!(schema["data"]["properties"]["country"]["type"], "string");
    let eager = data.join("eager.wasm");
    std::fs::write(&eager, of_unknown_type()).unwrap();
    assert_eq!(
        leadline(data, &["guest", "check", eager.to_str().unwrap()]).0,
        3,
        "it names an event that is not there"
    );
}

/// What a service was sent.
type Seen = Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>;

/// Stands for a service that takes uploads: it answers one thing, and keeps what it was sent.
async fn service(status: StatusCode, body: Value) -> (String, Seen) {
    let seen = Seen::default();
    let keep = seen.clone();
    let take = move |uri: Uri, headers: HeaderMap, bytes: Bytes| async move {
        keep.lock().unwrap().push((uri, headers, bytes));
        (status, [("retry-after", "30")], body.to_string()).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await.unwrap() });
    (address, seen)
}

#[test]
fn a_component_is_published_as_a_draft() {
    let folder = folder_with_example("plain-lead");
    let (data, component) = (folder.path(), folder.path().join("default.wasm"));
    let token = data.join("token");
    std::fs::write(&token, "author-token-of-these-tests\n").unwrap();
    let publish = |more: &[&str]| {
        let words = ["guest", "publish", component.to_str().unwrap(), "--account", "acme", "--note", "first & best"];
        leadline(data, &[&words[..], more].concat())
    };
    let with_token = ["--api-token-file", token.to_str().unwrap()];
    assert_eq!(publish(&with_token).0, 2, "no address");
    assert_eq!(publish(&["--server", "http://127.0.0.1:9"]).0, 2, "no token");
    assert_eq!(publish(&[&with_token[..], &["--server", "nonsense"]].concat()).0, 2);
    assert_eq!(publish(&[&with_token[..], &["--server", "http://127.0.0.1:9"]].concat()).0, 7);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let version = json!({"data": {"label": "default@3", "id": "tfv_1", "hash": "ab", "warnings": []}});
    let (address, seen) = runtime.block_on(service(StatusCode::CREATED, version));
    let (code, text) = publish(&[&with_token[..], &["--server", &address]].concat());
    let expected = "default@3 is a draft\n  id    tfv_1\n  hash  ab\nnothing uses it before somebody enables it\n";
    assert_eq!((code, text.as_str()), (0, expected));
    let (uri, headers, bytes) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(uri.to_string(), "/v1/versions?account=acme&name=default&note=first+%26+best");
    assert_eq!(headers["content-type"], "application/wasm");
    assert_eq!(headers["authorization"], "Bearer author-token-of-these-tests");
    assert_eq!(bytes, stock::DEFAULT);

    let refusal = json!({"code": "upload.quota", "detail": "ten uploads an hour", "fix": "Wait."});
    let (address, _) = runtime.block_on(service(StatusCode::TOO_MANY_REQUESTS, refusal));
    assert_eq!(publish(&[&with_token[..], &["--server", &address]].concat()).0, 7);
}
