//! `leadline access`: who may do what over HTTP and in the dashboard. Whoever has the data folder may do everything.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::access::{self, AccessError, LINK_LIFE, NewKey, NewLink, SESSION_LIFE};
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::time::{DAY, Timestamp, clock};
use crate::store::{ApiKey, Person, Store, StoredSession};
use crate::{app, post};

/// Where the service answers when nobody says otherwise.
const LOCAL: &str = "http://127.0.0.1:8080";

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a link that signs somebody in to the dashboard, once, within a quarter of an hour.
    Link {
        /// The account's slug or id; without one, for support and operators.
        #[arg(long)]
        account: Option<String>,
        /// [default: manager of an account, operator of the house]
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// Who it is for, as the history will tell it. [default: who is at the keyboard]
        #[arg(long = "for", value_name = "NAME")]
        name: Option<String>,
    },
    /// Keys by which programs are known.
    #[command(subcommand)]
    Key(KeyCommand),
    /// People who may sign in with a link in their mail.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Browsers in which somebody is signed in.
    #[command(subcommand)]
    Session(SessionCommand),
}

#[derive(clap::Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a key. It is shown this once.
    Create {
        name: String,
        /// The account's slug or id; without one, it reaches all accounts.
        #[arg(long)]
        account: Option<String>,
        /// What it may do.
        #[arg(long = "right", value_enum, value_delimiter = ',', required = true)]
        rights: Vec<Right>,
        /// Days until it is over; without, it opens until it is revoked.
        #[arg(long)]
        days: Option<u32>,
    },
    /// List the keys, the revoked ones too.
    #[command(alias = "ls")]
    List {
        #[arg(long)]
        account: Option<String>,
    },
    /// Revoke a key, at once.
    #[command(alias = "rm")]
    Revoke {
        id: String,
        #[arg(long)]
        account: Option<String>,
    },
}

#[derive(clap::Subcommand, Debug)]
pub enum PersonCommand {
    /// Let somebody sign in, or change what somebody may do.
    Add {
        email: String,
        #[arg(long)]
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        /// The account's slug or id; without one, for support and operators.
        #[arg(long)]
        account: Option<String>,
    },
    /// List who may sign in.
    #[command(alias = "ls")]
    List {
        #[arg(long)]
        account: Option<String>,
    },
    /// Take somebody out, and end what runs in the name.
    #[command(alias = "rm")]
    Remove {
        email: String,
        #[arg(long)]
        account: Option<String>,
    },
}

#[derive(clap::Subcommand, Debug)]
pub enum SessionCommand {
    /// List the browsers in which somebody is signed in.
    #[command(alias = "ls")]
    List {
        /// The account's slug or id; without one, those of support and operators.
        #[arg(long)]
        account: Option<String>,
    },
    /// Sign a browser out, at once.
    #[command(alias = "rm")]
    End {
        id: String,
        #[arg(long)]
        account: Option<String>,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Link { account, name, .. } => {
                Deed::of("sign-in-links.create", name.as_deref().unwrap_or_default(), account.as_deref())
            }
            Self::Key(KeyCommand::Create { name, account, .. }) => {
                Deed::of("api-keys.create", name, account.as_deref())
            }
            Self::Key(KeyCommand::Revoke { id, account }) => Deed::of("api-keys.delete", id, account.as_deref()),
            Self::Person(PersonCommand::Add { email, account, .. }) => {
                Deed::of("people.create", email, account.as_deref())
            }
            Self::Person(PersonCommand::Remove { email, account }) => {
                Deed::of("people.delete", email, account.as_deref())
            }
            Self::Session(SessionCommand::End { id, account }) => Deed::of("sessions.delete", id, account.as_deref()),
            Self::Key(KeyCommand::List { .. })
            | Self::Person(PersonCommand::List { .. })
            | Self::Session(SessionCommand::List { .. }) => None,
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Link { account, role, name } => link(account, role, name, context).await,
        Command::Key(command) => key(command, context).await,
        Command::Person(command) => person(command, context).await,
        Command::Session(command) => session(command, context).await,
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Store(error) => error.into(),
            error => Self::usage(error.to_string()),
        }
    }
}

/// Whoever is at the keyboard: the data folder is open to him, so everything is.
fn me() -> Actor {
    Actor::in_role(super::who(), Role::Operator, Reach::All)
}

async fn reach(store: &Store, account: Option<&str>, context: &Context<'_>) -> Result<Reach> {
    Ok(context.account_or_all(store, account).await?.map_or(Reach::All, Reach::One))
}

