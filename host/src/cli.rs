//! The command line: one file a command, each with `Args` and `run`, writing to the writer it is given.
//! Data goes to stdout, messages and progress to stderr.

pub mod access;
pub mod account;
pub mod alert;
pub mod audit;
pub mod backup;
pub mod bundle;
mod compile;
pub mod config;
pub mod connection;
mod deed;
pub mod delivery;
pub mod demo;
pub mod digest;
pub mod doctor;
pub mod event;
pub mod explain;
pub mod failure;
mod file;
pub mod fleet;
pub mod guest;
pub mod hubspot;
pub mod issue;
pub mod keys;
pub mod lane;
pub mod lead;
pub mod log;
pub mod output;
pub mod privacy;
pub mod process;
pub mod property;
pub mod read_only;
pub mod replay;
pub mod serve;
mod service;
pub mod source;
pub mod transform;
pub mod wish;

use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Setting, Settings};
use crate::model::id::AccountId;
use crate::model::time::clock;
use crate::{app, stock, telemetry};
use deed::Deed;
use failure::{Failure, Result};

/// Leadline turns chat-widget leads into CRM records.
#[derive(Parser, Debug)]
#[command(name = "leadline", version, long_version = long_version(), propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Read first: the others take their values away.
    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    config: Config,

    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,

    /// Change something although the service is in read-only mode: for operators.
    #[arg(long, global = true)]
    despite_read_only: bool,

    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// What is set, and by what.
    pub fn settings(&self) -> &[Setting] {
        &self.settings.0
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok · 1 failed · 2 usage · 3 a check found problems · 4 not allowed ·
5 not found · 6 conflict · 7 temporary, try again · 8 a transformation is over a limit · 9 the disk failed · 130 interrupted";

fn long_version() -> &'static str {
    const TEXT: &[&str] = &[env!("CARGO_PKG_VERSION"), "\nstock transformations: ", stock::ORIGIN];
    static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| TEXT.concat());
    &VERSION
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the service.
    Serve(crate::config::Serve),
    /// Show it all at work: two dealerships, a HubSpot simulator, and the leads of `examples/`.
    Demo(demo::Args),
    /// Copy the database into a file, while the service runs.
    Backup(backup::Args),
    /// Dealerships.
    #[command(subcommand)]
    Account(account::Command),
    /// Who signs an account's events.
    #[command(subcommand)]
    Source(source::Command),
    /// An account's HubSpot portal.
    #[command(subcommand)]
    Connection(connection::Command),
    /// The properties that leads need in HubSpot.
    #[command(subcommand)]
    Property(property::Command),
    /// What stands in the way of leads.
    #[command(subcommand)]
    Issue(issue::Command),
    /// What a cause means, what becomes of a lead that meets it, and what to do.
    Explain(explain::Args),
    /// Events, and what became of them.
    #[command(subcommand)]
    Event(event::Command),
    /// Each lead's way to HubSpot: how it stands, its calls, and what took the time.
    #[command(subcommand, alias = "deliveries")]
    Delivery(delivery::Command),
    /// The list of leads, with what became of each.
    #[command(subcommand)]
    Lead(lead::Command),
    /// Send leads once more: those that failed, were refused or skipped, or any others.
    #[command(subcommand)]
    Replay(replay::Command),
    /// Who is told when something is wrong, and by what.
    #[command(subcommand, alias = "alerts")]
    Alert(alert::Command),
    /// What came of the leads of the last week.
    Digest(digest::Args),
    /// The queues: what waits, who works on it, and what stands still.
    #[command(subcommand, alias = "lanes")]
    Lane(lane::Command),
    /// Who may do what: links to sign in, keys for programs, people.
    #[command(subcommand)]
    Access(access::Command),
    /// One shopper: what is kept, an export, an erasure with its certificate, and who is suppressed.
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// The key ring that opens tokens and signing secrets.
    #[command(subcommand)]
    Keys(keys::Command),
    /// What people and programs did.
    #[command(subcommand)]
    Audit(audit::Command),
    /// What dealerships ask of the house: deals with their leads, word of an event type.
    #[command(subcommand, alias = "wishes")]
    Wish(wish::Command),
    /// The service as a whole: what is due, what is late, which accounts are in trouble.
    Fleet(fleet::Args),
    /// What is set, and by what.
    #[command(subcommand)]
    Config(config::Command),
    /// Whether the service can do its work, check by check, and what to do where it cannot.
    Doctor(Box<doctor::Args>),
    /// What somebody is given who helps from afar: no person and no secret is in it.
    Bundle(bundle::Args),
    /// What a running service logged lately.
    #[command(subcommand)]
    Log(log::Command),
    /// The processes that serve, and which of them take no more lanes.
    #[command(subcommand)]
    Process(process::Command),
    /// Let nobody but operators change anything, for a while.
    #[command(subcommand)]
    ReadOnly(read_only::Command),
    /// Transformations.
    #[command(subcommand)]
    Transform(transform::Command),
    /// Write a transformation: from an empty folder to a draft in a service.
    #[command(subcommand)]
    Guest(guest::Command),
    /// A HubSpot to try things with.
    #[command(subcommand)]
    Hubspot(hubspot::Command),
    /// The child that checks and compiles one transformation: bytes in, machine code out.
    #[command(hide = true)]
    Compile,
}

