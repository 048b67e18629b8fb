//! The note of a lead: what was said, for the person who calls back.

use std::collections::BinaryHeap;

use super::facts::Facts;
use super::text;
use crate::{ConversationNote, Timestamp};

/// The body of the note, or `None` when there is nothing to say that the properties do not.
///
/// It begins with what the chat was about, because the next chat of the same person overwrites the
/// properties. Contact details that could not be used follow, ahead of the conversation, so that a
/// host that has to cut a long note never cuts them. Consent comes last.
pub fn note(facts: &Facts, conversation: &[ConversationNote]) -> Option<String> {
    let said = in_order(conversation);
    let mut body = Body::about(facts, said.iter().map(|text| text.len() + 1).sum());
    for line in &facts.unusable {
        body.push_block(line, "\n");
    }
    let mut apart = "\n\n";
    for text in said {
        body.push_block(text, apart);
        apart = "\n";
    }
    if let Some(consent) = &facts.consent {
        body.push_block("Consent:", "\n\n");
        body.text.push(' ');
        body.text.push_str(consent);
    }
    (body.text.len() > body.head_bytes).then_some(body.text)
}

/// Oldest first. Notes without a time keep their place in the list, and the others are put in order
/// around them; those of one moment stay as they came.
fn in_order(notes: &[ConversationNote]) -> Vec<&str> {
    let timed = |(place, note): (usize, &ConversationNote)| Some((note.at?, place));
    let order: Vec<(Timestamp, usize)> = notes.iter().enumerate().filter_map(timed).collect();
    if order.iter().is_sorted() {
        return notes.iter().map(|note| note.text.as_str()).collect();
    }
    // A heap is an eighth of the code that a guest would carry for the sort of the standard library.
    let mut sorted = BinaryHeap::from(order).into_sorted_vec().into_iter();
    let mut next = || sorted.next().and_then(|(_, place)| notes.get(place));
    notes.iter().map(|note| note.at.and_then(|_| next()).unwrap_or(note).text.as_str()).collect()
}

/// A note that is being written.
struct Body {
    text: String,
    /// How long the line is that says what the chat was about.
    head_bytes: usize,
}

impl Body {
    /// "2024 Toyota RAV4 XLE · Budget: 25,000–30,000 USD · Priority: high"
    fn about(facts: &Facts, expected_bytes: usize) -> Self {
        let mut text = String::with_capacity(expected_bytes + 512);
        let parts =
            [("", facts.vehicle.as_deref()), ("Budget: ", facts.budget.as_deref()), ("Priority: ", facts.priority)];
        for (label, value) in parts {
            let Some(value) = value else { continue };
            if !text.is_empty() {
                text.push_str(" · ");
            }
            text.push_str(label);
            text.push_str(value);
        }
        Self { head_bytes: text.len(), text }
    }

    /// Appends lines, `apart` from the block before them.
    fn push_block(&mut self, lines: &str, apart: &str) {
        let end = self.text.len();
        if end > self.head_bytes {
            self.text.push_str(apart);
        } else if end > 0 {
            self.text.push_str("\n\n");
        }
        let start = self.text.len();
        text::push_lines(&mut self.text, lines);
        if self.text.len() == start {
            self.text.truncate(end);
        }
    }
}