async fn link(
    account: Option<String>,
    role: Option<Role>,
    name: Option<String>,
    context: &mut Context<'_>,
) -> Result<()> {
    let store = context.store().await?;
    let reach = reach(&store, account.as_deref(), context).await?;
    let role = role.unwrap_or(if reach == Reach::All { Role::Operator } else { Role::Manager });
    let name = name.unwrap_or_else(super::who);
    let new = NewLink { reach, name: &name, role, life: LINK_LIFE, session: SESSION_LIFE, is_embedded: false };
    let (text, expires_at) = access::make_link(&store, &me(), new, clock()).await?;
    let base = context.config.public_url()?.unwrap_or_else(|| LOCAL.to_owned());
    let made = json!({ "link": format!("{base}/sign-in/{}", text.expose_secret()), "expires_at": expires_at });
    context.one(&made, |made| {
        format!(
            "{}\nIt signs in {name} as {}, once, until {expires_at}.",
            text_of(&made["link"]),
            crate::model::word(&role)
        )
    })
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn key(command: KeyCommand, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        KeyCommand::Create { name, account, rights, days } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            let expires_at = days.map(|days| clock() + DAY * days);
            let new = NewKey { reach, name: &name, rights: &rights, expires_at };
            let (key, text) = access::make_key(&store, &me(), new, clock()).await?;
            let made = json!({ "key": key, "secret": text.expose_secret() });
            context.one(&made, |made| {
                format!("Key {} is there. It is shown this once:\n{}", key.id, text_of(&made["secret"]))
            })
        }
        KeyCommand::List { account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            let head = ["Id", "Name", "Rights", "Made", "By", "Last used", "State"];
            context.list(&store.api_keys(&reach).await?, &head, key_row, "There are no keys.")
        }
        KeyCommand::Revoke { id, account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            if !store.revoke_api_key(&reach, &id, clock()).await? {
                let text = format!("there is no key `{id}` that opens something");
                return Err(Failure::not_found(text).hint("`leadline access key list` shows them"));
            }
            context.one(&json!({ "id": id, "revoked": true }), |_| format!("Key {id} opens nothing any more."))
        }
    }
}

fn key_row(key: &ApiKey) -> Vec<String> {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "good".to_owned(),
    };
    let rights = key.rights.iter().map(crate::model::word).collect::<Vec<_>>().join(", ");
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    vec![key.id.to_string(), key.name.clone(), rights, key.created_at.to_string(), key.created_by.clone(), used, state]
}

async fn person(command: PersonCommand, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        PersonCommand::Add { email, name, role, account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            let before = access::told_of(&store.people(&reach).await?, &email);
            let person = access::invite(&store, &me(), &reach, (&email, &name, role), clock()).await?;
            context.changes(before, person.told());
            let is_told = post::announce(&store, &app::open_outside(&context.config)?, &person, clock()).await?;
            let told = if is_told { " A link is on its way to them." } else { "" };
            context.one(&person, |person| {
                format!("{} may sign in as {}.{told}", person.email, crate::model::word(&person.role))
            })
        }
        PersonCommand::List { account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            context.list(
                &store.people(&reach).await?,
                &["Address", "Name", "Role", "Since", "By"],
                person_row,
                "Nobody.",
            )
        }
        PersonCommand::Remove { email, account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            let people = store.people(&reach).await?;
            let found = people.iter().find(|person| person.email == email.to_lowercase());
            let nobody = || {
                Failure::not_found(format!("nobody with the address `{email}` may sign in"))
                    .hint("`leadline access person list` shows who may")
            };
            let found = found.ok_or_else(nobody)?;
            store.remove_person(&reach, found).await?;
            context.changes(found.told(), serde_json::Value::Null);
            context.one(&json!({ "email": email, "removed": true }), |_| format!("{email} may not sign in any more."))
        }
    }
}

async fn session(command: SessionCommand, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        SessionCommand::List { account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            let sessions = store.sessions(&reach, clock()).await?;
            let head = ["Id", "Name", "Role", "Since", "Last seen", "Until", "Browser"];
            context.list(&sessions, &head, session_row, "Nobody is signed in.")
        }
        SessionCommand::End { id, account } => {
            let reach = reach(&store, account.as_deref(), context).await?;
            if !store.end_session(&reach, &id).await? {
                let text = format!("there is no session `{id}`");
                return Err(Failure::not_found(text).hint("`leadline access session list` shows them"));
            }
            context.one(&json!({ "id": id, "ended": true }), |_| format!("Session {id} is ended."))
        }
    }
}

fn session_row(session: &StoredSession) -> Vec<String> {
    vec![
        session.id.to_string(),
        session.name.clone(),
        crate::model::word(&session.role),
        session.created_at.to_string(),
        session.seen_at.to_string(),
        session.expires_at.to_string(),
        session.agent.clone(),
    ]
}

fn person_row(person: &Person) -> Vec<String> {
    let since: Timestamp = person.created_at;
    vec![
        person.email.clone(),
        person.name.clone(),
        crate::model::word(&person.role),
        since.to_string(),
        person.created_by.clone(),
    ]
}
