//! A waiver: a version that is to be used although gates are closed. One person asks for it, another one approves it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::Actor;
use super::id::{AccountId, BindingId, ConnectionId, VersionId, WaiverId};
use super::share::Share;
use super::time::Timestamp;

/// Who asks or answers: a person by name, a program by its key and by who made that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    pub name: String,
    pub maker: Option<String>,
}

impl Signer {
    /// Whether one person may be behind both: by name, or as the maker of a key.
    pub fn is_same(&self, other: &Self) -> bool {
        let names = |signer: &Self| {
            let names = [Some(signer.name.clone()), signer.maker.clone()];
            names.into_iter().flatten().map(|name| name.trim().to_lowercase()).collect::<Vec<_>>()
        };
        let own = names(self);
        names(other).iter().any(|name| own.contains(name))
    }
}

impl From<&Actor> for Signer {
    fn from(actor: &Actor) -> Self {
        Self { name: actor.name.clone(), maker: actor.maker.clone() }
    }
}

/// A request to use a version although gates are closed, and what became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Waiver {
    pub id: WaiverId,
    pub account_id: AccountId,
    pub connection_id: ConnectionId,
    pub version_id: VersionId,
    /// Such as `deals@4`.
    pub version: String,
    pub settings: Value,
    pub share: Share,
    /// Why the version is to be used.
    pub reason: String,
    /// Why it is to be used although gates are closed.
    pub despite: String,
    /// The names of these gates. One that closes later is not meant.
    pub closed: Vec<String>,
    /// The newest binding when it was asked for; it has to be the newest still.
    pub seen: Option<BindingId>,
    /// For whom it was asked.
    pub asked_by: String,
    #[serde(skip)]
    pub asker: Signer,
    pub asked_at: Timestamp,
    /// None while it waits for a second person.
    pub answered: Option<Answered>,
}

impl Waiver {
    /// Whether somebody may be the one who asked.
    pub fn is_of(&self, signer: &Signer) -> bool {
        let asked_for = Signer { name: self.asked_by.clone(), maker: None };
        self.asker.is_same(signer) || asked_for.is_same(signer)
    }
}

/// What a second person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AnsweredWaiver)]
pub struct Answered {
    pub verdict: Verdict,
    pub by: String,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WaiverVerdict)]
pub enum Verdict {
    Approved,
    /// Somebody said no, or the one who asked took it back.
    Declined,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_known_by_the_name_and_by_the_keys_that_he_made() {
        let signer =
            |name: &str, maker: Option<&str>| Signer { name: name.to_owned(), maker: maker.map(str::to_owned) };
        let ana = signer("ana@example.com", None);
        for (other, expected) in [
            (signer("Ana@Example.com ", None), true),
            (signer("ben@example.com", None), false),
            (signer("key deploy", Some("ana@example.com")), true),
            (signer("key deploy", Some("ben@example.com")), false),
        ] {
            assert_eq!((ana.is_same(&other), other.is_same(&ana)), (expected, expected), "{other:?}");
        }
        let [one, two] = ["one", "two"].map(|name| signer(name, Some("olga")));
        assert!(one.is_same(&two), "two keys that one person made");
    }
}
