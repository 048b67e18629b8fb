//! What dealerships asked of the house, as support and the askers see it.

use std::collections::HashMap;

use serde::Serialize;

use crate::model::account::Account;
use crate::model::id::AccountId;
use crate::model::wish::{Wish, Wished};

/// A wish with the dealership that has it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShownWish {
    /// By which a list goes on.
    pub id: String,
    /// The account's slug and name.
    pub account: String,
    pub account_name: String,
    /// Such as `Deals with the leads`.
    pub title: String,
    /// Questions and answers.
    #[schema(value_type = Vec<Vec<String>>)]
    pub answers: Vec<(&'static str, String)>,
    #[serde(flatten)]
    pub wish: Wish,
}

impl ShownWish {
    pub fn of(wish: Wish, account: &Account) -> Self {
        let answers = match &wish.wished {
            Wished::Deals(deals) => deals.answers().map(|(question, answer)| (question, answer.to_owned())).to_vec(),
            Wished::EventType { .. } => Vec::new(),
        };
        Self {
            id: format!("{}.{}.{}", account.slug, wish.wished.kind(), wish.wished.about()),
            account: account.slug.clone(),
            account_name: account.name.clone(),
            title: wish.wished.title(),
            answers,
            wish,
        }
    }

    /// Those of some accounts.
    pub fn all(wishes: Vec<Wish>, accounts: &[Account]) -> Vec<Self> {
        let by_id: HashMap<&AccountId, &Account> = accounts.iter().map(|account| (&account.id, account)).collect();
        let shown = |wish: Wish| by_id.get(&wish.account_id).map(|account| Self::of(wish.clone(), account));
        wishes.into_iter().filter_map(shown).collect()
    }

    pub fn is_open(&self) -> bool {
        self.wish.done_at.is_none()
    }
}
