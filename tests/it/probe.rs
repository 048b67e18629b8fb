//! A version is tried before anybody may enable it: twice each, in fresh sandboxes, under the limits of any run.

use leadline::diff;
use leadline::model::account::QuotaClass;
use leadline::payload;
use leadline::store::HOUSE;
use leadline::transform::{
    Compiler, Example, GUESTS_MAX, ProbeError, Probed, Quota, Transformer, UploadError, Whose, probe,
};
use leadline::upload::{self, Upload, Uploaded};
use serde_json::{Value, json};

use crate::guests::{guest, guest_of};
use crate::support::{NOON, lead, open_store};

/// One of Leadline; with an expected answer it is the author's own.
fn example(settings: Value, expected: Option<Value>) -> Example {
    let event = payload::event("msg_1", "lead.captured.v1", NOON, lead("ana"));
    let whose = if expected.is_some() { Whose::Own } else { Whose::Stock };
    let expected = expected.map(|answer| serde_json::from_value(answer).unwrap());
    Example { name: "ana".to_owned(), event, settings, expected, whose }
}

fn try_out(bytes: &[u8], examples: &[Example]) -> Result<Probed, String> {
    let loaded = Transformer::new().unwrap().compile(bytes).unwrap();
    let whose = examples.first().map_or(Whose::Stock, |example| example.whose);
    probe(&loaded, QuotaClass::Standard, whose, |_, _| examples.to_vec()).map_err(|error| error.to_string())
}

#[test]
fn what_passes_comes_with_its_first_figures() {
    let probed = try_out(leadline::stock::DEFAULT, &[example(json!({}), None), example(json!([7]), None)]).unwrap();
    let tried = &probed.tried;
    assert_eq!((probed.manifest.name.as_str(), tried.left_out.as_slice()), ("default", ["ana".to_owned()].as_slice()));
    let figures = &tried.runs[0];
    assert_eq!((figures.answer.as_str(), tried.runs.len()), ("actions", 1));
    assert!(
        figures.fuel > 1000 && figures.memory_bytes >= 65_536 && figures.output_bytes > 100 && tried.describe_fuel > 0
    );
}

/// A module like the honest one, with something in it.
fn with(more: &str) -> Vec<u8> {
    guest_of(&format!(
        "(module ;; PRELUDE\n {more} (func (export \"transform\") (param i32) (result i32) (i32.const 200)))"
    ))
}

