//! The contract over time: what was released never changes, what follows it fits it, and what was built for it runs on.

use std::path::{Path, PathBuf};

use leadline::contract::CONTRACT;
use leadline::digest::sha256_hex;
use leadline::payload::{self, Envelope};
use leadline::schema::Settings;
use leadline::transform::{Stop, Transformer};
use serde_json::{Value, json};
use wit_parser::{PackageId, Resolve, WorldId};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A folder of `wit/`, and whether it was released.
#[derive(Clone, Debug)]
struct Version {
    name: String,
    folder: PathBuf,
    released: bool,
}

/// The versions in a folder such as `wit/`, oldest first. Those that its list names are released; one that is only there
/// is at work still, and may change.
fn versions_in(wit: &Path) -> Vec<Version> {
    let listed = std::fs::read_to_string(wit.join("RELEASED")).unwrap();
    let mut versions: Vec<_> = std::fs::read_dir(wit)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .map(|(name, folder)| Version { released: listed.contains(&format!("  {name}/")), name, folder })
        .collect();
    let numbers = |name: &str| name.split('.').map(|number| number.parse::<u32>().unwrap()).collect::<Vec<_>>();
    versions.sort_by_key(|version| numbers(&version.name));
    versions
}

fn released() -> Vec<Version> {
    versions_in(&root().join("wit")).into_iter().filter(|version| version.released).collect()
}

/// What the list of released files would have to say of the folders that it names.
fn list(wit: &Path) -> String {
    let mut now = String::new();
    for Version { name: version, folder, .. } in versions_in(wit).iter().filter(|version| version.released) {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_str().unwrap();
            now += &format!("{}  {version}/{name}\n", sha256_hex(&std::fs::read(&file).unwrap()));
        }
    }
    now
}

#[test]
fn a_released_contract_never_changes() {
    let wit = root().join("wit");
    assert_eq!(
        list(&wit),
        std::fs::read_to_string(wit.join("RELEASED")).unwrap(),
        "a released contract is frozen: put what is new into a folder of its own, and list it in wit/RELEASED when it is released"
    );
}

/// Why components built for `old` would not run on a host of `new`, or in it; nothing when they would.
fn misfit(old: &str, new: &str) -> Option<String> {
    let mut resolve = Resolve::default();
    let mut world = |name: &str, text: &str| -> WorldId {
        let package: PackageId = resolve.push_str(name, text).unwrap();
        resolve.select_world(&[package], Some("transformation")).unwrap()
    };
    let (old, new) = (world("old.wit", old), world("new.wit", new));
    wit_component::semver_check(resolve, old, new).err().map(|error| format!("{error:#}"))
}

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("transform.wit")).unwrap()
}

/// What is wrong with the versions one after the other, at work or released: each minor has to fit the one before.
fn misfits(versions: &[Version]) -> Vec<String> {
    let major = |version: &Version| version.name.split('.').next().map(str::to_owned);
    let pairs = versions.windows(2).filter(|pair| major(&pair[0]) == major(&pair[1]));
    let misfit = |pair: &[Version]| {
        let (old, new) = (&pair[0], &pair[1]);
        let why = misfit(&text(&old.folder), &text(&new.folder))?;
        Some(format!("{} does not fit {}, so it is a new major: {why}", new.name, old.name))
    };
    pairs.filter_map(misfit).collect()
}

#[test]
fn each_minor_version_fits_the_one_before() {
    let versions = versions_in(&root().join("wit"));
    assert_eq!(misfits(&versions), [""; 0]);
    // The host runs the newest that was released, or one that is at work after it.
    let newest = versions.iter().rposition(|version| version.released).unwrap();
    let known = versions[newest..].iter().any(|version| CONTRACT.ends_with(&format!("@{}", version.name)));
    assert!(known, "the host runs {CONTRACT}; the newest released folder is {}", versions[newest].name);
}

#[test]
fn a_version_that_is_not_released_may_change_but_has_to_fit() {
    let folder = tempfile::tempdir().unwrap();
    let wit = folder.path();
    let released = text(&root().join("wit/1.0.0"));
    let write = |version: &str, text: &str| {
        std::fs::create_dir_all(wit.join(version)).unwrap();
        let text = text.replace("leadline:transform@1.0.0", &format!("leadline:transform@{version}"));
        std::fs::write(wit.join(version).join("transform.wit"), text).unwrap();
    };
    write("1.0.0", &released);
    let frozen = std::fs::read_to_string(root().join("wit/RELEASED")).unwrap();
    let frozen = frozen.lines().filter(|line| line.contains("  1.0.0/")).map(|line| format!("{line}\n"));
    std::fs::write(wit.join("RELEASED"), frozen.collect::<String>()).unwrap();
    let is_frozen = || list(wit) == std::fs::read_to_string(wit.join("RELEASED")).unwrap();

    for more in ["import hint: func() -> string;", "import hint: func() -> string;\n    import again: func();"] {
        write("1.1.0", &released.replacen("import log;", &format!("import log;\n    {more}"), 1));
        assert!(is_frozen(), "what is at work is in no list");
        assert_eq!(misfits(&versions_in(wit)), [""; 0]);
    }
    write("1.1.0", &released.replacen("event-type: string,", "event-type: string,\n        again: bool,", 1));
    let found = misfits(&versions_in(wit));
    assert!(found[0].starts_with("1.1.0 does not fit 1.0.0, so it is a new major: "), "{found:?}");
    // As a new major it may.
    std::fs::rename(wit.join("1.1.0"), wit.join("2.0.0")).unwrap();
    assert_eq!(misfits(&versions_in(wit)), [""; 0]);
    write("1.0.0", &format!("{released}\n"));
    assert!(!is_frozen(), "what was released never changes");
}

