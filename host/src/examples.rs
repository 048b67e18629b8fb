//! The cases of `examples/`, built into the binary: what the demo posts and the tests run.

use std::collections::BTreeMap;

use anyhow::Context as _;
use hubspot_sim::Simulator;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hubspot::{API_VERSION, CONTACT, DEAL, NOTE};
use crate::view::Lead;

#[derive(rust_embed::RustEmbed)]
#[folder = "../examples"]
#[include = "*/*.json"]
#[exclude = "guests/*"]
struct Files;

/// One case: an event, the settings of the account, and what has to come of it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The name of its folder.
    pub name: String,
    /// The webhook's body, exactly as posted.
    pub event: Vec<u8>,
    pub settings: Value,
    pub expected: Expected,
    /// What the portal holds beforehand.
    pub portal: Portal,
}

/// `expected.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What the case shows, in a sentence.
    pub shows: String,
    /// The account that has these settings in the demo.
    pub account: String,
    pub transformation: String,
    pub outcome: Outcome,
    /// What the component answers: its actions or its refusal, and what it drops.
    pub run: Value,
}

/// What has to be seen in the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    pub state: String,
    pub outcome: String,
    /// Properties that the contact has to hold; null for one that it must not.
    pub contact: Option<BTreeMap<String, Option<String>>>,
    /// A phrase that the note has to contain.
    pub note: Option<String>,
    /// Properties that the deal has to hold; `name`, `pipeline` and `stage` stand for HubSpot's own names.
    pub deal: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    pub dropped: Vec<String>,
    /// A phrase of the reason, where there is one.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `portal.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portal {
    pub contacts: Vec<BTreeMap<String, String>>,
}

/// What was seen of a case in the end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub state: String,
    pub outcome: String,
    pub contact: Option<BTreeMap<String, String>>,
    /// The note's text.
    pub note: Option<String>,
    pub deal: Option<BTreeMap<String, String>>,
    pub dropped: Vec<String>,
    pub reason: Option<String>,
}

/// Every case, by name.
///
/// # Errors
/// When a file of a case is missing or cannot be read; the text names it.
pub fn all() -> anyhow::Result<Vec<Example>> {
    let mut names: Vec<_> = Files::iter().filter_map(|file| Some(file.split_once('/')?.0.to_owned())).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(load).collect()
}

fn load(name: String) -> anyhow::Result<Example> {
    let file = |file: &str| Files::get(&format!("{name}/{file}")).map(|file| file.data.into_owned());
    let needed = |file_name: &str| file(file_name).with_context(|| format!("examples/{name}/{file_name} is missing"));
    let read = |file: &str| format!("examples/{name}/{file} cannot be read");
    Ok(Example {
        event: needed("event.json")?,
        settings: serde_json::from_slice(&needed("settings.json")?).with_context(|| read("settings.json"))?,
        expected: serde_json::from_slice(&needed("expected.json")?).with_context(|| read("expected.json"))?,
        portal: match file("portal.json") {
            Some(bytes) => serde_json::from_slice(&bytes).with_context(|| read("portal.json"))?,
            None => Portal::default(),
        },
        name,
    })
}

/// Puts contacts into a portal through its API, as an earlier integration did.
///
/// # Errors
/// When the portal refuses them.
pub async fn put_contacts(
    simulator: &Simulator,
    portal: &hubspot_sim::Portal,
    contacts: &[&BTreeMap<String, String>],
) -> anyhow::Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let inputs: Vec<_> = contacts.iter().map(|properties| json!({ "properties": properties })).collect();
    let response = reqwest::Client::new()
        .post(format!("{}/crm/objects/{API_VERSION}/{CONTACT}/batch/create", simulator.base_url()))
        .bearer_auth(&portal.access_token)
        .json(&json!({ "inputs": inputs }))
        .send()
        .await?;
    anyhow::ensure!(response.status() == 201, "the portal refused its contacts with {}", response.status());
    Ok(())
}

/// What HubSpot holds of a lead.
pub fn seen(simulator: &Simulator, portal: i64, lead: &Lead) -> Seen {
    let record = |object_type: &str, id: &str| -> Option<BTreeMap<String, String>> {
        simulator
            .records(portal, object_type)
            .into_iter()
            .find(|record| record.id == id)
            .map(|record| record.properties)
    };
    Seen {
        state: lead.state.clone(),
        outcome: lead.outcome.to_owned(),
        contact: lead.contact.as_ref().and_then(|contact| record(CONTACT, &contact.id)),
        note: lead
            .note
            .as_ref()
            .and_then(|note| record(NOTE, &note.id)?.remove("hs_note_body"))
            .map(|html| plain(&html)),
        deal: lead.deal.as_ref().and_then(|deal| record(DEAL, &deal.id)),
        dropped: lead.dropped.clone(),
        reason: lead.reason.clone(),
    }
}

/// A note's text, as its reader sees it.
fn plain(html: &str) -> String {
    let tags =
        [("<br>", "\n"), ("<p>", ""), ("</p>", "\n"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    tags.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Outcome {
    /// In what `seen` differs from what has to be seen; empty when all is well.
    pub fn differences(&self, seen: &Seen) -> Vec<String> {
        let mut found = Vec::new();
        let mut same = |what: &str, expected: &dyn std::fmt::Debug, actual: &dyn std::fmt::Debug| {
            let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
            if expected != actual {
                found.push(format!("{what} is {actual}, expected {expected}"));
            }
        };
        same("the state", &self.state, &seen.state);
        same("the outcome", &self.outcome, &seen.outcome);
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        same("what was dropped", &sorted(&self.dropped), &sorted(&seen.dropped));
        for (what, expected, actual) in [("contact", &self.contact, &seen.contact), ("deal", &self.deal, &seen.deal)] {
            match (expected, actual) {
                (Some(expected), Some(actual)) => {
                    for (name, value) in expected {
                        let name = match (what, name.as_str()) {
                            ("deal", "name") => "dealname",
                            ("deal", "stage") => "dealstage",
                            (_, name) => name,
                        };
                        let actual = actual.get(name).filter(|value| !value.is_empty());
                        same(&format!("{what} property `{name}`"), &value.as_ref(), &actual);
                    }
                }
                (expected, actual) => {
                    same(&format!("whether there is a {what}"), &expected.is_some(), &actual.is_some())
                }
            }
        }
        let holds = |phrase: &Option<String>, text: &Option<String>| match (phrase, text) {
            (Some(phrase), Some(text)) => text.contains(phrase.as_str()),
            (None, None) => true,
            _ => false,
        };
        if !holds(&self.note, &seen.note) {
            found.push(format!("the note is {:?}, expected one with {:?}", seen.note, self.note));
        }
        if self.reason.is_some() && !holds(&self.reason, &seen.reason) {
            found.push(format!("the reason is {:?}, expected one with {:?}", seen.reason, self.reason));
        }
        found
    }
}
