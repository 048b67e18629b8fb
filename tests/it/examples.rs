//! Every folder of `examples/` holds: in the compiled component byte for byte, and through the whole service.
//! `LEADLINE_UPDATE=1` writes what the component answers into `expected.json`, to be read before it is committed.

use hubspot_sim::Preset;
use leadline::examples::{self, Example};
use leadline::model::time::Timestamp;
use leadline::payload::{self, Envelope};
use leadline::schema::Settings;
use leadline::stock;
use leadline::transform::{Loaded, Stop, Transformer};
use serde_json::{Value, json};

use crate::support::TestApp;

/// What the component answers, as `expected.json` keeps it.
fn run(example: &Example, loaded: &Loaded) -> Value {
    let envelope = Envelope::read(&example.event).unwrap();
    let occurred_at = envelope.occurred_at().unwrap_or(Timestamp(0));
    let settings = Settings::compile(&loaded.describe().unwrap().settings_schema)
        .unwrap()
        .complete(example.settings.clone())
        .unwrap();
    let run = loaded.run(
        &payload::event(&example.name, &envelope.event_type.clone(), occurred_at, envelope.data),
        &settings.to_string(),
    );
    let answer = match run.actions {
        Ok(actions) => json!({ "actions": actions }),
        Err(Stop::Skip(reason)) => json!({ "skip": reason }),
        Err(Stop::Invalid(reason)) => json!({ "invalid": reason }),
        Err(other) => panic!("{}: {other:?}", example.name),
    };
    let mut answer = answer;
    answer["dropped"] = json!(run.dropped);
    answer
}

#[test]
fn components_answer_as_the_examples_say() {
    let transformer = Transformer::new().unwrap();
    let kept =
        |name: &str| std::fs::read(format!("{}/../host/components/{name}.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let built_in = [("default", stock::DEFAULT.to_vec()), ("deals", stock::DEALS.to_vec())];
    let checked_in = [("default", kept("guest_default")), ("deals", kept("guest_deals"))];
    let mut wrong = Vec::new();
    for (which, stock) in [("built in", built_in), ("checked in", checked_in)] {
        let stock = stock.map(|(name, bytes)| (name, transformer.compile(&bytes).unwrap()));
        for example in examples::all().unwrap() {
            let (_, loaded) = stock.iter().find(|(name, _)| *name == example.expected.transformation).unwrap();
            let answer = run(&example, loaded);
            if std::env::var_os("LEADLINE_UPDATE").is_some() {
                update(&example, &answer);
            } else if answer != example.expected.run {
                let name = &example.name;
                wrong.push(format!("{name}, {which}:\n  answered {answer}\n  expected {}", example.expected.run));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn update(example: &Example, answer: &Value) {
    let path = format!("{}/../examples/{}/expected.json", env!("CARGO_MANIFEST_DIR"), example.name);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once("  \"run\":").unwrap();
    let run = serde_json::to_string_pretty(answer).unwrap().replace('\n', "\n  ");
    std::fs::write(&path, format!("{head}  \"run\": {run}\n}}\n")).unwrap();
}

#[tokio::test]
async fn leads_reach_hubspot_as_the_examples_say() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for example in examples::all().unwrap() {
        let expected = &example.expected;
        let preset = if expected.transformation == "deals" { Preset::Deals } else { Preset::Ready };
        let dealer = app.dealer(&example.name, preset, &expected.transformation, example.settings.clone()).await;
        let contacts: Vec<_> = example.portal.contacts.iter().collect();
        examples::put_contacts(&app.hubspot, &dealer.hubspot, &contacts).await.unwrap();
        let answer = app.post(&dealer, &format!("msg_{}", example.name), &example.event).await;
        assert_eq!(answer.status, 202, "{}: {answer:?}", example.name);
        app.run_until_idle().await;
        let event = leadline::model::id::EventId::stored(answer.body["event_id"].as_str().unwrap().to_owned());
        let seen = examples::seen(&app.hubspot, dealer.portal(), &app.lead(&event).await);
        wrong.extend(
            expected.outcome.differences(&seen).into_iter().map(|difference| format!("{}: {difference}", example.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.finish().await;
}
