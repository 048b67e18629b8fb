//! `leadline transform`: transformations as a service has them, and which version a connection uses. Whoever writes one
//! uses `leadline guest`.

mod deals;
mod delete;
mod diff;
mod dry_run;
mod enable;
mod figures;
mod form;
mod gates;
mod history;
mod list;
mod mapping;
mod restore;
mod rollback;
mod shadow;
mod show;
mod upload;
mod waivers;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::connection::find;
use super::deed::Deed;
use super::failure::{Failure, Result};
use super::file::{read, read_json};
use crate::app::open_hubspot;
use crate::model::account::{Connection, Sign};
use crate::model::time::clock;
use crate::rollout::{self, Choice};
use crate::store::Store;
use crate::transform::Transformer;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a version of a component: checked, compiled, tried; a draft until somebody enables it.
    Upload(upload::Args),
    /// List versions, the newest first.
    #[command(alias = "ls")]
    List(list::Args),
    /// Show what is known of a version: imports, contract, toolchain, settings, what its first runs used.
    #[command(alias = "get")]
    Show(show::Args),
    /// Show the settings of a version, with what the portal offers for them.
    Form(form::Args),
    /// Show which part of a lead goes where, try other settings of that on the last leads, and use them.
    Mapping(mapping::Args),
    /// Show the deals that the settings in force make of the account's last leads. Nothing is sent.
    Deals(deals::Args),
    /// Run a version on the account's last leads beside the one in force: what would change? Nothing is sent.
    Shadow(shadow::Args),
    /// Show the calls to HubSpot that a lead would make. Nothing is sent.
    DryRun(dry_run::Args),
    /// Say what has to hold before a version is enabled. Exit code 3 where something does not.
    Gates(gates::Args),
    /// Show in what one version differs from another, on the last leads of an account or on samples. Nothing is sent.
    Diff(diff::Args),
    /// Use a version from now on, for all events or for a share of them.
    Enable(enable::Args),
    /// List what somebody asked to use although gates are closed.
    Waivers(waivers::List),
    /// Approve what somebody else asked for, and enable it.
    Approve(waivers::Approve),
    /// Say no to a request, or take your own back.
    Decline(waivers::Decline),
    /// Go back to what was used before. New events use it at once, and what waited runs again.
    Rollback(rollback::Args),
    /// Use an earlier binding again, or what the last rollback took back.
    Restore(restore::Args),
    /// Take out a version that nobody uses, or a transformation with all of its versions.
    #[command(alias = "rm")]
    Delete(delete::Args),
    /// List what a connection uses and used, who chose it, and why.
    History(history::Args),
    /// Show what the newest runs of each version used, of all accounts, and which versions fail.
    Figures,
    /// Make a component out of a core module that carries the contract, and say what it needs.
    Component {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Upload(args) => args.deed(),
            Self::Mapping(args) => args.deed(),
            Self::Shadow(args) => args.deed(),
            Self::Enable(args) => args.deed(),
            Self::Rollback(args) => args.deed(),
            Self::Restore(args) => args.deed(),
            Self::Approve(args) => args.deed(),
            Self::Decline(args) => args.deed(),
            Self::Delete(args) => args.deed(),
            Self::List(_) | Self::Show(_) | Self::Form(_) | Self::DryRun(_) | Self::Gates(_) | Self::History(_) => None,
            Self::Diff(_) | Self::Waivers(_) | Self::Figures | Self::Deals(_) | Self::Component { .. } => None,
        }
    }
}

/// Who signs a change, for the history.
#[derive(clap::Args, Debug)]
pub struct Signed {
    /// For whom it is done. [default: who is at the keyboard]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Signed {
    fn sign(&self) -> Sign {
        self.sign_or(&super::who())
    }

    /// The same where somebody is known by more than the name of a user.
    fn sign_or(&self, name: &str) -> Sign {
        Sign::new(self.by.as_deref().unwrap_or(name), &self.reason)
    }
}

/// What a command is about.
#[derive(clap::Args, Debug)]
pub struct Target {
    /// Such as `deals@3`; a name alone stands for the newest.
    #[arg(value_name = "VERSION")]
    wanted: String,
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
    /// JSON file of the settings. [default: those in use with the same transformation]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Target {
    fn deed(&self, action: &'static str) -> Option<Deed> {
        Deed::of(action, &self.wanted, Some(&self.account))
    }

    /// The connection, and the version with its settings.
    async fn find(&self, store: &Store, context: &Context<'_>) -> Result<(Connection, Choice)> {
        let connection = find(store, &self.account).await?;
        let account = context.account(store, connection.account_id.as_str()).await?;
        let settings = self.settings.as_deref().map(read_json).transpose()?;
        let hubspot = open_hubspot(&context.config)?;
        let whose = (&account, &connection);
        let choice = rollout::choose_live(store, &hubspot, whose, &self.wanted, settings, &clock).await?;
        Ok((connection, choice))
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Upload(args) => upload::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Form(args) => form::run(args, context).await,
        Command::Mapping(args) => mapping::run(args, context).await,
        Command::Deals(args) => deals::run(args, context).await,
        Command::Shadow(args) => shadow::run(args, context).await,
        Command::DryRun(args) => dry_run::run(args, context).await,
        Command::Gates(args) => gates::run(args, context).await,
        Command::Enable(args) => enable::run(args, context).await,
        Command::Rollback(args) => rollback::run(args, context).await,
        Command::Diff(args) => diff::run(args, context).await,
        Command::Waivers(args) => waivers::list(args, context).await,
        Command::Approve(args) => waivers::approve(args, context).await,
        Command::Decline(args) => waivers::decline(args, context).await,
        Command::Restore(args) => restore::run(args, context).await,
        Command::Delete(args) => delete::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Figures => figures::run(context).await,
        Command::Component { file, output } => {
            let component = crate::transform::component(&read(&file)?).map_err(|error| refused(&file, &error))?;
            Transformer::new()?.compile(&component).map_err(|error| refused(&file, &error))?;
            std::fs::write(&output, &component)?;
            let made =
                json!({ "file": output, "bytes": component.len(), "hash": crate::digest::sha256_hex(&component) });
            context.one(&made, |_| {
                format!("{}: {} bytes; it imports nothing but `log`", output.display(), component.len())
            })
        }
    }
}

pub(super) use enable::released;

fn refused(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::problems(format!("{} is no transformation: {error}", file.display()))
}
