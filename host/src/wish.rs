//! What a dealership asks of the house: it is kept once however often it is asked, and support is told by mail where there
//! is mail.

use serde::Serialize;

use crate::letter::{self, Letter, Sender};
use crate::model::account::Account;
use crate::model::message::{Kind, Message, Way};
use crate::model::time::Timestamp;
use crate::model::wish::{ANSWER_CHARS_MAX, Wish, Wished};
use crate::post;
use crate::store::{Store, StoreError};
use crate::view::event_types::TYPES;

/// Why something is not asked of the house.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    #[error("nothing is answered: say at least which pipeline the deals go into, or which leads make one")]
    Empty,
    #[error("the answer to `{0}` is longer than {ANSWER_CHARS_MAX} characters")]
    Long(&'static str),
    #[error("`{0}` is no event type that is coming")]
    NoType(String),
    #[error("nobody waits for it")]
    NotOpen,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// Where support is told of it by mail.
pub struct Desk<'a> {
    pub address: &'a str,
    pub sender: Sender<'a>,
}

/// What came of asking.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Asked {
    /// Nobody waited for it so far.
    pub is_new: bool,
    /// Support is told by mail too.
    pub is_told: bool,
    pub wish: Wish,
}

fn checked(wished: Wished) -> Result<Wished, WishError> {
    match &wished {
        Wished::Deals(deals) => {
            let answers = deals.answers();
            if answers.iter().all(|(_, answer)| answer.trim().is_empty()) {
                return Err(WishError::Empty);
            }
            match answers.iter().find(|(_, answer)| answer.chars().count() > ANSWER_CHARS_MAX) {
                Some((question, _)) => Err(WishError::Long(question)),
                None => Ok(wished),
            }
        }
        Wished::EventType { name } => {
            let is_coming = TYPES.iter().any(|known| known.name == *name && !known.is_ready);
            if is_coming { Ok(wished) } else { Err(WishError::NoType(name.clone())) }
        }
    }
}

/// Asks the house for something. Who asks again changes the answers, and nobody is told twice.
///
/// # Errors
/// [`WishError`], for the person who asks.
pub async fn ask(
    store: &Store,
    account: &Account,
    wished: Wished,
    (by, desk): (&str, Option<&Desk<'_>>),
    now: Timestamp,
) -> Result<Asked, WishError> {
    let wished = checked(wished)?;
    let is_new = store.wish(&account.id, &wished, by, now).await?;
    let wishes = store.wishes(Some(&account.id)).await?;
    let is_it = |wish: &Wish| wish.wished.kind() == wished.kind() && wish.wished.about() == wished.about();
    let wish = wishes.into_iter().find(is_it).ok_or(WishError::NotOpen)?;
    let is_told = match desk.filter(|_| is_new) {
        Some(desk) => {
            let letter = told(desk, account, &wish)?;
            let content = serde_json::to_value(&letter).map_err(anyhow::Error::from)?;
            let message = post::message(Kind::Wish, Way::Mail, desk.address, &letter.subject, content, now);
            store.post(&Message { account_id: Some(account.id.clone()), ..message }).await?;
            true
        }
        None => false,
    };
    Ok(Asked { is_new, is_told, wish })
}

/// The letter to support.
fn told(desk: &Desk<'_>, account: &Account, wish: &Wish) -> anyhow::Result<Letter> {
    let answers = match &wish.wished {
        Wished::Deals(deals) => deals.answers().map(|(question, answer)| format!("{question}: {answer}")).to_vec(),
        Wished::EventType { .. } => Vec::new(),
    };
    letter::wish(&desk.sender, (&account.name, &account.slug), &wish.wished.title(), &wish.asked_by, answers)
}

/// Notes that a wish is seen to.
///
/// # Errors
/// [`WishError::NotOpen`] where nobody waits for it.
pub async fn fulfil(
    store: &Store,
    account: &Account,
    (kind, about): (&str, &str),
    by: &str,
    now: Timestamp,
) -> Result<(), WishError> {
    match store.fulfil(&account.id, (kind, about), by, now).await? {
        true => Ok(()),
        false => Err(WishError::NotOpen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wish::Deals;

    #[test]
    fn a_wish_is_checked_before_it_is_kept() {
        let deals = |pipeline: &str| Wished::Deals(Deals { pipeline: pipeline.to_owned(), ..Deals::default() });
        let of_type = |name: &str| Wished::EventType { name: name.to_owned() };
        for (wished, expected) in [
            (deals("Sales"), None),
            (deals(" "), Some("nothing is answered")),
            (deals(&"x".repeat(ANSWER_CHARS_MAX + 1)), Some("the answer to `Pipeline` is longer")),
            (of_type("carousel.clicked.v1"), None),
            (of_type("lead.captured.v1"), Some("`lead.captured.v1` is no event type that is coming")),
            (of_type("x"), Some("`x` is no event type")),
        ] {
            let told = checked(wished).err().map(|error| error.to_string());
            match (&told, expected) {
                (Some(told), Some(expected)) => assert!(told.starts_with(expected), "{told}"),
                (told, expected) => assert_eq!(told.as_deref(), expected),
            }
        }
    }
}
