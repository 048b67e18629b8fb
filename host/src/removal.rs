//! Taking out versions that nobody uses. One that decides about leads stays, and so does one that a rollback goes back to.

use crate::digest::sha256_hex;
use crate::model::account::Version;
use crate::model::id::VersionId;
use crate::model::time::Timestamp;
use crate::stock;
use crate::store::{Hold, Store, StoreError, TakenOut};

/// Why a version stays.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    #[error("`{label}` stays: {}", holds_text(.holds))]
    Needed { label: String, holds: Vec<Hold> },
    #[error("`{label}` stays: it is built into the service, which would bring it back")]
    Stock { label: String },
    #[error("there is no transformation `{0}` with a version that could be taken out")]
    NoTransformation(String),
    #[error("`{label}` is taken out already")]
    Gone { label: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemovalError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Needed { .. } => {
                "Enable another version there, and once more another one where a rollback goes back to it; then take it out."
            }
            Self::Stock { .. } => "Leave it; nobody has to use it.",
            Self::NoTransformation(_) | Self::Gone { .. } => "`leadline transform list` shows those that there are.",
            Self::Store(_) => "Try it again.",
        }
    }
}

/// Accounts that are named; of the others, how many.
const NAMED_MAX: usize = 5;

fn holds_text(holds: &[Hold]) -> String {
    let names =
        |is_used: bool| holds.iter().filter(move |hold| hold.is_used == is_used).map(|hold| hold.account.as_str());
    let told = |names: Vec<&str>| match names.split_at_checked(NAMED_MAX) {
        Some((named, rest)) if !rest.is_empty() => format!("{} and {} more", named.join(", "), rest.len()),
        _ => names.join(", "),
    };
    let (used, back): (Vec<_>, Vec<_>) = (names(true).collect(), names(false).collect());
    let used = (!used.is_empty()).then(|| format!("it decides about leads of {}", told(used)));
    let back = (!back.is_empty()).then(|| format!("a rollback of {} goes back to it", told(back)));
    [used, back].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Takes one version out.
///
/// # Errors
/// [`RemovalError`], for the person who asked.
pub async fn take_out(store: &Store, version: &Version, by: &str, now: Timestamp) -> Result<(), RemovalError> {
    all(store, std::slice::from_ref(version), by, now).await
}

/// Takes a transformation out that an account, or the house, owns: all of its versions, or none. Says which.
///
/// # Errors
/// [`RemovalError`], for the person who asked.
pub async fn take_out_all(
    store: &Store,
    (owner, name): (&str, &str),
    by: &str,
    now: Timestamp,
) -> Result<Vec<String>, RemovalError> {
    let versions = store.versions_of(owner, name).await?;
    if versions.is_empty() {
        return Err(RemovalError::NoTransformation(name.to_owned()));
    }
    all(store, &versions, by, now).await?;
    Ok(versions.iter().map(Version::label).collect())
}

async fn all(store: &Store, versions: &[Version], by: &str, now: Timestamp) -> Result<(), RemovalError> {
    let built_in = [stock::DEFAULT, stock::DEALS].map(sha256_hex);
    for version in versions {
        if built_in.contains(&version.hash) && store.is_stock(&version.id).await? {
            return Err(RemovalError::Stock { label: version.label() });
        }
    }
    let label =
        |id: &VersionId| versions.iter().find(|version| version.id == *id).map_or_else(String::new, Version::label);
    let ids: Vec<_> = versions.iter().map(|version| version.id.clone()).collect();
    match store.take_out(&ids, by, now).await? {
        TakenOut::Done => Ok(()),
        TakenOut::Needed(id, holds) => Err(RemovalError::Needed { label: label(&id), holds }),
        TakenOut::Gone => {
            let labels: Vec<_> = versions.iter().map(Version::label).collect();
            Err(RemovalError::Gone { label: labels.join("`, `") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_a_version_is_named() {
        let hold = |account: &str, is_used| Hold { account: account.to_owned(), is_used };
        let many: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].iter().map(|account| hold(account, true)).collect();
        for (holds, expected) in [
            (vec![hold("acme", true)], "it decides about leads of acme"),
            (vec![hold("acme", false)], "a rollback of acme goes back to it"),
            (
                vec![hold("acme", true), hold("ocean", false)],
                "it decides about leads of acme; a rollback of ocean goes back to it",
            ),
            (many, "it decides about leads of a, b, c, d, e and 2 more"),
        ] {
            assert_eq!(holds_text(&holds), expected);
        }
    }
}
