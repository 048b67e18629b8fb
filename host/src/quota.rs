//! Another class of quota for an account: what the runs of its transformations may use from the next event on, in every
//! process. What was held because a limit was too small runs again.

use serde::Serialize;

use crate::cause::Code;
use crate::model::account::{Account, QuotaClass};
use crate::model::time::Timestamp;
use crate::store::{self, Store};
use crate::transform::Quota;

/// What a larger class may cure.
const CURED: [Code; 3] = [Code::TransformFuel, Code::TransformMemory, Code::TransformTimeout];

/// What an account's runs may use.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Given {
    pub account: String,
    pub quota: QuotaClass,
    /// For one run, as the two below.
    pub fuel: u64,
    pub memory_bytes: usize,
    pub millis: u64,
    /// Events that waited for a larger class, and run again.
    pub released: u64,
}

impl Given {
    /// What an account has.
    pub fn of(account: &Account) -> Self {
        let quota = Quota::of(account.quota);
        Self {
            account: account.slug.clone(),
            quota: account.quota,
            fuel: quota.fuel,
            memory_bytes: quota.memory_bytes,
            millis: quota.millis(),
            released: 0,
        }
    }
}

/// Gives an account a class of quota.
///
/// # Errors
/// The store's.
pub async fn give(store: &Store, account: &Account, class: QuotaClass, now: Timestamp) -> store::Result<Given> {
    store.set_quota(&account.id, class).await?;
    let released = match account.quota == class {
        true => 0,
        false => store.release(&account.id, &CURED, now).await?,
    };
    tracing::info!(
        account.id = %account.id, "account {} has the quota {class}; {released} events that waited run again", account.slug
    );
    Ok(Given { released, ..Given::of(&Account { quota: class, ..account.clone() }) })
}