#[test]
fn a_change_of_the_contract_is_told_apart() {
    let old = text(&released()[0].folder);
    let next = old.replace("leadline:transform@1.0.0", "leadline:transform@1.1.0");
    let changed = |from: &str, to: &str| {
        assert!(next.contains(from), "{from} is not in the contract");
        next.replacen(from, to, 1)
    };
    let rows = [
        ("nothing but the version", next.clone(), true),
        (
            "another word about something",
            changed("/// The sender's id of the event", "/// What the sender calls it"),
            true,
        ),
        (
            "one more function that the host provides",
            changed("import log;", "import log;\n    import hint: func() -> string;"),
            true,
        ),
        (
            "a field more in a record",
            changed("event-type: string,", "event-type: string,\n        again: bool,"),
            false,
        ),
        ("a field less in a record", changed("event-type: string,", ""), false),
        ("a case more in a variant", changed("lead-captured(lead),", "lead-captured(lead),\n        nothing,"), false),
        (
            "one more function that the guest has to have",
            changed("import log;", "import log;\n    export more: func();"),
            false,
        ),
    ];
    for (what, new, fits) in rows {
        let found = misfit(&old, &new);
        assert_eq!(found.is_none(), fits, "{what}: {found:?}");
    }
}

/// What a stored component answered to an event when its contract was released.
#[derive(serde::Serialize, serde::Deserialize)]
struct Answered {
    component: String,
    example: String,
    event: String,
    settings: Value,
    answer: Value,
    fuel: u64,
}

#[test]
fn components_of_released_contracts_answer_as_they_did() {
    let transformer = Transformer::new().unwrap();
    let mut changed_fuel = Vec::new();
    for Version { name: version, .. } in released() {
        let folder = root().join("tests/guests/released").join(&version);
        let corpus = std::fs::read(folder.join("corpus.json")).unwrap();
        let corpus: Vec<Answered> = serde_json::from_slice(&corpus).unwrap();
        let mut names: Vec<_> = corpus.iter().map(|answered| answered.component.clone()).collect();
        names.dedup();
        for name in names {
            let component = std::fs::read(folder.join(format!("{name}.wasm"))).unwrap();
            let loaded = transformer.compile(&component).unwrap();
            let schema = Settings::compile(&loaded.describe().unwrap().settings_schema).unwrap();
            for answered in corpus.iter().filter(|answered| answered.component == name) {
                let (answer, fuel) = answer(&loaded, &schema, &answered.event, &answered.settings);
                assert_eq!(answer, answered.answer, "{version}, {name}, {}", answered.example);
                if fuel != answered.fuel {
                    changed_fuel.push(format!("{name}, {}: {} before, {fuel} now", answered.example, answered.fuel));
                }
            }
        }
    }
    // Another engine may count otherwise. Somebody looks at it before somebody else reaches a limit.
    assert!(changed_fuel.is_empty(), "the actions are the same, the fuel is not:\n{}", changed_fuel.join("\n"));
}

fn answer(loaded: &leadline::transform::Loaded, schema: &Settings, event: &str, settings: &Value) -> (Value, u64) {
    let envelope = Envelope::read(event.as_bytes()).unwrap();
    let at = envelope.occurred_at().unwrap();
    let event = payload::event("msg_1", &envelope.event_type, at, envelope.data);
    let run = loaded.run(&event, &schema.complete(settings.clone()).unwrap().to_string());
    let answer = match run.actions {
        Ok(actions) => json!({ "actions": actions, "dropped": run.dropped }),
        Err(Stop::Skip(reason)) => json!({ "skip": reason }),
        Err(Stop::Invalid(reason)) => json!({ "invalid": reason }),
        Err(other) => panic!("{other:?}"),
    };
    (answer, run.fuel)
}

/// Writes down what the components of the newest contract answer: once, when it was put into the list.
#[test]
#[ignore = "for the day on which a contract is released"]
fn record_what_the_components_of_a_release_answer() {
    let version = released().pop().unwrap();
    let folder = root().join("tests/guests/released").join(version.name);
    let transformer = Transformer::new().unwrap();
    let mut corpus = Vec::new();
    let mut components: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    components.sort();
    for path in components.iter().filter(|path| path.extension().is_some_and(|end| end == "wasm")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let loaded = transformer.compile(&std::fs::read(path).unwrap()).unwrap();
        let schema = Settings::compile(&loaded.describe().unwrap().settings_schema).unwrap();
        for example in leadline::examples::all().unwrap() {
            // A guest of a stranger is tried on every event; its settings are its own.
            let stranger = !["default", "deals"].contains(&name);
            if !stranger && example.expected.transformation != name {
                continue;
            }
            let settings = if stranger { json!({}) } else { example.settings.clone() };
            let event = String::from_utf8(example.event.clone()).unwrap();
            let (answer, fuel) = answer(&loaded, &schema, &event, &settings);
            let (component, example) = (name.to_owned(), example.name);
            corpus.push(Answered { component, example, event, settings, answer, fuel });
        }
    }
    std::fs::write(folder.join("corpus.json"), serde_json::to_string_pretty(&corpus).unwrap() + "\n").unwrap();
}
