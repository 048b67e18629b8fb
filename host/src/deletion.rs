//! Deleting an account, for the operator whom somebody asked to. It cannot be undone.

use crate::model::account::Account;
use crate::model::lane::Step;
use crate::model::time::Timestamp;
use crate::store::{self, DeleteAccount, Store, StoreError};

/// Why an account stays.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    #[error("account `{0}` is connected to HubSpot")]
    Connected(String),
    #[error("what is typed is not `{0}`, the slug of the account")]
    Unconfirmed(String),
    #[error("somebody has deleted account `{0}` meanwhile")]
    Gone(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeletionError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Connected(_) => {
                "Disconnect it first, and wait until that is done: then the app is uninstalled and its tokens are revoked."
            }
            Self::Unconfirmed(_) => "Type the slug as it stands there: deleting cannot be undone.",
            Self::Gone(_) => "There is nothing left to do.",
            Self::Store(_) => "Try it again.",
        }
    }
}

/// Removes a page of what is left of deleted accounts, of each. One that fails does not keep the others.
///
/// # Errors
/// When the database cannot say which there are, and the first of them that failed.
pub async fn sweep(store: &Store, now: Timestamp) -> store::Result<Step> {
    let (mut step, mut failed) = (Step::Idle, None);
    for account in store.deleted_accounts(now).await? {
        match store.remove_deleted(&account, now).await {
            Ok(true) => step = Step::Worked,
            Ok(false) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(step), Err)
}

/// Deletes an account, where `confirmed` is its slug. From then on its keys, people and links open nothing, and a second
/// later its events are refused; its rows go within the next minutes, a page at a time. What is in HubSpot stays there.
///
/// # Errors
/// [`DeletionError`], for the one who asked.
pub async fn delete(store: &Store, account: &Account, confirmed: &str, now: Timestamp) -> Result<(), DeletionError> {
    if confirmed.trim() != account.slug {
        return Err(DeletionError::Unconfirmed(account.slug.clone()));
    }
    match store.delete_account(&account.id, now).await? {
        DeleteAccount::Deleted => Ok(()),
        DeleteAccount::Connected => Err(DeletionError::Connected(account.slug.clone())),
        DeleteAccount::Gone => Err(DeletionError::Gone(account.slug.clone())),
    }
}
