//! One guest a bad behaviour, each in the engine of the service: it harms itself, in a sentence that says how, and the
//! guest of another account gives its usual answer right after.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use leadline::contract::actions::Action;
use leadline::contract::events::Event;
use leadline::contract::log::Level;
use leadline::model::lane::Step;
use leadline::plan::plan;
use leadline::transform::{GUESTS_MAX, Loaded, Quota, RUN_FUEL, Stop, TransformRun, Transformer};
use leadline::{payload, process, stock};
use serde_json::json;

use crate::guests::guest;
use crate::support::{NOON, TestApp, lead};
use crate::toolchains::{self, build, has_target};

fn event() -> Event {
    payload::event("msg_1", "lead.captured.v1", NOON, lead("ana"))
}

/// What the service would make of a run, in a line.
fn verdict(run: TransformRun) -> String {
    match run.actions {
        Ok(actions) => match plan(actions, None) {
            Ok(plan) => format!("planned: {}", plan.actions.iter().map(shown).collect::<Vec<_>>().join("; ")),
            Err(invalid) => format!("transform.output_invalid: {invalid}"),
        },
        Err(Stop::Skip(reason)) => format!("skipped: {reason}"),
        Err(Stop::Invalid(reason)) => format!("refused: {reason}"),
        Err(Stop::Failed(failure)) => format!("{}: {}", failure.code, failure.detail),
        Err(Stop::Ours(reason)) => format!("our fault: {reason}"),
    }
}

fn shown(action: &Action) -> String {
    let properties: Vec<_> = action.properties().iter().map(|p| format!("{} = {}", p.name, p.value)).collect();
    format!("{} {:?} {}", action.label(), action.key().unwrap_or_default(), properties.join(", "))
}

/// The transformation that everybody else uses, and what it has to answer, whoever ran before.
struct Honest {
    transformer: Transformer,
    loaded: Loaded,
    answer: String,
}

impl Honest {
    fn new() -> Self {
        let transformer = Transformer::new().unwrap();
        let loaded = transformer.compile(stock::DEFAULT).unwrap();
        let answer = verdict(loaded.run(&event(), "{}"));
        assert!(answer.starts_with("planned: contact"), "{answer}");
        Self { transformer, loaded, answer }
    }