/// One whose `describe` is another.
fn describing(describe: &str) -> Vec<u8> {
    let read = |file: &str| std::fs::read_to_string(format!("guests/{file}.wat")).unwrap();
    let prelude = read("prelude") + &read("allocator");
    let prelude = prelude.replace(r#"(func (export "describe") (result i32) (i32.const 112))"#, describe);
    assert!(prelude.contains(describe));
    guest_of(&format!("(module {prelude} (func (export \"transform\") (param i32) (result i32) (i32.const 200)))"))
}

pub(crate) fn of_unknown_type() -> Vec<u8> {
    describing(r#"(data (i32.const 16) "lead.captured.v9") (func (export "describe") (result i32) (i32.const 112))"#)
}

#[test]
fn what_fails_before_its_first_event_is_refused_with_how() {
    let fuel = "used all 20000000 units of fuel; an endless loop?";
    let describe = |body: &str| describing(&format!("(func (export \"describe\") (result i32) {body})"));
    let schema = describing(
        r#"(data (i32.const 48) "{\"$ref\":\"file:/\"}") (func (export "describe") (result i32) (i32.const 112))"#,
    );
    let unknown = of_unknown_type();
    let rows = [
        (with("(func $go (loop $l (br $l))) (start $go)"), format!("it fails before the first event: it {fuel}")),
        (with("(func $go unreachable) (start $go)"), "it fails before the first event: it trapped: wasm `unreachable` instruction executed".to_owned()),
        (guest("greedy_start"), "it fails before the first event: it asked for 512.1 MiB of memory; the limit is 32 MiB".to_owned()),
        (describe("unreachable"), "`describe` fails: it trapped: wasm `unreachable` instruction executed".to_owned()),
        (describe("(loop $l (br $l)) (i32.const 112)"), format!("`describe` fails: it {fuel}")),
        (unknown, "`describe` names the event type `lead.captured.v9`; known are lead.captured.v1, carousel.clicked.v1, session.initiated.v1".to_owned()),
        (schema, "`describe` returns a settings schema that refers to `file:/`; only `#/…`, to what it holds itself, can be followed".to_owned()),
    ];
    for (bytes, expected) in rows {
        let found = try_out(&bytes, &[]).err().unwrap_or_else(|| "accepted".to_owned());
        // On a machine that is slow at that moment time is over before the fuel is.
        let by_time = expected.replace(fuel, "ran longer than 250 ms");
        assert!(found.starts_with(&expected) || found.starts_with(&by_time), "{found}, instead of {expected}");
    }
}

#[test]
fn a_sample_of_the_author_that_fails_or_is_answered_otherwise_is_red_and_says_why() {
    let nothing = || json!({"actions": []});
    let rows = [
        (guest("trap"), json!({}), nothing(), "it trapped: wasm `unreachable` instruction executed"),
        (guest("spin"), json!({}), nothing(), "it used all 20000000 units of fuel; an endless loop?"),
        (
            guest("note_about_nothing"),
            json!({}),
            nothing(),
            "action 0 refers to action 7, which is not an earlier record",
        ),
        (
            guest("honest"),
            json!({}),
            json!({"skip": "no"}),
            "  answer\n    - outcome                  skipped: \"no\"\n    + outcome                  no actions\n",
        ),
        (guest("honest"), json!({}), nothing(), ""),
        (leadline::stock::DEFAULT.to_vec(), json!([7]), nothing(), "its settings are not those of this version: "),
    ];
    for (bytes, settings, expected, sentence) in rows {
        let probed = try_out(&bytes, &[example(settings, Some(expected))]).unwrap();
        let run = &probed.tried.runs[0];
        let found = run.failure.clone().unwrap_or_else(|| diff::text(&run.differences));
        assert!(found.starts_with(sentence), "{found}, instead of {sentence}");
        assert_eq!(
            (run.is_green(), probed.tried.red().count()),
            (sentence.is_empty(), usize::from(!sentence.is_empty()))
        );
    }
}

/// Runs `work` while every place of the pool is taken.
fn while_every_sandbox_is_taken<T>(transformer: &Transformer, work: impl FnOnce() -> T) -> T {
    let held = describing("(func (export \"describe\") (result i32) (loop $l (br $l)) (i32.const 112))");
    let held = transformer.compile(&held).unwrap();
    // Nobody tries again what ends in `describe`, so a place is held for the whole time.
    let patient = Quota { fuel: u64::MAX / 2, ticks: 500, ..Quota::STANDARD };
    std::thread::scope(|scope| {
        for _ in 0..GUESTS_MAX {
            scope.spawn(|| held.describe_within(patient).map(drop));
        }
        while transformer.running() < u64::from(GUESTS_MAX) {
            std::thread::yield_now();
        }
        let done = work();
        assert_eq!(transformer.running(), u64::from(GUESTS_MAX), "the places were held all the time");
        done
    })
}

#[test]
fn that_every_sandbox_is_taken_is_told_to_nobody_as_his_own_fault() {
    let transformer = Transformer::new().unwrap();
    let honest = transformer.compile(&guest("honest")).unwrap();
    let refused = while_every_sandbox_is_taken(&transformer, || {
        probe(&honest, QuotaClass::Standard, Whose::Stock, |_, _| Vec::new()).unwrap_err()
    });
    assert!(
        matches!(&refused, ProbeError::Ours(reason) if reason.starts_with("the sandbox could not start")),
        "{refused}"
    );
    probe(&honest, QuotaClass::Standard, Whose::Stock, |_, _| Vec::new()).unwrap();
}

#[test]
fn an_upload_that_found_no_sandbox_may_be_sent_again() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = runtime.block_on(open_store(&folder));
    let transformer = Transformer::with(Compiler::Here, None).unwrap();
    let send = || {
        let (bytes, samples) = (guest("honest"), Vec::new());
        let sent = Upload { account: HOUSE, name: "own", note: "", by: "ana", bytes, samples };
        runtime.block_on(upload::upload(&store, &transformer, sent, NOON)).unwrap()
    };
    let first = while_every_sandbox_is_taken(&transformer, send);
    assert!(matches!(first, Uploaded::Refused(UploadError::Busy)), "{first:?}");
    let again = send();
    assert!(matches!(again, Uploaded::New(_)), "nothing was remembered: {again:?}");
}

#[test]
fn a_failure_on_an_event_without_an_expected_answer_is_noted_and_no_refusal() {
    let probed = try_out(&guest("trap"), &[example(json!({}), None)]).unwrap();
    let run = &probed.tried.runs[0];
    assert_eq!(run.answer, "failed");
    assert_eq!(run.failure.as_deref(), Some("it trapped: wasm `unreachable` instruction executed"));
}

#[test]
fn a_counter_in_its_memory_starts_anew_with_each_run() {
    let counting = guest_of(
        r#"(module ;; PRELUDE
  (global $runs (mut i32) (i32.const 0))
  (func (export "transform") (param i32) (result i32)
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (if (i32.ne (global.get $runs) (i32.const 1)) (then unreachable))
    (i32.const 200)))"#,
    );
    let probed = try_out(&counting, &[example(json!({}), None), example(json!({}), None)]).unwrap();
    assert!(probed.tried.runs.iter().all(|run| run.failure.is_none()), "{:?}", probed.tried.runs);
}
