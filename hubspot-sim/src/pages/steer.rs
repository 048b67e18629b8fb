//! Faults, knobs and the clock, as forms.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::forms::Kind::{Choice, Flag, Number, Optional, Share};
use super::forms::{self, Field, field};
use super::table;
use crate::answer::Refusal;
use crate::fault::Fault;
use crate::html::escape;
use crate::portal::PortalState;
use crate::request::Request;
use crate::time::{SECOND_MS, iso};
use crate::world::{World, locked};

const FAULT: &[Field] = &[
    field("match.method", "Method", Optional),
    field("match.path", "Path has", Optional),
    field("match.body", "Body has", Optional),
    field("match.nth", "From the n-th", Number),
    field("match.share", "Share", Share),
    field("times", "Times", Number),
    field("then.status", "Status", Number),
    field("then.body", "Body", Optional),
    field("then.headers.Retry-After", "Retry-After", Optional),
    field("then.delay_ms", "Delay, ms", Number),
    field("then.end", "End", Choice(&["answer", "close", "timeout", "half", "html", "empty"])),
    field("then.apply", "Takes effect all the same", Flag),
];

const CLOCK: &[Field] = &[field("seconds", "Seconds", Number)];

pub(super) fn faults(world: &World) -> String {
    let rows: Vec<_> =
        locked(&world.faults).list().iter().map(|fault| vec![escape(&json!(fault).to_string())]).collect();
    let armed =
        if rows.is_empty() { "<p class=\"empty\">No fault waits.</p>".to_owned() } else { table(&["Fault"], &rows) };
    let none = BTreeMap::new();
    format!(
        "{armed}<section><h2>New fault, for calls of this portal</h2>{}</section>{}",
        forms::draw(&[("do", "add")], FAULT, &none, "Add"),
        forms::draw(&[("do", "clear")], &[], &none, "Remove all faults")
    )
}

pub(super) fn set_faults(world: &World, portal: i64, request: &Request) -> Result<String, Refusal> {
    let sent = forms::sent(request);
    if sent.get("do").is_some_and(|what| what == "clear") {
        locked(&world.faults).clear();
        return Ok("cleared".to_owned());
    }
    let mut body = forms::to_json(FAULT, &sent)?;
    body["match"]["portal"] = json!(portal);
    let fault: Fault = serde_json::from_value(body).map_err(|error| Refusal::bare(400, error.to_string()))?;
    locked(&world.faults).add(fault);
    Ok("added".to_owned())
}

/// Every knob with its value as JSON, and the clock.
pub(super) fn knobs(world: &World, portal: &PortalState) -> String {
    let knobs = json!(portal.knobs);
    let knobs = knobs.as_object().into_iter().flatten();
    let inputs = knobs.map(|(name, value)| {
        let value = escape(&value.to_string());
        format!("<label>{} <input name=\"{name}\" value=\"{value}\"></label>", name.replace('_', " "))
    });
    format!(
        "<section><h2>Knobs of this portal</h2><form method=\"post\"><input type=\"hidden\" name=\"do\" value=\"knobs\">\
         {}<button>Turn</button></form></section><section><h2>Clock</h2><p>It is {}.</p>{}</section>",
        inputs.collect::<String>(),
        iso(world.clock.now()),
        forms::draw(&[("do", "clock")], CLOCK, &BTreeMap::new(), "Stop the clock and move it")
    )
}

pub(super) fn set_knobs(world: &World, portal: &mut PortalState, request: &Request) -> Result<String, Refusal> {
    let mut sent = forms::sent(request);
    if sent.remove("do").is_some_and(|what| what == "clock") {
        let seconds = forms::to_json(CLOCK, &sent)?["seconds"].as_i64().unwrap_or_default();
        world.clock.set(world.clock.now() + seconds * SECOND_MS);
        return Ok("moved".to_owned());
    }
    // What is no JSON is a text: quotes are easily forgotten.
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let patch = sent.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    portal.knobs = portal.knobs.with(&patch).map_err(|error| Refusal::bare(400, error.to_string()))?;
    Ok("turned".to_owned())
}