    fn compile(&self, name: &str) -> Loaded {
        self.transformer.compile(&guest(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// After each hostile run: the pool is empty, and the answer is the usual one.
    fn is_unharmed(&self, by: &str) {
        assert_eq!(self.transformer.running(), 0, "{by} holds a place of the pool");
        assert_eq!(verdict(self.loaded.run(&event(), "{}")), self.answer, "{by} harmed another account");
    }
}

#[test]
fn the_guests_of_the_browser_tests_are_these() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/guests");
    for (file, name) in [("trap.wasm", "trap"), ("greedy.wasm", "hoard")] {
        let made = guest(name);
        if std::env::var("LEADLINE_UPDATE").is_ok_and(|value| value == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(file), &made).unwrap();
        }
        let committed = std::fs::read(folder.join(file)).unwrap_or_default();
        assert!(committed == made, "{file} is older than {name}.wat; run this test with LEADLINE_UPDATE=1");
    }
}

/// File in `tests/guests`, and what becomes of its event.
const ROWS: [(&str, &str); 49] = [
    // Work, memory, stack.
    ("spin", "transform.fuel: it used all 20000000 units of fuel; an endless loop?"),
    ("fill", "transform.fuel: it used all 20000000 units of fuel; an endless loop?"),
    ("touch", "transform.fuel: it used all 20000000 units of fuel; an endless loop?"),
    ("hoard", "transform.memory: it asked for 32.1 MiB of memory; the limit is 32 MiB"),
    ("grow", "transform.memory: it asked for 32.1 MiB of memory; the limit is 32 MiB"),
    ("grab", "transform.memory: it asked for 512.1 MiB of memory; the limit is 32 MiB"),
    ("greedy_start", "transform.memory: it asked for 512.1 MiB of memory; the limit is 32 MiB"),
    ("table", "transform.memory: it asked for tables of 20001 elements; the limit is 20000"),
    ("recurse", "transform.stack: it used up its stack of 256 KiB; endless recursion?"),
    (
        "deep_locals",
        "transform.trap: it trapped: out of bounds memory access in `deeper`; endless recursion, or a large local array?",
    ),
    ("trap", "transform.trap: it trapped: wasm `unreachable` instruction executed"),
    ("divide", "transform.trap: it trapped: integer divide by zero"),
    // The log.
    ("flood", "transform.log_flood: it called the log more than 1000 times"),
    ("shout", "transform.output_too_large: it handed over more than 1024 KiB"),
    (
        "log_outside",
        "transform.trap: it made a call that breaks the contract: string pointer/length out of bounds of memory",
    ),
    ("log_bad_level", "transform.trap: it made a call that breaks the contract: unexpected discriminant: 9"),
    // What it returns.
    ("many_actions", "transform.output_too_large: it handed over more than 1024 KiB"),
    ("long_note", "transform.output_too_large: it handed over more than 1024 KiB"),
    ("many_small_actions", "transform.output_invalid: it returned 51 actions; at most 50 are accepted"),
    ("many_properties", "transform.output_invalid: action 0 has 251 properties; at most 250 are accepted"),
    ("property_twice", "transform.output_invalid: action 0 writes `hostile` twice"),
    (
        "nameless_property",
        "transform.output_invalid: action 0 names ``, which is no property name: lower-case letters, digits and `_`, 100 bytes at most",
    ),
    ("overlap", "planned: contact (\"email\", \"ostile\") hostile = host"),
    ("note_about_itself", "transform.output_invalid: action 0 refers to action 0, which is not an earlier record"),
    ("note_about_nothing", "transform.output_invalid: action 0 refers to action 7, which is not an earlier record"),
    ("note_about_a_note", "transform.output_invalid: action 2 refers to action 1, which is not an earlier record"),
    (
        "note_about_billions",
        "transform.output_invalid: action 0 refers to action 4294967295, which is not an earlier record",
    ),
    // How it allocates what it is given, and cleans up behind itself.
    ("realloc_zero", "planned: "),
    ("realloc_same", "planned: "),
    (
        "realloc_odd",
        "transform.output_invalid: what it returned is no value of the contract: realloc return: result not aligned",
    ),
    (
        "realloc_outside",
        "transform.output_invalid: what it returned is no value of the contract: realloc return: beyond end of memory",
    ),
    ("realloc_trap", "transform.trap: it trapped: wasm `unreachable` instruction executed"),
    ("realloc_spin", "transform.fuel: it used all 20000000 units of fuel; an endless loop?"),
    ("post_return_trap", "transform.trap: it trapped: wasm `unreachable` instruction executed"),
    ("post_return_spin", "transform.fuel: it used all 20000000 units of fuel; an endless loop?"),
    // WASI.
    ("wasi_sleep", "skipped: an hour has passed"),
    ("wasi_wait", "transform.trap: it called WASI more than 10000 times; time stands still while it waits in a loop"),
    ("wasi_poll_nothing", "transform.trap: it called `poll` with an empty list, which would wait for ever"),
    ("wasi_stdin", "skipped: nobody is there"),
    (
        "wasi_random",
        "transform.trap: it called `get-random-bytes` for 1073741824 bytes; at most 4096 go through one call",
    ),
    ("wasi_random_flood", "transform.trap: it asked for more than 64 KiB of random bytes"),
    (
        "wasi_zeroes",
        "transform.trap: it called `write-zeroes` for 9223372036854775808 bytes; at most 4096 go through one call",
    ),
    ("wasi_long_write", "transform.trap: it called `write` for 8192 bytes; at most 4096 go through one call"),
    ("wasi_print_flood", "transform.log_flood: it called the log more than 1000 times"),
    (
        "wasi_streams",
        "transform.trap: it made a call that breaks the contract: cannot allocate another handle: store handle limit exceeded",
    ),
    ("wasi_exit", "transform.trap: it called `exit(0)`"),
    ("wasi_start_exit", "transform.trap: it called `exit(3)`"),
    ("wasi_forged_stream", "transform.trap: it made a call that breaks the contract: unknown handle index 7"),
    ("wasi_forged_file", "transform.trap: it made a call that breaks the contract: unknown handle index 3"),
];

#[test]
fn every_bad_behaviour_ends_in_its_sentence_and_harms_nobody() {
    let honest = Honest::new();
    let mut wrong = Vec::new();
    for (name, sentence) in ROWS {
        let found = verdict(honest.compile(name).run(&event(), "{}"));
        if found != sentence {
            wrong.push(format!("{name}: {found}"));
        }
        honest.is_unharmed(name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn values_that_the_contract_does_not_know_are_named() {
    let honest = Honest::new();
    let no_value = "transform.output_invalid: what it returned is no value of the contract";
    for name in ["endless_list", "outside", "bad_utf8", "bad_case"] {
        let found = verdict(honest.compile(name).run(&event(), "{}"));
        assert!(found.starts_with(no_value), "{name}: {found}");
        honest.is_unharmed(name);
    }
    let manifest = honest.compile("bool_of_seven").describe().unwrap();
    assert!(manifest.properties[0].unique, "everything but 0 is yes");
}

#[test]
fn a_loop_with_fuel_without_end_is_ended_by_the_clock() {
    let honest = Honest::new();
    let endless = Quota { fuel: u64::MAX / 2, ..Quota::STANDARD };
    let run = honest.compile("spin").run_within(endless, &event(), "{}");
    assert_eq!(verdict(run), "transform.timeout: it ran longer than 250 ms, twice");
    honest.is_unharmed("spin");
}

#[test]
fn a_full_pool_is_our_fault_and_no_guests() {
    let honest = Honest::new();
    let spin = honest.compile("spin");
    let endless = Quota { fuel: u64::MAX / 2, ..Quota::STANDARD };
    let crowd = 2 * GUESTS_MAX as usize;
    let together = Barrier::new(crowd);
    let run = || {
        together.wait();
        verdict(spin.run_within(endless, &event(), "{}"))
    };
    let verdicts: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..crowd).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let (turned_away, ran): (Vec<_>, Vec<_>) =
        verdicts.iter().partition(|verdict| verdict.starts_with("our fault: the sandbox could not start"));
    assert!(!turned_away.is_empty(), "there was room for all: {ran:?}");
    assert!(ran.iter().all(|verdict| verdict.starts_with("transform.timeout")), "{ran:?}");
    honest.is_unharmed("a crowd");
}

#[test]
fn a_larger_class_has_more_of_both_and_still_an_end() {
    let honest = Honest::new();
    let within = |name: &str| verdict(honest.compile(name).run_within(Quota::JAVASCRIPT, &event(), "{}"));
    assert_eq!(within("grow"), "transform.memory: it asked for 64.1 MiB of memory; the limit is 64 MiB");
    assert_eq!(within("spin"), "transform.fuel: it used all 200000000 units of fuel; an endless loop?");
    honest.is_unharmed("the larger class");
}

#[test]
fn a_panic_is_told_even_after_the_log_is_full() {
    let honest = Honest::new();
    let found = verdict(honest.compile("panic_after_flood").run(&event(), "{}"));
    assert!(found.starts_with("transform.panic: panicked at src/lib.rs:17: no phoneaaaa"), "{found}");
    assert!(found.ends_with('…') && found.len() < 1100, "{}", found.len());
    honest.is_unharmed("panic_after_flood");
}

#[test]
fn a_long_refusal_is_cut() {
    let honest = Honest::new();
    let found = verdict(honest.compile("refuse_at_length").run(&event(), "{}"));
    assert_eq!(found, format!("refused: {}…", "a".repeat(1024)));
}

#[test]
fn a_logged_line_is_one_record_of_plain_text() {
    let honest = Honest::new();
    let run = honest.compile("log_codes").run(&event(), "{}");
    // Markup stays as it is, and whoever makes a page of it escapes it.
    let lines = [
        (Level::Info, "\u{fffd}[2J<b>bold</b>\u{fffd}⏎ERROR forged\u{fffd}\u{fffd}".to_owned()),
        (Level::Warn, "<b>bold</b>".to_owned()),
    ];
    assert_eq!(run.logs, lines);
}

#[test]
fn a_guest_without_wasi_has_none_and_one_with_it_finds_nothing() {
    let honest = Honest::new();
    assert_eq!(verdict(honest.compile("wasi_environment").run(&event(), "{}")), "skipped: nothing found");
    let imports = |name: &str| {
        let component = leadline::transform::component(&guest(name)).unwrap();
        component.windows(5).any(|bytes| bytes == b"wasi:")
    };
    assert!(imports("wasi_environment") && !imports("honest"));
}

#[test]
fn floating_point_has_the_same_bits_on_every_machine() {
    let honest = Honest::new();
    assert_eq!(
        verdict(honest.compile("nan").run(&event(), "{}")),
        "skipped: 7fc00000 7fc00000 7fc00000 7fc00000 7ff80000 00000001 00400000"
    );
}

#[test]
fn nobody_finds_what_another_run_left_in_memory() {
    let honest = Honest::new();
    let (mark, peek) = (honest.compile("mark"), honest.compile("peek"));
    // Fuel for all of the memory.
    let roomy = Quota { fuel: 10 * RUN_FUEL, ..Quota::STANDARD };
    std::thread::scope(|scope| {
        // Beside each other, so that more than one place of the pool is used.
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..5 {
                    assert_eq!(verdict(mark.run_within(roomy, &event(), "{}")), "planned: ");
                    for _ in 0..2 {
                        let run = peek.run_within(roomy, &event(), "{}");
                        assert_eq!(verdict(run), "skipped: nothing found", "round {round}");
                    }
                }
            });
        }
    });
    honest.is_unharmed("mark");
}

