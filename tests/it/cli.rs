//! The command line: what it prints, and how it ends.

use clap::Parser as _;
use leadline::cli::{self, Cli};
use serde_json::Value;

/// Runs a command as the binary does, on a thread without a runtime of its own.
pub(crate) fn leadline(folder: &std::path::Path, args: &[&str]) -> (u8, String) {
    let (compiler, compiled) = (crate::support::compiler(), crate::support::compiled());
    let program = ["leadline", "--data", folder.to_str().unwrap(), "--compiler", compiler.to_str().unwrap()];
    let words = [&program[..], &["--compiled", compiled.to_str().unwrap()], args].concat();
    let cli = Cli::try_parse_from(words).unwrap();
    let mut out = Vec::new();
    let code = cli::run(cli, &mut out);
    // An exit code cannot be looked at, but it can be compared.
    let code = (0..=255).find(|number| std::process::ExitCode::from(*number) == code).unwrap();
    (code, String::from_utf8(out).unwrap())
}

pub(crate) fn json(folder: &std::path::Path, args: &[&str]) -> Value {
    let (code, text) = leadline(folder, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn example(path: &str) -> String {
    format!("{}/../examples/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_demo_ends_well_and_says_what_became_of_each_lead() {
    let folder = tempfile::tempdir().unwrap();
    let shown = json(folder.path(), &["demo", "--once"]);
    let leads = shown["leads"].as_array().unwrap();
    assert!(leads.len() >= 16);
    let find = |outcome: &str, account: &str| {
        leads.iter().filter(|lead| lead["outcome"] == outcome && lead["account"] == account).count()
    };
    assert!(
        find("created", "Ocean Honda") > 5
            && find("created", "Northside Toyota") >= 2
            && find("updated", "Ocean Honda") >= 2
            && find("skipped", "Ocean Honda") >= 2
    );
    for lead in leads {
        let keys: Vec<_> = lead.as_object().unwrap().keys().map(String::as_str).collect();
        for key in ["event", "account", "type", "state", "outcome", "contact", "note", "deal", "dropped", "millis"] {
            assert!(keys.contains(&key), "{key} is missing in {lead}");
        }
        assert_eq!(lead["contact"].is_object(), lead["state"] == "delivered", "{lead}");
    }
    let deal = leads.iter().find(|lead| lead["deal"].is_object()).unwrap();
    assert_eq!(
        (&deal["deal"]["pipeline"], &deal["deal"]["stage"]),
        (&Value::from("new-vehicles"), &Value::from("new-lead"))
    );
}

#[test]
fn the_demo_prints_a_table_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = leadline(folder.path(), &["demo", "--once"]);
    assert_eq!(code, 0, "{text}");
    for words in ["Maya Lind", "contact created", "contact updated", "in new-vehicles / new-lead", "skipped: ", " ms"] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
}

#[test]
fn accounts_and_sources_are_made_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let account = json(folder, &["account", "create", "Ocean Honda"]);
    assert_eq!(account["data"]["slug"], "ocean-honda");
    assert_eq!(leadline(folder, &["account", "create", "Ocean Honda"]).0, 6, "a slug is taken once");
    assert_eq!(leadline(folder, &["account", "create", "???"]).0, 2);
    assert_eq!(leadline(folder, &["account", "show", "nobody"]).0, 5);

    let source = json(folder, &["source", "create", "--account", "ocean-honda", "--schema", "lead.captured.v1=reject"]);
    let (id, secret) = (source["data"]["id"].as_str().unwrap(), source["data"]["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_"));
    let rotated = json(folder, &["source", "rotate", id]);
    assert_ne!(rotated["data"]["secret"], secret);
    assert_eq!(leadline(folder, &["source", "rotate", "src_nobody"]).0, 5);
    assert_eq!(leadline(folder, &["source", "create", "--account", "ocean-honda", "--tolerance", "5"]).0, 2);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let hubspot = runtime.block_on(hubspot_sim::Simulator::start(hubspot_sim::Options::default())).unwrap();
    let portal = hubspot.add_portal(hubspot_sim::Preset::Ready, "Ocean Honda");
    let token = folder.join("token");
    std::fs::write(&token, format!("{}\n", portal.access_token)).unwrap();
    let settings = folder.join("settings.json");
    std::fs::write(&settings, r#"{"country":"US"}"#).unwrap();
    let (url, token_file) = (hubspot.base_url(), token.to_str().unwrap().to_owned());
    let connect = |more: &[&str]| {
        let args =
            ["connection", "connect", "--hubspot-url", &url, "--account", "ocean-honda", "--token-file", &token_file];
        leadline(folder, &[&args[..], more].concat())
    };
    assert_eq!(connect(&["--transformation", "nonsense"]).0, 5);
    assert_eq!(
        connect(&["--transformation", "deals", "--settings", settings.to_str().unwrap()]).0,
        3,
        "deals need a pipeline"
    );
    assert_eq!(connect(&["--settings", settings.to_str().unwrap()]).0, 0);

    let shown = json(folder, &["account", "show", "ocean-honda"]);
    assert_eq!(
        (&shown["data"]["connections"][0]["portal_id"], &shown["data"]["transformations"][0]["version"]),
        (&Value::from(portal.id), &Value::from("default@1"))
    );
    assert_eq!(shown["data"]["transformations"][0]["settings"]["country"], "US");
    assert_eq!(json(folder, &["account", "list"])["data"].as_array().unwrap().len(), 1);
    assert_eq!(json(folder, &["source", "list", "--account", "ocean-honda"])["data"][0]["id"], id);
    assert_eq!(json(folder, &["event", "list"])["data"], Value::Array(vec![]));
    assert_eq!(leadline(folder, &["event", "show", "evt_0000"]).0, 5);
    assert_eq!(leadline(folder, &["event", "show", "nonsense"]).0, 2);
    assert_eq!(
        leadline(
            folder,
            &[
                "event",
                "send",
                &example("plain-lead/event.json"),
                "--source",
                id,
                "--sign",
                "--url",
                "http://127.0.0.1:9"
            ]
        )
        .0,
        7
    );

    let without_scheme =
        ["event", "send", &example("plain-lead/event.json"), "--source", id, "--sign", "--url", "127.0.0.1:9"];
    assert_eq!(leadline(folder, &without_scheme).0, 2);

    // Neither token nor secret lies anywhere in clear, and the keys are for their owner only.
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The database's side files come and go.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(path == token || !holds(&portal.access_token), "{} holds the token", path.display());
        assert!(!holds(secret), "{} holds the signing secret", path.display());
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder.join("keys")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_transformation_runs_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let guest = |name: &str| {
        let path = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, crate::guests::guest(name)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let event = example("plain-lead/event.json");
    let default = folder.path().join("default.wasm");
    std::fs::write(&default, leadline::stock::DEFAULT).unwrap();
    let default = default.to_str().unwrap();

    let run = json(
        folder.path(),
        &["guest", "run", default, "--input", &event, "--settings", &example("plain-lead/settings.json")],
    );
    assert_eq!(
        (&run["data"]["outcome"], run["data"]["actions"].as_array().unwrap().len()),
        (&Value::from("planned"), 2)
    );
    assert!(run["data"]["fuel"].as_u64().unwrap() > 0 && run["data"]["memory_bytes"].as_u64().unwrap() > 0);
    let (code, text) = leadline(folder.path(), &["guest", "run", default, "--input", &event]);
    assert!(code == 0 && text.contains("contact by email = maya.lind@example.com") && text.contains("fuel "), "{text}");

    for (name, code) in [("spin", 8), ("hoard", 8), ("trap", 1), ("refuse", 3), ("honest", 0)] {
        assert_eq!(leadline(folder.path(), &["guest", "run", &guest(name), "--input", &event]).0, code, "{name}");
    }
    assert_eq!(leadline(folder.path(), &["guest", "run", &event, "--input", &event]).0, 3, "an event is no component");
    assert_eq!(leadline(folder.path(), &["guest", "run", default, "--input", default]).0, 2, "a component is no event");

    let component = folder.path().join("component.wasm");
    let component = component.to_str().unwrap();
    assert_eq!(leadline(folder.path(), &["transform", "component", default, "--output", component]).0, 0);
    let again = json(
        folder.path(),
        &["guest", "run", component, "--input", &event, "--settings", &example("plain-lead/settings.json")],
    );
    assert_eq!(again["data"]["actions"], run["data"]["actions"]);
}
