//! The same transformation as in `rust-plain`, without the SDK: on the bindings that cargo component generates.

#[expect(dead_code, reason = "the bindings have all of the contract")]
mod bindings;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bindings::leadline::transform::actions::{Action, Contact, MatchKey, Note, Property, WritePolicy};
use bindings::leadline::transform::events::{Event, Payload};
use bindings::leadline::transform::manifest::Manifest;
use bindings::{Guest, Refusal};

struct Callback;

impl Guest for Callback {
    fn describe() -> Manifest {
        let schema = format!(
            r#"{{"type": "object", "additionalProperties": false, "properties": {}}}"#,
            include_str!("../../fields.json")
        );
        Manifest {
            name: "callback".into(),
            summary: "Says by when to call back.".into(),
            event_types: vec!["lead.captured.v1".into()],
            settings_schema: schema,
            properties: Vec::new(),
        }
    }

    fn transform(event: Event, settings: String) -> Result<Vec<Action>, Refusal> {
        let settings = numbers(&settings);
        let minutes = settings.get("callback_minutes").copied().unwrap_or(30);
        let vip_from = settings.get("vip_from").copied();
        let Payload::LeadCaptured(lead) = event.payload else {
            return Err(Refusal::Skip("only a lead is called back".into()));
        };
        let Some(email) = lead.email else {
            return Err(Refusal::Skip("without an e-mail address nobody is found again".into()));
        };
        let budget = lead.budget.and_then(|budget| budget.max.or(budget.min));
        let is_vip = budget.zip(vip_from).is_some_and(|(budget, from)| budget >= from);

        let property = |name: &str, value: String, policy| Property { name: name.into(), value, policy };
        let mut properties = vec![property("email", email.clone(), WritePolicy::OnCreate)];
        // An empty value would clear what the CRM holds, and is refused.
        properties.extend(lead.name.map(|name| property("firstname", name, WritePolicy::IfEmpty)));
        properties.extend(lead.phone.map(|phone| property("phone", phone, WritePolicy::IfEmpty)));
        if is_vip {
            properties.push(property("lead_priority", "high".into(), WritePolicy::Always));
        }
        let by = minute(SystemTime::now() + Duration::from_secs(60 * minutes));
        println!("to be called back by {by}");
        let note = Note {
            body: if is_vip { format!("VIP. Call back by {by}.") } else { format!("Call back by {by}.") },
            at: event.occurred_at,
            about: vec![0],
        };
        Ok(vec![
            Action::UpsertContact(Contact { key: MatchKey::Email(email), properties }),
            Action::AddNote(note),
        ])
    }
}

/// The numbers of a flat JSON object. The host has checked that the settings are one.
fn numbers(json: &str) -> HashMap<&str, u64> {
    let members = json.trim_matches(['{', '}']).split(',');
    let pairs = members.filter_map(|member| member.split_once(':'));
    pairs.filter_map(|(name, value)| Some((name.trim().trim_matches('"'), value.trim().parse().ok()?))).collect()
}

/// "2026-11-23 08:45 UTC"
fn minute(at: SystemTime) -> String {
    let minutes = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    let (year, month, day) = civil(minutes / (24 * 60));
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
}

/// Year, month and day from days since 1970-01-01, counted in years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first_of_month = (153 * month + 2) / 5;
    (era * 400 + year + month / 10, if month < 10 { month + 3 } else { month - 9 }, day - first_of_month + 1)
}

bindings::export!(Callback with_types_in bindings);
