//! `leadline connection`: an account's HubSpot portal.

mod connect;
mod event_types;
mod set;

use std::time::Duration;

use clap::builder::TypedValueParser as _;
use serde::Serialize;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::app::open_hubspot;
use crate::cause::Problem;
use crate::connection::check::check;
use crate::connection::ending::{self, EndError};
use crate::connection::needs;
use crate::connection::scopes::{self, MissingScope};
use crate::connection::setup::{SetupStep, setup};
use crate::connection::standing::{Standing, standing};
use crate::model::account::{Auth, Connection, Waiting};
use crate::model::time::{Timestamp, clock};
use crate::store::{Store, WaitingLeads};
use crate::view::moment::things;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Connect an account: prints a link for the person who may agree in HubSpot, or takes the token of a private app.
    Connect(connect::Args),
    /// Connect an account to the same portal again: prints a link for that portal only.
    Reconnect(connect::Again),
    /// List the connections.
    #[command(alias = "ls")]
    List {
        /// Only those of this account: slug or id.
        #[arg(long)]
        account: Option<String>,
    },
    /// Show a connection: its state, its permissions, and what waits.
    #[command(alias = "get")]
    Show {
        /// The account's slug, or the connection's id.
        connection: String,
    },
    /// Run every check in order, and say what is wrong and what mends it. Exit code 3 when something is.
    Check {
        /// The account's slug, or the connection's id.
        connection: String,
    },
    /// Show what is done to set an account up, and what is left.
    Setup {
        /// The account's slug or id.
        account: String,
    },
    /// List the event types, and which of them go to the portal; or choose them.
    EventTypes {
        /// The account's slug, or the connection's id.
        connection: String,
        /// Send these, and no others: `lead.captured.v1`. Events of the others are skipped, and can be replayed.
        #[arg(long, value_delimiter = ',', value_name = "TYPES")]
        select: Vec<String>,
    },
    /// Say how leads are written to the portal. What is not named stays as it is.
    Set(set::Args),
    /// Stop deliveries; leads wait until the connection is resumed.
    Pause {
        /// The account's slug, or the connection's id.
        connection: String,
    },
    /// Let everything go on that a pause held.
    Resume {
        /// The account's slug, or the connection's id.
        connection: String,
    },
    /// End a connection: the app is taken out of HubSpot and the tokens are wiped. Records in HubSpot, settings and
    /// history stay.
    Disconnect {
        /// The account's slug, or the connection's id.
        connection: String,
        /// What to do with leads that wait: `send` sends them first, as far as that goes within 15 minutes.
        #[arg(long, default_value = "send", value_parser = clap::builder::PossibleValuesParser::new(WAITING.map(|(word, _)| word)).map(waiting))]
        waiting: Waiting,
        /// Seconds, 60 at most, in which it can be kept with `leadline connection stay`; a running service ends it then.
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=60))]
        undo_for: u32,
    },
    /// Keep a connection that is about to end.
    #[command(alias = "undo")]
    Stay {
        /// The account's slug, or the connection's id.
        connection: String,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Connect(args) => args.deed(),
            Self::Reconnect(again) => again.deed(),
            Self::Set(args) => args.deed(),
            Self::Pause { connection } => Deed::to("connections.pause", connection),
            Self::Resume { connection } => Deed::to("connections.resume", connection),
            Self::Disconnect { connection, .. } => Deed::to("connections.disconnect", connection),
            Self::Stay { connection } => Deed::to("connections.stay", connection),
            Self::EventTypes { connection, select } if !select.is_empty() => {
                Deed::to("connections.event-types.set", connection)
            }
            Self::List { .. }
            | Self::Show { .. }
            | Self::Check { .. }
            | Self::Setup { .. }
            | Self::EventTypes { .. } => None,
        }
    }
}