/// The guest of `tests/guests/rust`, where the target is there.
fn rust_guest(honest: &Honest, target: &str) -> Option<Loaded> {
    if !has_target(target) {
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/rust");
    build(&folder, &["cargo", "build", "--release", "--target", target]);
    let file = toolchains::target().join(target).join("release/misbehave.wasm");
    Some(honest.transformer.compile(&std::fs::read(file).unwrap()).unwrap())
}

/// What becomes of the event when the guest behaves so, twice the same.
fn behave(guest: &Loaded, what: &str) -> (String, Vec<(Level, String)>) {
    let settings = json!({ "do": what }).to_string();
    let [first, second] = [(); 2].map(|()| guest.run(&event(), &settings));
    assert_eq!((first.fuel, &first.logs), (second.fuel, &second.logs), "{what}");
    let logs = first.logs.clone();
    let found = verdict(first);
    assert_eq!(found, verdict(second), "{what}");
    (found, logs)
}

#[test]
fn a_panic_of_rust_is_told_with_file_line_and_text() {
    let honest = Honest::new();
    let rows = [
        ("panic", "transform.panic: panicked at src/lib.rs:26: this lead has no phone"),
        ("unwrap", "transform.panic: panicked at src/lib.rs:27: called `Option::unwrap()` on a `None` value"),
        ("index", "transform.panic: panicked at src/lib.rs:28: index out of bounds: the len is 3 but the index is 3"),
        ("divide", "transform.panic: panicked at src/lib.rs:29: attempt to divide by zero"),
        (
            "recurse",
            "transform.trap: it trapped: out of bounds memory access in `misbehave::recurse`; endless recursion, or a large local array?",
        ),
        ("reserve", "transform.memory: it asked for 512.1 MiB of memory; the limit is 32 MiB"),
    ];
    for target in ["wasm32-unknown-unknown", "wasm32-wasip2"] {
        let Some(guest) = rust_guest(&honest, target) else { continue };
        for (what, sentence) in rows {
            assert_eq!(behave(&guest, what).0, sentence, "{target}: {what}");
            honest.is_unharmed(what);
        }
        let (found, _) = behave(&guest, "panic at length");
        assert!(found.starts_with("transform.panic: panicked at src/lib.rs:32: at length at"), "{target}: {found}");
        assert!(found.ends_with('…'), "{target}: {found}");
    }
}

#[test]
fn the_standard_library_of_rust_finds_an_empty_world() {
    let honest = Honest::new();
    let Some(guest) = rust_guest(&honest, "wasm32-wasip2") else { return };
    let rows = [
        ("panic to stderr", "transform.panic: panicked at src/lib.rs:37:13: this lead has no phone"),
        // The standard library only says whether all was well.
        ("exit", "transform.trap: it called `exit(1)`"),
        ("open a file", "skipped: Err(NotFound)"),
        ("look around", "skipped: None None"),
        ("sleep", "skipped: 3600s"),
        ("tell the time", "skipped: Ok(1795435200s)"),
        ("start a thread", "skipped: true"),
        ("read", "skipped: Ok(0)"),
        ("throw dice", "skipped: {5: (), 3: (), 7: (), 0: (), 6: (), 1: (), 2: (), 4: ()}"),
    ];
    for (what, sentence) in rows {
        assert_eq!(behave(&guest, what).0, sentence, "{what}");
        honest.is_unharmed(what);
    }
    let (_, logs) = behave(&guest, "print");
    assert_eq!(logs, [(Level::Info, "half a line".to_owned()), (Level::Error, "no end".to_owned())]);
}

#[tokio::test]
async fn a_hundred_greedy_leads_of_one_account_keep_no_other_waiting_for_a_second_round() {
    let app = TestApp::start().await;
    let greedy = app.connected("greedy").await;
    app.install(&greedy, "spin", &guest("spin")).await;
    let honest = app.connected("honest").await;
    let leads = (0..100).map(|number| (format!("msg_{number}"), lead(&format!("person{number}"))));
    app.send_many(&greedy, leads).await;
    let plan = async || {
        app.advance(Duration::from_millis(1));
        process::plan_next(&app.app.store, &app.app.transformer, "test", &app.app.clock).await.unwrap()
    };
    // The greedy one is at work already when the honest leads come, one in each round.
    assert_eq!(plan().await, Step::Worked);
    for name in ["ana", "bob", "cem"] {
        let next = app.send_lead(&honest, name).await;
        assert_eq!(plan().await, Step::Worked);
        assert_ne!(app.fate(&next).await, "received", "{name} waits behind the greedy leads");
    }
    let (_, held) = app.command(&["issue", "list", "--json"]).await;
    assert!(held.contains("transform."), "the greedy leads ran meanwhile: {held}");
    app.run_until_idle().await;
    app.finish().await;
}
