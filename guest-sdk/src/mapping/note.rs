//! The note of a lead: what was said, for the person who calls back.

use std::collections::BinaryHeap;
use std::mem;

use super::facts::Facts;
use super::text;
use crate::{ConversationNote, Timestamp};

/// The body of the note, or `None` when there is nothing to say that the properties do not.
///
/// It begins with what the chat was about, because the next chat of the same person overwrites the
/// properties. Contact details that could not be used follow, ahead of the conversation, so that a
/// host that has to cut a long note never cuts them. Consent comes last.
pub fn note(facts: &Facts, conversation: Vec<ConversationNote>) -> Option<String> {
    let said = in_order(conversation);
    let mut body = String::with_capacity(said.iter().map(|note| note.text.len() + 1).sum::<usize>() + 512);
    for line in &facts.unusable {
        push_block(&mut body, line, "\n");
    }
    let mut apart = "\n\n";
    for note in &said {
        push_block(&mut body, &note.text, apart);
        apart = "\n";
    }
    if let Some(consent) = &facts.consent {
        push_block(&mut body, "Consent:", "\n\n");
        body.push(' ');
        body.push_str(consent);
    }
    if body.is_empty() {
        return None;
    }
    let about = about(facts);
    if !about.is_empty() {
        body.insert_str(0, "\n\n");
        body.insert_str(0, &about);
    }
    Some(body)
}

/// Oldest first. Notes without a time keep their place in the list, and the others are put in order
/// around them; those of one moment stay as they came.
fn in_order(mut notes: Vec<ConversationNote>) -> Vec<ConversationNote> {
    let timed = |(place, note): (usize, &ConversationNote)| Some((note.at?, place));
    let order: Vec<(Timestamp, usize)> = notes.iter().enumerate().filter_map(timed).collect();
    if order.is_sorted() {
        return notes;
    }
    let places: Vec<usize> = order.iter().map(|&(_, place)| place).collect();
    // A heap is an eighth of the code that a guest would carry for the sort of the standard library.
    let sorted = BinaryHeap::from(order).into_sorted_vec();
    let texts: Vec<String> = sorted.iter().map(|&(_, place)| mem::take(&mut notes[place].text)).collect();
    for (place, text) in places.into_iter().zip(texts) {
        notes[place].text = text;
    }
    notes
}

/// "2024 Toyota RAV4 XLE · Budget: 25,000–30,000 USD · Priority: high"
fn about(facts: &Facts) -> String {
    let mut about = facts.vehicle.clone().unwrap_or_default();
    for (label, value) in [("Budget: ", facts.budget.as_deref()), ("Priority: ", facts.priority)] {
        let Some(value) = value else { continue };
        if !about.is_empty() {
            about.push_str(" · ");
        }
        about.push_str(label);
        about.push_str(value);
    }
    about
}

fn push_block(body: &mut String, text: &str, apart: &str) {
    let end = body.len();
    if end > 0 {
        body.push_str(apart);
    }
    let start = body.len();
    text::push_lines(body, text);
    if body.len() == start {
        body.truncate(end);
    }
}
