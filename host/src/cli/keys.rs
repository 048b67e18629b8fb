//! `leadline keys`: the key ring that opens tokens and signing secrets.

use serde::Serialize;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::app::open_hubspot;
use crate::model::time::clock;
use crate::operate::keys::{self, Keys, RingKey};
use crate::store::{Resealed, SourceSecret, Store};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the keys, and how many values each seals.
    #[command(alias = "ls")]
    List,
    /// Show the keys, how far a rotation has come, the HubSpot app, and the ages of sources' secrets.
    Show,
    /// Put a new key first and seal everything again with it. The service may run meanwhile; run again, it finishes what
    /// was interrupted.
    Rotate,
    /// Remove the keys that seal nothing.
    Prune,
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
            let keys = keys::ring(&store, clock()).await?;
            let row = |key: &RingKey| {
                let seals = if key.seals { "seals" } else { "opens" };
                vec![key.id.clone(), seals.to_owned(), key.values.to_string(), since(key)]
            };
            context.list(&keys, &["Key", "Use", "Values", "Made"], row, "The key ring is empty.")
        }
        Command::Show => {
            let keys = keys::of_store(&store, &open_hubspot(&context.config)?, clock()).await?;
            context.one(&keys, text)
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

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Rotate => Deed::of("keys.rotate", "", None),
            Self::Prune => Deed::of("keys.prune", "", None),
            Self::List | Self::Show => None,
        }
    }
}

fn text(keys: &Keys) -> String {
    let key = |key: &RingKey| {
        let seals = if key.seals { "seals" } else { "opens" };
        format!("  key {} {seals} {} values, made {}", key.id, key.values, since(key))
    };
    let secret = |secret: &SourceSecret| {
        let until = secret.valid_until.map_or_else(|| "in use".to_owned(), |until| format!("counts until {until}"));
        format!("  {} {} ({}), made {}, {until}", secret.account, secret.source, secret.source_name, secret.created_at)
    };
    let mut lines = vec![format!("{} % of the values are sealed with the first key", keys.sealed_by_first_percent)];
    lines.extend(keys.ring.iter().map(key));
    lines.push(match &keys.hubspot_app {
        Some(app) => format!("HubSpot app {}, which sends people back to {}", app.client_id, app.redirect_url),
        None => "No HubSpot app: portals are connected by the tokens of private apps".to_owned(),
    });
    lines.push("Secrets of sources, the oldest first".to_owned());
    lines.extend(keys.source_secrets.iter().map(secret));
    lines.join("\n")
}

/// When a key was made, as far as anybody knows.
fn since(key: &RingKey) -> String {
    match key.known_since {
        Some(at) if key.is_exact => at.to_string(),
        Some(at) => format!("{at} or before"),
        None => "nobody knows when".to_owned(),
    }
}

async fn rotate(store: &Store, context: &mut Context<'_>) -> Result<()> {
    let new_key = store.begin_rotation(clock()).await?;
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
