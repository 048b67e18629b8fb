//! `leadline event types`: what there is to send, and what is in it.

use super::super::Context;
use super::super::failure::{Failure, Result};
use crate::view::event_types::{Entry, catalogue};

pub(super) fn run(name: Option<&str>, context: &mut Context<'_>) -> Result<()> {
    let Some(name) = name else {
        let row = |entry: &Entry| {
            vec![
                entry.name.to_owned(),
                entry.version.to_string(),
                entry.standing.label().to_owned(),
                entry.ends_at.map_or_else(|| "none planned".to_owned(), |at| at.to_string()),
                entry.words.to_owned(),
            ]
        };
        let header = &["Type", "Version", "Standing", "End", "What it is"];
        return context.list(&catalogue(), header, row, "There are no event types.");
    };
    let found = catalogue().into_iter().find(|entry| entry.name == name);
    let found = found.ok_or_else(|| {
        Failure::not_found(format!("there is no event type `{name}`"))
            .hint("`leadline event types` lists those there are")
    })?;
    context.one(&found, text)
}

fn text(entry: &Entry) -> String {
    let pretty = |json: &serde_json::Value| serde_json::to_string_pretty(json).unwrap_or_default();
    format!(
        "{}, version {}, {}: {}\n\nSchema of its data:\n{}\n\nA sample:\n{}",
        entry.name,
        entry.version,
        entry.standing.label(),
        entry.words,
        pretty(&entry.schema),
        pretty(&entry.sample)
    )
}
