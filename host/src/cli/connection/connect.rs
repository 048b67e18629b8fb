//! `leadline connection connect` and `reconnect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::super::file::{read_json, read_text};
use super::super::{Context, UNKNOWN, who};
use super::find;
use crate::app::open_hubspot;
use crate::connection::consent::{self, Wish};
use crate::connection::scopes::Feature;
use crate::connection::{self, UseError, session};
use crate::model::account::{Account, Agreed, Agreement, Connection, ConnectionState};
use crate::model::time::clock;
use crate::model::{time::Timestamp, word};
use crate::stock;
use crate::store::Store;

/// How often a command that waits looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Slug or id of the account.
    #[arg(long)]
    account: String,
    /// File that holds the token of a private app. Without it a link is printed.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// HubSpot's id of the portal that the token has to belong to.
    #[arg(long, requires = "token_file")]
    portal: Option<i64>,
    /// The transformation that captured leads go through. [default: `default`, where none is in use]
    #[arg(long)]
    transformation: Option<String>,
    /// JSON file of its settings.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    link: Link,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        // A token connects at once. Whoever uses a link is noted then.
        let action = if self.token_file.is_some() { "connections.connect" } else { "accounts.connect" };
        Deed::to(action, &self.account)
    }
}

impl Again {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("accounts.connect", &self.connection)
    }
}

#[derive(clap::Args, Debug)]
pub struct Again {
    /// The account's slug, or the connection's id.
    connection: String,
    #[command(flatten)]
    link: Link,
}

#[derive(clap::Args, Debug)]
struct Link {
    /// Ask for permission for this too, beside what is in use.
    #[arg(long, value_name = "FEATURE", value_parser = PossibleValuesParser::new(features()).map(|word| feature(&word)))]
    allow: Vec<Feature>,
    /// Wait until the link has been used, or has expired.
    #[arg(long)]
    wait: bool,
}

fn features() -> Vec<&'static str> {
    vec!["create-contact-properties", "deals", "create-deal-properties", "owners", "companies", "custom-objects"]
}

fn feature(text: &str) -> Feature {
    let is_it = |feature: &Feature| word(feature).replace('_', "-") == text;
    Feature::ALL.into_iter().find(is_it).expect("only features of the list are taken")
}

#[derive(Serialize)]
struct Connected {
    connection: Connection,
    transformation: String,
}

#[derive(Serialize)]
struct Printed<'a> {
    link: String,
    expires_at: Timestamp,
    account: &'a str,
}

pub(super) async fn run(store: &Store, args: Args, context: &mut Context<'_>) -> Result<()> {
    stock::install(store, &context.transformer()?, clock()).await?;
    let account = context.account(store, &args.account).await?;
    let settings = args.settings.as_deref().map_or_else(|| Ok(json!({})), read_json)?;
    // Checked before anything is made, so that a wrong setting leaves nothing behind.
    let chosen = match (&args.transformation, args.settings.is_some() || args.token_file.is_some()) {
        (Some(name), _) => Some(name.as_str()),
        (None, true) => Some(stock::DEFAULT_NAME),
        (None, false) => None,
    };
    if let Some(name) = chosen {
        connection::choose(store, &account, name, settings.clone()).await.map_err(failure)?;
    }
    match (&args.token_file, chosen) {
        (Some(file), Some(name)) => with_token(store, &account, file, args.portal, (name, settings), context).await,
        (_, chosen) => {
            let connections = store.connections(Some(&account.id)).await?;
            let live = connections.iter().find(|connection| connection.state != ConnectionState::Disconnected);
            let transformation = chosen.map(|name| (name, &settings));
            let (asked, back) = (Some(asked()), None);
            let wish = Wish { connection: live, features: &args.link.allow, transformation, asked, back };
            print_link(store, &account, wish, args.link.wait, context).await
        }
    }
}

pub(super) async fn again(store: &Store, again: Again, context: &mut Context<'_>) -> Result<()> {
    let connection = find(store, &again.connection).await?;
    let account = context.account(store, connection.account_id.as_str()).await?;
    let (connection, features) = (Some(&connection), &again.link.allow[..]);
    let wish = Wish { connection, features, transformation: None, asked: Some(asked()), back: None };
    print_link(store, &account, wish, again.link.wait, context).await
}

/// Who is at the terminal, for whom it may concern later.
fn asked() -> Agreement {
    let name = who();
    Agreement::new(if name == UNKNOWN { "somebody".to_owned() } else { name }, Agreed::Terminal, clock())
}

async fn with_token(
    store: &Store,
    account: &Account,
    file: &std::path::Path,
    portal: Option<i64>,
    (name, settings): (&str, Value),
    context: &mut Context<'_>,
) -> Result<()> {
    let token = read_text(file)?;
    if token.trim().is_empty() {
        return Err(Failure::usage(format!("{} holds no token", file.display())));
    }
    let token = SecretString::from(token.trim().to_owned());
    let hubspot = open_hubspot(&context.config)?;
    let connection = connection::connect_with_token(store, &hubspot, account, portal, &token, &asked()).await?;
    let session = session::open(store, &hubspot, &connection, &clock).await?;
    let version =
        connection::use_on_portal(store, account, &session, name, settings, clock()).await.map_err(failure)?;
    let connected = Connected { connection, transformation: version.label() };
    context.one(&connected, |connected| {
        format!(
            "Portal {} is connected. New leads go through {}.",
            connected.connection.portal_id, connected.transformation
        )
    })
}

async fn print_link(
    store: &Store,
    account: &Account,
    wish: Wish<'_>,
    wait: bool,
    context: &mut Context<'_>,
) -> Result<()> {
    let (Some(public_url), Some(_)) = (context.config.public_url()?, open_hubspot(&context.config)?.app()) else {
        let text = "there is no HubSpot app to connect with, so only a token can be used: `--token-file`";
        let hint = "give the service and this command `--hubspot-client-id`, `--hubspot-client-secret-file` and `--public-url`";
        return Err(Failure::usage(text.to_owned()).hint(hint));
    };
    let portal = wish.connection.map(|connection| connection.portal_id);
    let invitation = consent::invite(store, account, wish, clock()).await?;
    let printed =
        Printed { link: invitation.link(&public_url), expires_at: invitation.expires_at, account: &account.slug };
    context.one(&printed, |printed| {
        let whose = portal.map_or_else(String::new, |portal| format!(" to portal {portal}"));
        format!(
            "Connect {}{whose}:\n\n  {}\n\nGive this link to a HubSpot super admin, or to somebody with the permission App Marketplace Access.\nIt connects once, and is good until {}. The service has to be running.",
            account.name, printed.link, printed.expires_at
        )
    })?;
    if !wait {
        return Ok(());
    }
    context.out.flush()?;
    loop {
        if let Some(made) = consent::outcome(store, &invitation).await? {
            let connection = find(store, made.as_str()).await?;
            return context.one(&connection, |connection| {
                let name = connection.portal.as_ref().and_then(|portal| portal.name.clone()).unwrap_or_default();
                format!("Portal {} {name} is connected.", connection.portal_id)
            });
        }
        if clock() >= invitation.expires_at {
            return Err(Failure::temporary("the link expired before anybody used it".to_owned()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn failure(error: UseError) -> Failure {
    match error {
        UseError::Unknown { .. } => Failure::not_found(error.to_string()),
        UseError::Settings { .. } => Failure::problems(error.to_string()),
        UseError::Store(error) => error.into(),
    }
}
