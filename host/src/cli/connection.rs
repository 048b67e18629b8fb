//! `leadline connection`: an account's HubSpot portal.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::failure::{Failure, Result};
use crate::app::open_store;
use crate::connection::{self, UseError};
use crate::hubspot::HubSpot;
use crate::model::account::Connection;
use crate::model::time::clock;
use crate::stock;
use crate::transform::Transformer;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Connect an account to its portal with the token of a private app, and choose its transformation.
    Connect {
        /// Slug or id of the account.
        #[arg(long)]
        account: String,
        /// HubSpot's id of the portal.
        #[arg(long)]
        portal: i64,
        /// File that holds the token.
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
        /// The transformation that captured leads go through.
        #[arg(long, default_value = stock::DEFAULT_NAME)]
        transformation: String,
        /// JSON file of its settings.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Connected {
    connection: Connection,
    transformation: String,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let Command::Connect { account, portal, token_file, transformation, settings } = command;
    let store = open_store(&context.config).await?;
    stock::install(&store, &Transformer::new()?, clock()).await?;
    let account = context.account(&store, &account).await?;
    let token = std::fs::read_to_string(&token_file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", token_file.display())))?;
    if token.trim().is_empty() {
        return Err(Failure::usage(format!("{} holds no token", token_file.display())));
    }
    let settings = settings.map_or_else(|| Ok(json!({})), |file| read_json(&file))?;
    // Checked before anything is made, so that a wrong setting leaves nothing behind.
    connection::choose(&store, &account, &transformation, settings.clone()).await.map_err(failure)?;
    let connection =
        connection::connect(&store, &account, portal, &SecretString::from(token.trim().to_owned()), clock()).await?;
    let hubspot = HubSpot::new(&context.config.hubspot_url)?;
    let version = match connection::portal::session(&store, &hubspot, &connection).await? {
        Some(session) => {
            connection::use_on_portal(&store, &account, &session, &transformation, settings, clock()).await
        }
        None => connection::use_transformation(&store, &account, &connection, &transformation, settings, clock()).await,
    };
    let version = version.map_err(failure)?;
    let connected = Connected { connection, transformation: version.label() };
    context.one(&connected, |connected| {
        format!(
            "Portal {} is connected. New leads go through {}.",
            connected.connection.portal_id, connected.transformation
        )
    })
}

/// A JSON file, read.
pub(super) fn read_json(file: &std::path::Path) -> Result<Value> {
    let text =
        std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    serde_json::from_slice(&text).map_err(|error| Failure::usage(format!("{} is not JSON: {error}", file.display())))
}

fn failure(error: UseError) -> Failure {
    match error {
        UseError::Unknown { .. } => Failure::not_found(error.to_string()),
        UseError::Settings { .. } => Failure::problems(error.to_string()),
        UseError::Store(error) => error.into(),
    }
}
