//! The guests of `examples/guests`, one a toolchain: each is built as its README says, and in the engine of the service
//! all of them answer alike. `LEADLINE_TOOLCHAINS=all` makes a missing toolchain a failure; otherwise its guest is left
//! out, and a line on stderr says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use leadline::contract::events::Event;
use leadline::contract::log::Level;
use leadline::payload::{self, Envelope};
use leadline::schema::Settings;
use leadline::transform::{Quota, Transformer};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn folder(guest: &str) -> PathBuf {
    root().join("examples/guests").join(guest)
}

/// All guests share it, so that what they have in common is built once.
pub(crate) fn target() -> PathBuf {
    root().join("target/toolchains")
}

/// Whether the command works here. Where it does not, the guest is left out, and never in silence.
#[expect(clippy::print_stderr, reason = "who runs the tests has to learn what was not tested")]
fn is_there(what: &str, command: &mut Command) -> bool {
    let found = command.output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(std::env::var_os("LEADLINE_TOOLCHAINS").is_none(), "{what} is missing; run `make toolchains`");
        eprintln!("NOT TESTED, because {what} is missing; `make toolchains` installs it");
    }
    found
}

/// Whether the compiler has the standard library of a target.
pub(crate) fn has_target(target: &str) -> bool {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let libraries = libraries.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    is_there(&format!("the target {target}"), Command::new("ls").arg(libraries.unwrap_or_default()))
}

fn event() -> Event {
    let envelope = Envelope::read(&std::fs::read(folder("vip-lead").join("event.json")).unwrap()).unwrap();
    payload::event("vip-lead", &envelope.event_type.clone(), envelope.occurred_at().unwrap(), envelope.data)
}

/// Runs the component twice on the event that all guests share, and gives back the lines of its log.
fn check(file: &Path, quota: Quota) -> Vec<(Level, String)> {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder("vip-lead").join(name)).unwrap()).unwrap()
    };
    let loaded = Transformer::new().unwrap().compile(&std::fs::read(file).unwrap()).unwrap();
    let schema = Settings::compile(&loaded.describe().unwrap().settings_schema).unwrap();
    let settings = schema.complete(read("settings.json")).unwrap().to_string();
    let [first, second] = [(); 2].map(|()| loaded.run_within(quota, &event(), &settings));
    let actions = json!({ "actions": first.actions.unwrap() });
    assert_eq!(actions, read("expected.json"));
    assert_eq!(actions, json!({ "actions": second.actions.unwrap() }));
    assert_eq!((first.fuel, first.memory_bytes, &first.logs), (second.fuel, second.memory_bytes, &second.logs));
    first.logs
}

/// Builds a guest in its own folder.
pub(crate) fn build(folder: &Path, command: &[&str]) {
    let mut build = Command::new(command[0]);
    build.args(&command[1..]).arg("--target-dir").arg(target()).current_dir(folder);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{folder:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a guest says that prints. It knows the time only from the clock, which stands at the event's.
fn printed() -> Vec<(Level, String)> {
    vec![(Level::Info, "to be called back by 2026-11-23 08:45 UTC".to_owned())]
}

#[test]
fn a_guest_of_plain_cargo_runs() {
    if has_target("wasm32-unknown-unknown") {
        build(&folder("rust-plain"), &["cargo", "build", "--release"]);
        let logs = check(&target().join("wasm32-unknown-unknown/release/callback_plain.wasm"), Quota::STANDARD);
        assert_eq!(logs, []);
    }
}

#[test]
fn a_guest_for_wasip2_runs() {
    if has_target("wasm32-wasip2") {
        build(&folder("rust-wasip2"), &["cargo", "build", "--release"]);
        let logs = check(&target().join("wasm32-wasip2/release/callback_wasip2.wasm"), Quota::STANDARD);
        assert_eq!(logs, printed());
    }
}

#[test]
fn a_guest_of_cargo_component_runs() {
    if has_target("wasm32-wasip1")
        && is_there("cargo-component", Command::new("cargo").args(["component", "--version"]))
    {
        build(&folder("cargo-component"), &["cargo", "component", "build", "--release"]);
        let logs = check(&target().join("wasm32-wasip1/release/callback_component.wasm"), Quota::STANDARD);
        assert_eq!(logs, printed());
    }
}

#[test]
#[ignore = "fetches 386 MB of packages and compiles 12 MB of machine code; `make toolchains` runs it"]
fn a_guest_in_javascript_runs() {
    if is_there("npm", Command::new("npm").arg("--version")) {
        // In a copy, because the packages would lie among the sources.
        let copy = target().join("javascript");
        std::fs::create_dir_all(copy.join("src")).unwrap();
        for file in ["package.json", "package-lock.json", "build.js", "src/callback.js"] {
            std::fs::copy(folder("javascript").join(file), copy.join(file)).unwrap();
        }
        let run = |command: &mut Command| {
            let output = command.current_dir(&copy).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]));
        run(Command::new("npm").args(["run", "build"]).env("CONTRACT", root().join("wit/1.0.0")));
        assert_eq!(check(&copy.join("callback.wasm"), Quota::JAVASCRIPT), []);
    }
}
