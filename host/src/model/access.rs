//! Who may do what: a role is a set of rights, and reaches one account or all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::AccountId;
use super::time::Timestamp;

/// One kind of thing that somebody may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Look at what became of leads, and at how things are set.
    Read,
    /// Connect, set, test, retry, replay, pause.
    Change,
    /// See, take out and erase the data of one shopper.
    Privacy,
    /// Say who else may do what.
    Access,
    /// Upload a transformation, which stays a draft.
    Publish,
    /// Test, compare, enable and roll back transformations.
    Transform,
    /// See to the service itself, and to all accounts at once.
    Operate,
}

impl Right {
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Change, Self::Privacy, Self::Access, Self::Publish, Self::Transform, Self::Operate];

    /// What it lets somebody do, where people choose it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Read => "look at leads and settings",
            Self::Change => "connect, set, test, retry, replay and pause",
            Self::Privacy => "find, export and erase a shopper's data",
            Self::Access => "make keys and invite people",
            Self::Publish => "upload transformations as drafts",
            Self::Transform => "test, compare, enable and roll back transformations",
            Self::Operate => "operate the service",
        }
    }
}

/// What somebody is, in a word that people know.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads one account.
    Viewer,
    /// Runs one account.
    Manager,
    /// Helps all accounts, and keeps their transformations; sees personal data masked.
    Support,
    /// Runs the service.
    Operator,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Manager, Self::Support, Self::Operator];

    pub fn rights(self) -> &'static [Right] {
        match self {
            Self::Viewer => &[Right::Read],
            Self::Manager => &[Right::Read, Right::Change, Right::Privacy, Right::Access],
            Self::Support => &[Right::Read, Right::Change, Right::Publish, Right::Transform],
            Self::Operator => &Right::ALL,
        }
    }

    /// Whether it works across accounts, and belongs to none.
    pub fn is_of_the_house(self) -> bool {
        matches!(self, Self::Support | Self::Operator)
    }
}

/// Whose data somebody gets to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    One(AccountId),
}

impl Reach {
    /// The one account; none where all are meant.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::All => None,
            Self::One(account) => Some(account),
        }
    }
}

/// How somebody sees the people whom leads are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Whole,
    /// Names and addresses are shown in part only.
    Masked,
}

impl Sight {
    /// Something as it is shown: whole, or what `mask` leaves of it.
    pub fn shown<T>(self, whole: T, mask: impl FnOnce(T) -> T) -> T {
        match self {
            Self::Whole => whole,
            Self::Masked => mask(whole),
        }
    }
}

/// Only those who run the service may change something for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReadOnly {
    /// Why, for everybody who reads it on a page.
    pub reason: String,
    pub since: Timestamp,
    /// Who said so.
    pub by: String,
}

/// Somebody who is known and asks for something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// As the history tells it: an address, the name of a key, a user of the machine.
    pub name: String,
    pub rights: BTreeSet<Right>,
    pub reach: Reach,
    /// Who made the key that is held; none for a person.
    pub maker: Option<String>,
    pub sight: Sight,
    /// The session that the browser holds; none for a program.
    pub session: Option<Session>,
    /// That only those who run the service may change something, where that is so.
    pub read_only: Option<ReadOnly>,
    /// The account that the request turned out to be about.
    about: Arc<OnceLock<AccountId>>,
    /// What was set, as it was before and as it is now.
    change: Arc<OnceLock<[Value; 2]>>,
}

/// What is known of a browser that somebody signed in with.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    pub id: String,
    pub expires_at: Timestamp,
    /// It lives in a frame of another product.
    pub is_embedded: bool,
    /// Stands in every form, so that no other page sends one in its name.
    #[serde(skip)]
    pub csrf: String,
}

impl Actor {
    pub fn new(name: impl Into<String>, rights: impl IntoIterator<Item = Right>, reach: Reach) -> Self {
        let rights = rights.into_iter().collect();
        Self {
            name: name.into(),
            rights,
            reach,
            maker: None,
            sight: Sight::Whole,
            session: None,
            read_only: None,
            about: Arc::default(),
            change: Arc::default(),
        }
    }

    /// Somebody in a role. Support sees personal data masked.
    pub fn in_role(name: impl Into<String>, role: Role, reach: Reach) -> Self {
        let sight = match role {
            Role::Support => Sight::Masked,
            Role::Viewer | Role::Manager | Role::Operator => Sight::Whole,
        };
        Self { sight, ..Self::new(name, role.rights().iter().copied(), reach) }
    }