const WAITING: [(&str, Waiting); 3] = [("send", Waiting::Send), ("hold", Waiting::Hold), ("discard", Waiting::Discard)];

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Connect(args) => connect::run(&store, args, context).await,
        Command::Reconnect(again) => connect::again(&store, again, context).await,
        Command::List { account } => list(&store, account, context).await,
        Command::Show { connection } => show(&store, &connection, context).await,
        Command::Check { connection } => {
            let connection = find(&store, &connection).await?;
            let checked = check(&store, &open_hubspot(&context.config)?, &connection, &clock).await?;
            context.one(&checked, |checked| match &checked.mending {
                Some(mending) => format!("{}\n\n{}: `{}`", checked.text(), mending.label, mending.command),
                None => checked.text(),
            })?;
            match checked.is_ok() {
                true => Ok(()),
                false => {
                    Err(Failure::problems(format!("the connection to portal {} needs attention", connection.portal_id)))
                }
            }
        }
        Command::Setup { account } => {
            let account = context.account(&store, &account).await?;
            let connection = store.connection_of(&account.id).await?;
            context.one(&setup(&store, &account, connection.as_ref()).await?, |setup| {
                let mark = |step: &SetupStep| if step.is_done { "ok" } else { "--" };
                let line = |step: &SetupStep| format!("{}  {}: {}", mark(step), step.title, step.about);
                setup.steps.iter().map(line).collect::<Vec<_>>().join("\n")
            })
        }
        Command::EventTypes { connection, select } => event_types::run(&store, &connection, &select, context).await,
        Command::Set(args) => set::run(&store, args, context).await,
        Command::Pause { connection } => {
            let connection = find(&store, &connection).await?;
            ending::pause(&store, &connection).await.map_err(failure)?;
            said(
                &store,
                &connection,
                context,
                "is paused. Leads are taken in and wait; `leadline connection resume` lets them go on.",
            )
            .await
        }
        Command::Resume { connection } => {
            let connection = find(&store, &connection).await?;
            ending::resume(&store, &connection, clock()).await.map_err(failure)?;
            said(&store, &connection, context, "is resumed. What waited goes on by itself.").await
        }
        Command::Stay { connection } => {
            let connection = find(&store, &connection).await?;
            ending::stay(&store, &connection, clock()).await.map_err(failure)?;
            said(&store, &connection, context, "stays as it was.").await
        }
        Command::Disconnect { connection, waiting, undo_for } => {
            let connection = find(&store, &connection).await?;
            let undo = Duration::from_secs(undo_for.into());
            disconnect(&store, &connection, (waiting, undo), context).await
        }
    }
}

async fn disconnect(
    store: &Store,
    connection: &Connection,
    (waiting, undo): (Waiting, Duration),
    context: &mut Context<'_>,
) -> Result<()> {
    let hubspot = open_hubspot(&context.config)?;
    let Some(ended) = ending::begin(store, &hubspot, connection, (waiting, undo), &clock).await.map_err(failure)?
    else {
        let keep = format!("`leadline connection stay {}` keeps it.", connection.id);
        let words = match waiting {
            Waiting::Send => format!(
                "ends once everything is sent, in a quarter of an hour at the latest; {} left, and a running service sends them. {keep}",
                leads(store.left_to_send(connection).await?)
            ),
            Waiting::Hold | Waiting::Discard => format!("ends in {} seconds. {keep}", undo.as_secs()),
        };
        return said(store, connection, context, &words).await;
    };
    context.one(&ended, |ended| {
        let mut lines = vec![format!(
            "Portal {} is disconnected. Records in HubSpot stay as they are, and so do settings and history here.",
            connection.portal_id
        )];
        if connection.auth == Auth::Token {
            lines.push(
                "Its token still counts in HubSpot: remove the private app there, or rotate the token.".to_owned(),
            );
        }
        if ended.cancelled > 0 {
            lines.push(format!("Cancelled: {}.", ended.cancelled));
        }
        if ended.held > 0 {
            lines.push(format!("Waiting until it is connected again: {}.", ended.held));
        }
        lines.extend(ended.left.iter().cloned());
        lines.join("\n")
    })
}

fn leads(count: i64) -> String {
    things(count, "lead is", "leads are")
}

async fn list(store: &Store, account: Option<String>, context: &mut Context<'_>) -> Result<()> {
    let account = context.account_or_all(store, account.as_deref()).await?;
    let connections = store.connections(account.as_ref()).await?;
    let accounts = store.accounts().await?;
    let row = |connection: &Connection| {
        let account = accounts.iter().find(|account| account.id == connection.account_id);
        let portal = connection.portal.as_ref().and_then(|portal| portal.name.clone());
        vec![
            account.map_or_else(|| connection.account_id.to_string(), |account| account.slug.clone()),
            connection.portal_id.to_string(),
            portal.unwrap_or_default(),
            ending::state_word(connection.state).to_owned(),
            auth_word(connection.auth).to_owned(),
            connection.id.to_string(),
        ]
    };
    let empty = "No connections yet: `leadline connection connect --account SLUG`.";
    context.list(&connections, &["Account", "Portal", "Name", "State", "By", "Id"], row, empty)
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    standing: Standing,
    waiting: WaitingLeads,
    missing: Vec<MissingScope>,
    /// HubSpot asked for a rest: until when, and why.
    rest: Option<(Timestamp, Problem)>,
}

