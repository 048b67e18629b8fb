//! A version is tried before anybody may enable it: twice each, in fresh sandboxes, under the limits of any run.

use leadline::payload;
use leadline::transform::{Example, Probed, Transformer, probe};
use serde_json::{Value, json};

use crate::guests::{guest, guest_of};
use crate::support::{NOON, lead};

fn example(settings: Value, expected: Option<Value>) -> Example {
    let event = payload::event("msg_1", "lead.captured.v1", NOON, lead("ana"));
    Example { name: "ana".to_owned(), event, settings, expected }
}

fn try_out(bytes: &[u8], examples: &[Example]) -> Result<Probed, String> {
    let loaded = Transformer::new().unwrap().compile(bytes).unwrap();
    probe(&loaded, |_, _| examples.to_vec()).map_err(|error| error.to_string())
}

#[test]
fn what_passes_comes_with_its_first_figures() {
    let probed = try_out(leadline::stock::DEFAULT, &[example(json!({}), None), example(json!([7]), None)]).unwrap();
    assert_eq!((probed.manifest.name.as_str(), probed.left_out.as_slice()), ("default", ["ana".to_owned()].as_slice()));
    let figures = &probed.runs[0];
    assert_eq!((figures.answer.as_str(), probed.runs.len()), ("actions", 1));
    assert!(
        figures.fuel > 1000 && figures.memory_bytes >= 65_536 && figures.output_bytes > 100 && probed.describe_fuel > 0
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

#[test]
fn what_fails_before_its_first_event_is_refused_with_how() {
    let fuel = "used all 20000000 units of fuel; an endless loop?";
    let describe = |body: &str| describing(&format!("(func (export \"describe\") (result i32) {body})"));
    let schema = describing(
        r#"(data (i32.const 48) "{\"$ref\":\"file:/\"}") (func (export "describe") (result i32) (i32.const 112))"#,
    );
    let unknown = describing(
        r#"(data (i32.const 16) "lead.captured.v9") (func (export "describe") (result i32) (i32.const 112))"#,
    );
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
        assert!(found.starts_with(&expected), "{found}, instead of {expected}");
    }
}

#[test]
fn an_example_that_fails_or_answers_otherwise_is_named() {
    let any = || Some(json!({"actions": []}));
    let rows = [
        (guest("trap"), any(), "example `ana` fails: it trapped: wasm `unreachable` instruction executed"),
        (guest("spin"), any(), "example `ana` fails: it used all 20000000 units of fuel; an endless loop?"),
        (
            guest("note_about_nothing"),
            any(),
            "example `ana` fails: action 0 refers to action 7, which is not an earlier record",
        ),
        (
            guest("honest"),
            Some(json!({"skip": "no"})),
            r#"example `ana` fails: it answers otherwise than expected: at / {"skip":"no"}, then {"actions":[]}"#,
        ),
        (guest("honest"), Some(json!({"actions": []})), "accepted"),
    ];
    for (bytes, expected, sentence) in rows {
        let found = try_out(&bytes, &[example(json!({}), expected)]).err().unwrap_or_else(|| "accepted".to_owned());
        assert!(found.starts_with(sentence), "{found}, instead of {sentence}");
    }
}

#[test]
fn a_failure_on_an_event_without_an_expected_answer_is_noted_and_no_refusal() {
    let probed = try_out(&guest("trap"), &[example(json!({}), None)]).unwrap();
    let run = &probed.runs[0];
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
    assert!(probed.runs.iter().all(|run| run.failure.is_none()), "{:?}", probed.runs);
}
