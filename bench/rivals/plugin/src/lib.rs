//! The mapping of `mapping.js`, as an Extism plugin in Rust: text in, text out.

use extism_pdk::{FnResult, plugin_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Event {
    data: Lead,
}

#[derive(Deserialize)]
struct Lead {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    vehicle: Vehicle,
    #[serde(default)]
    budget: Budget,
    #[serde(default)]
    notes: Vec<Note>,
    #[serde(default)]
    dealership: Dealership,
}

#[derive(Default, Deserialize)]
struct Vehicle {
    make: Option<String>,
    model: Option<String>,
    year: Option<u32>,
    trim: Option<String>,
}

#[derive(Default, Deserialize)]
struct Budget {
    text: Option<String>,
    min: Option<u64>,
    max: Option<u64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Note {
    at: String,
    text: String,
}

#[derive(Default, Deserialize)]
struct Dealership {
    name: String,
    slug: String,
}

#[derive(Serialize)]
enum Action {
    UpsertContact { key: Key, properties: Vec<Property> },
    AddNote { body: String, about: Vec<u32> },
}

#[derive(Serialize)]
enum Key {
    Email(String),
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    policy: &'static str,
    value: String,
}

#[plugin_fn]
pub fn transform(text: String) -> FnResult<String> {
    let Event { data: lead } = serde_json::from_str(&text)?;
    let mut properties = Vec::with_capacity(13);
    let mut put = |name, policy, value: String| {
        if !value.is_empty() {
            properties.push(Property { name, policy, value });
        }
    };
    let email = lead.email.trim().to_lowercase();
    let (first, last) = lead.name.trim().split_once(' ').unwrap_or((lead.name.trim(), ""));
    let digits: String = lead.phone.chars().filter(char::is_ascii_digit).collect();
    let phone = if digits.len() == 10 { format!("+1{digits}") } else { lead.phone };
    let year = lead.vehicle.year.map(|year| year.to_string());
    let vehicle = [year, lead.vehicle.make, lead.vehicle.model, lead.vehicle.trim];
    let vehicle: Vec<_> = vehicle.into_iter().flatten().collect();
    let budget = match (lead.budget.text, lead.budget.min, lead.budget.max) {
        (Some(text), _, _) => text,
        (None, Some(min), Some(max)) => {
            format!("{}–{} {}", money(min), money(max), lead.budget.currency.unwrap_or_default())
        }
        _ => String::new(),
    };
    put("email", "OnCreate", email.clone());
    put("firstname", "IfEmpty", first.to_owned());
    put("lastname", "IfEmpty", last.to_owned());
    put("phone", "IfEmpty", phone);
    put("vehicle_of_interest", "Always", vehicle.join(" "));
    put("budget_range", "Always", budget);
    put("lead_priority", "Always", lead.priority);
    put("hs_lead_status", "OnCreate", lead.status.to_uppercase());
    put("lead_origin_channel", "Always", lead.origin);
    put("dealership_name", "Always", lead.dealership.name);
    put("dealership_slug", "Always", lead.dealership.slug);
    put("lifecyclestage", "Always", "lead".to_owned());
    put("leadline_lead_id", "OnCreate", lead.id);
    let mut body = "Conversation".to_owned();
    for note in lead.notes {
        body += &format!("\n{}  {}", note.at, note.text);
    }
    let contact = Action::UpsertContact { key: Key::Email(email), properties };
    Ok(serde_json::to_string(&[contact, Action::AddNote { body, about: vec![0] }])?)
}

fn money(amount: u64) -> String {
    let digits = amount.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
