//! What a hostile guest may do: harm itself, visibly, in a sentence that names the limit. Nobody else notices.

use leadline::transform::Transformer;
use serde_json::json;

use crate::guests::guest;
use crate::support::TestApp;

#[tokio::test]
async fn a_hostile_guest_fails_with_a_sentence_and_everybody_else_goes_on() {
    // One for each way in which a run can end badly; `hostile` has every behaviour.
    let rows = [
        ("trap", "transform.trap", "it trapped: wasm `unreachable` instruction executed"),
        ("wasi_exit", "transform.trap", "it called `exit(0)`"),
        ("spin", "transform.fuel", "it used all 20000000 units of fuel; an endless loop?"),
        ("hoard", "transform.memory", "it asked for 32.1 MiB of memory; the limit is 32 MiB"),
        ("recurse", "transform.stack", "it used up its stack of 256 KiB; endless recursion?"),
        ("flood", "transform.log_flood", "it called the log more than 1000 times"),
        ("panic_after_flood", "transform.panic", "panicked at src/lib.rs:17: no phone"),
        ("many_actions", "transform.output_too_large", "it handed over more than 1024 KiB"),
        ("endless_list", "transform.output_invalid", "what it returned is no value of the contract"),
        (
            "note_about_nothing",
            "transform.output_invalid",
            "action 0 refers to action 7, which is not an earlier record",
        ),
    ];
    let app = TestApp::start().await;
    let honest = app.connected("honest").await;
    for (name, code, sentence) in rows {
        let dealer = app.connected(&format!("uses-{}", name.replace('_', "-"))).await;
        app.install(&dealer, name, &guest(name)).await;
        let lost = app.send_lead(&dealer, "ana").await;
        let next = app.send_lead(&honest, name).await;
        app.run_until_idle().await;
        let fate = app.fate(&lost).await;
        assert!(
            fate.starts_with(&format!("held ({code}): transformation `{name}@1` failed: {sentence}")),
            "{name}: {fate}"
        );
        assert_eq!(app.fate(&next).await, "delivered, 1 attempts", "{name} harmed another account");
        assert_eq!(app.hubspot.record_count(dealer.portal(), "0-1"), 0);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_a_guest_says_is_quoted_and_harmless() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.install(&dealer, "refuse", &guest("refuse")).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(
        app.fate(&event).await,
        "refused (transform.refused): transformation `refuse@1` refused the event: \"not⏎\u{fffd}[31m this o\""
    );
    app.install(&dealer, "honest", &guest("honest")).await;
    let event = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "skipped (transform.skipped): transformation `honest@1` returned no actions");
    app.finish().await;
}

#[test]
fn the_same_event_gives_the_same_bytes_and_the_same_fuel() {
    let transformer = Transformer::new().unwrap();
    let loaded = transformer.compile(leadline::stock::DEFAULT).unwrap();
    let event =
        leadline::payload::event("msg_1", "lead.captured.v1", crate::support::NOON, crate::support::lead("ana"));
    let run = |_| {
        let run = loaded.run(&event, "{}");
        (json!(run.actions.unwrap()).to_string(), run.fuel, run.memory_bytes)
    };
    let runs: Vec<_> = (0..50).map(run).collect();
    assert!(runs.iter().all(|run| *run == runs[0]));
}