    /// The same, in a browser.
    pub fn signed_in(self, session: Session) -> Self {
        Self { session: Some(session), ..self }
    }

    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether he runs the service: all accounts at once, and not one of them only.
    pub fn runs_the_service(&self) -> bool {
        self.may(Right::Operate) && self.reach == Reach::All
    }

    /// Why he may not use a right to change something for now; none where he may. What needs no more than the right to look
    /// changes nothing that is stored.
    pub fn held_back(&self, right: Right) -> Option<&ReadOnly> {
        self.read_only.as_ref().filter(|_| right != Right::Read && !self.runs_the_service())
    }

    /// Whether the account is within reach. Notes, where it is, that the request is about it.
    pub fn reaches(&self, account: &AccountId) -> bool {
        let reached = match &self.reach {
            Reach::All => true,
            Reach::One(own) => own == account,
        };
        if reached {
            let _ = self.about.set(account.clone());
        }
        reached
    }

    /// The only account within reach; none where all are.
    pub fn own_account(&self) -> Option<&AccountId> {
        self.reach.account()
    }

    /// Notes what the request sets, for the history: how it was before, and how it is now. The first counts.
    pub fn changes(&self, before: impl Serialize, after: impl Serialize) {
        let value = |side: serde_json::Result<Value>| side.unwrap_or(Value::Null);
        let _ = self.change.set([value(serde_json::to_value(before)), value(serde_json::to_value(after))]);
    }

    /// What the request set, before and after.
    pub fn change(&self) -> Option<&[Value; 2]> {
        self.change.get()
    }

    /// The account that the request turned out to be about, if any.
    pub fn about(&self) -> Option<&AccountId> {
        self.about.get().or(self.own_account())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_no_more_than_it_needs() {
        use Right::*;
        let rows = [
            (Role::Viewer, vec![Read]),
            (Role::Manager, vec![Read, Change, Privacy, Access]),
            (Role::Support, vec![Read, Change, Publish, Transform]),
            (Role::Operator, vec![Read, Change, Privacy, Access, Publish, Transform, Operate]),
        ];
        for (role, rights) in rows {
            let actor = Actor::in_role("x", role, Reach::All);
            for right in Right::ALL {
                assert_eq!(actor.may(right), rights.contains(&right), "{role:?} {right:?}");
            }
            let seen = actor.sight.shown("maya@example.com", |_| "m…");
            assert_eq!(seen, if role == Role::Support { "m…" } else { "maya@example.com" }, "{role:?}");
        }
    }

    #[test]
    fn while_it_is_read_only_those_who_run_the_service_change_something_and_nobody_else() {
        let mode = ReadOnly { reason: "move".to_owned(), since: Timestamp(1), by: "olga".to_owned() };
        let account = || Reach::One(AccountId::new(Timestamp(1)));
        let rows = [
            (Role::Manager, account(), true),
            (Role::Support, Reach::All, true),
            // A key of an account with every right runs that account, and not the service.
            (Role::Operator, account(), true),
            (Role::Operator, Reach::All, false),
        ];
        for (role, reach, is_held) in rows {
            let actor = Actor::in_role("x", role, reach.clone());
            assert_eq!(actor.held_back(Right::Change), None, "nobody said so");
            let told = Actor { read_only: Some(mode.clone()), ..actor };
            for right in Right::ALL {
                let held = told.held_back(right).is_some();
                assert_eq!(held, is_held && right != Right::Read, "{role:?} of {reach:?}: {right:?}");
            }
        }
    }

    #[test]
    fn nobody_reaches_beyond_the_own_account() {
        let [own, other] = [1, 2].map(|at| AccountId::new(Timestamp(at)));
        let manager = Actor::in_role("maya@example.com", Role::Manager, Reach::One(own.clone()));
        assert!(!manager.reaches(&other) && manager.reaches(&own));
        assert_eq!(manager.about(), Some(&own));
        let support = Actor::in_role("sam@example.com", Role::Support, Reach::All);
        assert_eq!(support.about(), None);
        assert!(support.reaches(&other));
        assert_eq!(support.about(), Some(&other), "the audit says whose data it was");
    }
}
