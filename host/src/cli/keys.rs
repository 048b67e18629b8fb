//! `leadline keys`: the key ring that opens tokens and signing secrets.

use serde::Serialize;

use super::Context;
use super::failure::{Failure, Result};
use crate::store::{Resealed, Store};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the keys, and how many values each seals.
    #[command(alias = "ls")]
    List,
    /// Put a new key first and seal everything again with it. The service may run meanwhile; run again, it finishes what
    /// was interrupted.
    Rotate,
    /// Remove the keys that seal nothing.
    Prune,
}

#[derive(Serialize)]
struct Key {
    id: String,
    values: u64,
    seals: bool,
}

#[derive(Serialize)]
struct Rotated {
    /// None: an earlier rotation was finished.
    new_key: Option<String>,
    #[serde(flatten)]
    resealed: Resealed,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List => {
            let keys = keys(&store).await?;
            let row = |key: &Key| {
                let seals = if key.seals { "seals" } else { "opens" };
                vec![key.id.clone(), seals.to_owned(), key.values.to_string()]
            };
            context.list(&keys, &["Key", "Use", "Values"], row, "The key ring is empty.")
        }
        Command::Rotate => rotate(&store, context).await,
        Command::Prune => {
            let removed = store.prune_keys().await?;
            context.one(&removed, |removed| match removed.as_slice() {
                [] => "Every key is in use.".to_owned(),
                removed => format!(
                    "Removed from the key ring: {}. Backups that were made before still need them; keep a copy with those.",
                    removed.join(", ")
                ),
            })
        }
    }
}

async fn keys(store: &Store) -> Result<Vec<Key>> {
    let keys = store.keys_in_use().await?.into_iter().enumerate();
    Ok(keys.map(|(index, (id, values))| Key { id, values, seals: index == 0 }).collect())
}

async fn rotate(store: &Store, context: &mut Context<'_>) -> Result<()> {
    let new_key = store.begin_rotation().await?;
    let rotated = Rotated { new_key, resealed: store.reseal().await? };
    context.one(&rotated, |rotated| {
        let begun = match &rotated.new_key {
            Some(id) => format!("Key {id} is new and seals from now on."),
            None => "An earlier rotation was not finished; it is now.".to_owned(),
        };
        format!(
            "{begun} Sealed again: {}.\nCopy the key ring apart from the backups. `leadline keys prune` removes what is no longer needed.",
            rotated.resealed.values
        )
    })?;
    match rotated.resealed.unreadable.as_slice() {
        [] => Ok(()),
        unreadable => Err(Failure::problems(format!(
            "{} values cannot be opened and stay as they are: {}",
            unreadable.len(),
            unreadable.join("; ")
        ))
        .hint("put the missing key back into the key ring, then run `leadline keys rotate` again")),
    }
}
