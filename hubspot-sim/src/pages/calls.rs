//! The calls of one portal, the latest first, with bodies and answers to unfold.

use super::{table, time};
use crate::call::Call;
use crate::html::escape;
use crate::world::{World, locked};

/// Calls on the page, and characters of a body: enough to see what went on.
const SHOWN: usize = 100;
const BODY_SHOWN: usize = 20_000;

pub(super) fn calls(world: &World, portal: i64) -> String {
    let mut calls = locked(&world.calls).after(0);
    calls.retain(|call| call.portal == Some(portal));
    if calls.is_empty() {
        return "<p class=\"empty\">No calls, or the log is off.</p>".to_owned();
    }
    let rows: Vec<_> = calls.iter().rev().take(SHOWN).map(row).collect();
    table(&["No.", "Time (UTC)", "Call", "Status"], &rows)
}

fn row(call: &Call) -> Vec<String> {
    let status = if call.status == 0 { "no answer".to_owned() } else { call.status.to_string() };
    let class = if (200..300).contains(&call.status) { "good" } else { "bad" };
    let fault = match (call.faulted, call.applied) {
        (true, true) => " <small>fault, applied</small>",
        (true, false) => " <small>fault, not applied</small>",
        (false, _) => "",
    };
    vec![
        call.number.to_string(),
        time(call.at),
        format!(
            "<details><summary>{} {}</summary><h3>Body</h3><pre>{}</pre><h3>Answer</h3><pre>{}</pre></details>",
            escape(&call.method),
            escape(&call.path),
            shown(&call.body),
            shown(&call.answer),
        ),
        format!("<span class=\"{class}\">{status}</span>{fault}"),
    ]
}

fn shown(text: &str) -> String {
    let pretty = serde_json::from_str::<serde_json::Value>(text).map(|value| format!("{value:#}"));
    escape(&pretty.unwrap_or_else(|_| text.to_owned()).chars().take(BODY_SHOWN).collect::<String>())
}