/// What every command is given.
pub struct Context<'a> {
    pub config: Config,
    /// What is set, and by what.
    pub settings: Vec<Setting>,
    pub json: bool,
    pub out: &'a mut dyn Write,
    /// Opened by whoever needs it first.
    opened: tokio::sync::OnceCell<crate::store::Store>,
    /// What the command set, for the history: as it was before, and as it is now.
    change: Option<[serde_json::Value; 2]>,
    /// Whose key the command was shown, for the history; none where it is told by the user at the keyboard.
    signer: Option<String>,
}

impl Context<'_> {
    /// The store of the configuration.
    async fn store(&self) -> Result<crate::store::Store> {
        Ok(self.opened.get_or_try_init(|| app::open_store(&self.config)).await?.clone())
    }

    /// Notes what the command sets: how it was before, and how it is now.
    fn changes(&mut self, before: impl serde::Serialize, after: impl serde::Serialize) {
        let value = |side: serde_json::Result<serde_json::Value>| side.unwrap_or_default();
        self.change = Some([value(serde_json::to_value(before)), value(serde_json::to_value(after))]);
    }

    /// Notes whose key was shown: it says more of who it is than the name of a user.
    fn signed_by(&mut self, holder: &str) {
        self.signer = Some(holder.to_owned());
    }

    /// The sandbox of the configuration.
    fn transformer(&self) -> Result<crate::transform::Transformer> {
        Ok(app::open_transformer(&self.config)?)
    }

    /// The id of the account of a slug or an id, where somebody named one; where nobody did, all are meant.
    async fn account_or_all(&self, store: &crate::store::Store, name: Option<&str>) -> Result<Option<AccountId>> {
        match name {
            Some(name) => Ok(Some(self.account(store, name).await?.id)),
            None => Ok(None),
        }
    }

    /// The account of a slug or an id.
    async fn account(&self, store: &crate::store::Store, slug_or_id: &str) -> Result<crate::model::account::Account> {
        let found = store.account(slug_or_id).await?;
        found.ok_or_else(|| {
            Failure::not_found(format!("there is no account `{slug_or_id}`")).hint("`leadline account list` shows them")
        })
    }
}

/// What stands for whoever is at the keyboard where the operating system does not say.
const UNKNOWN: &str = "command line";

/// Who is at the keyboard, as the operating system knows them.
fn who() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Runs one command and says how it ended. Errors go to stderr, with a hint where there is one.
pub fn run(cli: Cli, out: &mut dyn Write) -> ExitCode {
    if let Command::Compile = cli.command {
        return compile::run(out);
    }
    let (config, settings) = (cli.config, cli.settings.0);
    let opened = tokio::sync::OnceCell::new();
    let mut context = Context { config, settings, json: cli.json, out, opened, change: None, signer: None };
    let done = prepare(&context.config).map_err(Failure::from).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(carry_out(cli.command, cli.despite_read_only, &mut context))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}

/// What every command needs before it begins.
fn prepare(config: &Config) -> anyhow::Result<()> {
    #[cfg(feature = "crash")]
    crate::crash::arm()?;
    telemetry::init_logs(config)
}