async fn show(store: &Store, name: &str, context: &mut Context<'_>) -> Result<()> {
    let connection = find(store, name).await?;
    let needs = needs(store, &connection).await?;
    let missing = scopes::missing(&connection, &needs);
    let waiting = store.waiting_leads(&connection).await?;
    let rest = store.rest_of(&connection, clock()).await?;
    let account = context.account(store, connection.account_id.as_str()).await?;
    let standing = standing(store, &connection).await?;
    context.one(&Shown { standing, waiting, missing, rest }, |shown| {
        let connection = &shown.standing.connection;
        let mut lines = vec![format!(
            "Portal {}: {}, by {}, since {}",
            connection.portal_id,
            ending::state_word(connection.state),
            auth_word(connection.auth),
            connection.created_at
        )];
        if let Some(portal) = &connection.portal {
            let name = portal.name.as_deref().unwrap_or("without a name");
            lines.push(format!("  {name}, {}, {}, {}", portal.ui_domain, portal.time_zone, portal.currency));
        }
        if let Some(agreed) = &connection.agreed {
            lines.push(format!("  connected by {}, {}", agreed.words(), agreed.at));
        }
        if let Some(at) = shown.standing.last_delivered_at {
            lines.push(format!("  the last lead went through {at}"));
        }
        if let Some(left) = shown.standing.left_to_send {
            lines.push(format!(
                "  ends once everything is sent; {} left; `leadline connection stay {}` keeps it",
                leads(left),
                connection.id
            ));
        }
        for unsent in &shown.standing.unsent {
            lines.push(format!("  {}: `{}`", unsent.words(), unsent.command(&account)));
        }
        if let Some(problem) = &connection.problem {
            lines.push(format!("  {}: {problem}", problem.code.title()));
            lines.push(format!("  {}", problem.code.fix()));
        }
        if let Some(scopes) = &connection.scopes {
            lines.push(format!("  permitted: {}", scopes.join(", ")));
        }
        lines.extend(shown.missing.iter().map(|missing| format!("  {}", missing.sentence)));
        if let Some((until, why)) = &shown.rest {
            lines.push(format!("  rests until {until}: {}", why.code.title()));
        }
        lines.push(format!("  on the way: {}; waiting for somebody: {}", shown.waiting.pending, shown.waiting.blocked));
        lines.join("\n")
    })
}

/// The connection of an id, or the newest one of an account.
pub(super) async fn find(store: &Store, name: &str) -> Result<Connection> {
    if let Some(connection) = store.connection(name).await? {
        return Ok(connection);
    }
    let hint = "`leadline connection list` shows them";
    let Some(account) = store.account(name).await? else {
        return Err(Failure::not_found(format!("there is no account and no connection `{name}`")).hint(hint));
    };
    let newest = store.connections(Some(&account.id)).await?.into_iter().next();
    newest.ok_or_else(|| {
        Failure::not_found(format!("account `{name}` has no connection"))
            .hint(format!("`leadline connection connect --account {name}` makes a link for one"))
    })
}

async fn said(store: &Store, connection: &Connection, context: &mut Context<'_>, words: &str) -> Result<()> {
    let fresh = store.connection(connection.id.as_str()).await?.unwrap_or_else(|| connection.clone());
    context.one(&fresh, |fresh| format!("Portal {} {words}", fresh.portal_id))
}

fn auth_word(auth: Auth) -> &'static str {
    match auth {
        Auth::Token => "token",
        Auth::OAuth => "consent",
    }
}

fn waiting(word: String) -> Waiting {
    WAITING.into_iter().find(|(known, _)| *known == word).map_or(Waiting::Send, |(_, waiting)| waiting)
}

fn failure(error: EndError) -> Failure {
    match error {
        EndError::State { .. } | EndError::Ended(_) => Failure::conflict(error.to_string()),
        EndError::Store(error) => error.into(),
    }
}
