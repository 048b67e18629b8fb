//! "Get more from HubSpot": what a dealership can do with its leads once they arrive there. What somebody dismissed stays away.

use serde::Serialize;

use super::connection::portal_address;
use crate::model::account::{Account, Connection};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// By which it is dismissed.
    pub item: &'static str,
    pub title: &'static str,
    pub words: &'static str,
    /// Where it is done: in the portal, or on a page of ours.
    pub href: String,
    /// It leads to HubSpot.
    pub is_outside: bool,
    pub is_dismissed: bool,
}

/// Name, title and words, and where it is done.
const ALL: [(&str, &str, &str, Place); 5] = [
    (
        "assign",
        "Assign new leads to sellers",
        "A workflow that begins when the lifecycle stage is Lead gives each contact an owner.",
        Place::Portal("workflows"),
    ),
    (
        "notify",
        "Tell your team of them",
        "Whoever owns a contact can have HubSpot send a mail, or a message to the phone, when one is assigned.",
        Place::Portal("user-preferences"),
    ),
    (
        "digest",
        "Have the week sent to you",
        "A letter each Monday, and word of it when something stands in the way, so that nobody has to look.",
        Place::Ours("alerts"),
    ),
    (
        "score",
        "Let the priority count in your lead score",
        "The property lead_priority is high, medium or low, and can raise or lower a score.",
        Place::Portal("lead-scoring"),
    ),
    (
        "follow-up",
        "Have a task made for each lead",
        "The same workflow can make a task to call back, due in an hour.",
        Place::Portal("tasks"),
    ),
];

#[derive(Clone, Copy)]
enum Place {
    /// The first part of a path; the id of the portal follows.
    Portal(&'static str),
    Ours(&'static str),
}

/// All of them for an account, with what it dismissed.
pub fn suggestions(account: &Account, connection: &Connection, dismissed: &[String]) -> Vec<Suggestion> {
    let suggestion = |(item, title, words, place): (&'static str, &'static str, &'static str, Place)| Suggestion {
        item,
        title,
        words,
        href: match place {
            Place::Portal(path) => portal_address(connection, &format!("{path}/{}", connection.portal_id)),
            Place::Ours(screen) => format!("/accounts/{}/{screen}", account.slug),
        },
        is_outside: matches!(place, Place::Portal(_)),
        is_dismissed: dismissed.iter().any(|one| one == item),
    };
    ALL.map(suggestion).into()
}

/// Whether there is such a suggestion.
pub fn is_known(item: &str) -> bool {
    ALL.iter().any(|(known, ..)| *known == item)
}