/// Runs a command, and notes what it changed.
async fn carry_out(command: Command, despite_read_only: bool, context: &mut Context<'_>) -> Result<()> {
    let deed = command.deed();
    if let Some(deed) = &deed {
        read_only::allow(deed, despite_read_only, context).await?;
    }
    dispatch(command, context).await?;
    if let (Some(deed), Some(store)) = (deed, context.opened.get())
        && let Err(error) = deed.note(store, context.signer.take(), context.change.take(), clock()).await
    {
        tracing::error!("what was done could not be noted: {error:#}");
    }
    Ok(())
}

impl Command {
    /// What it changes; none where it only looks, or changes nothing of a service's.
    fn deed(&self) -> Option<Deed> {
        match self {
            Self::Account(command) => command.deed(),
            Self::Source(command) => command.deed(),
            Self::Connection(command) => command.deed(),
            Self::Property(command) => command.deed(),
            Self::Event(command) => command.deed(),
            Self::Replay(command) => command.deed(),
            Self::Lane(command) => command.deed(),
            Self::Access(command) => command.deed(),
            Self::Keys(command) => command.deed(),
            Self::Transform(command) => command.deed(),
            Self::Lead(command) => command.deed(),
            Self::Alert(command) => command.deed(),
            Self::Privacy(command) => command.deed(),
            Self::Wish(command) => command.deed(),
            Self::Process(command) => command.deed(),
            Self::ReadOnly(command) => command.deed(),
            Self::Backup(_) => Deed::of("backup.create", "", None),
            Self::Issue(command) => command.deed(),
            Self::Audit(_) | Self::Fleet(_) | Self::Config(_) | Self::Digest(_) | Self::Explain(_) => None,
            Self::Doctor(_) | Self::Bundle(_) | Self::Log(_) | Self::Delivery(_) => None,
            Self::Serve(_) | Self::Demo(_) | Self::Guest(_) | Self::Hubspot(_) | Self::Compile => None,
        }
    }
}

/// A future on the heap, made where its size is soon off the stack: together the commands would fill that of a thread.
fn on_heap<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

async fn dispatch(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Serve(args) => on_heap(|| serve::run(args, context)).await,
        Command::Demo(args) => on_heap(|| demo::run(args, context)).await,
        Command::Backup(args) => on_heap(|| backup::run(args, context)).await,
        Command::Account(command) => on_heap(|| account::run(command, context)).await,
        Command::Source(command) => on_heap(|| source::run(command, context)).await,
        Command::Connection(command) => on_heap(|| connection::run(command, context)).await,
        Command::Property(command) => on_heap(|| property::run(command, context)).await,
        Command::Issue(command) => on_heap(|| issue::run(command, context)).await,
        Command::Explain(args) => explain::run(&args, context),
        Command::Event(command) => on_heap(|| event::run(command, context)).await,
        Command::Delivery(command) => on_heap(|| delivery::run(command, context)).await,
        Command::Lead(command) => on_heap(|| lead::run(command, context)).await,
        Command::Replay(command) => on_heap(|| replay::run(command, context)).await,
        Command::Alert(command) => on_heap(|| alert::run(command, context)).await,
        Command::Digest(args) => on_heap(|| digest::run(args, context)).await,
        Command::Lane(command) => on_heap(|| lane::run(command, context)).await,
        Command::Access(command) => on_heap(|| access::run(command, context)).await,
        Command::Privacy(command) => on_heap(|| privacy::run(command, context)).await,
        Command::Keys(command) => on_heap(|| keys::run(command, context)).await,
        Command::Audit(command) => on_heap(|| audit::run(command, context)).await,
        Command::Wish(command) => on_heap(|| wish::run(command, context)).await,
        Command::Fleet(args) => on_heap(|| fleet::run(args, context)).await,
        Command::Doctor(args) => on_heap(|| doctor::run(*args, context)).await,
        Command::Bundle(args) => on_heap(|| bundle::run(args, context)).await,
        Command::Log(command) => on_heap(|| log::run(command, context)).await,
        Command::Process(command) => on_heap(|| process::run(command, context)).await,
        Command::ReadOnly(command) => on_heap(|| read_only::run(command, context)).await,
        Command::Config(command) => config::run(command, context),
        Command::Transform(command) => on_heap(|| transform::run(command, context)).await,
        Command::Guest(command) => on_heap(|| guest::run(command, context)).await,
        Command::Hubspot(command) => on_heap(|| hubspot::run(command, context)).await,
        Command::Compile => unreachable!("it runs without what the others need"),
    }
}
