//! `leadline process`: who serves on this database, and who of them is to take no more lanes.

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::model::time::clock;
use crate::operate::processes;
use crate::store::{ShownProcess, Store};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the processes that serve, with the lanes on which each is at work.
    #[command(alias = "ls")]
    List,
    /// Let a process take no more lanes. It finishes what it holds, and others go on; a restart undoes it.
    Drain {
        /// Its id, as `leadline process list` shows it.
        process: String,
    },
    /// Let it take lanes again.
    Resume {
        /// Its id, as `leadline process list` shows it.
        process: String,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::List => None,
            Self::Drain { process } => Deed::of("processes.drain", process, None),
            Self::Resume { process } => Deed::of("processes.resume", process, None),
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List => {
            let living = processes::living(&store, clock()).await?;
            let row = |process: &ShownProcess| {
                let state = match process.draining_since {
                    Some(since) => format!("drains since {since}"),
                    None => "takes lanes".to_owned(),
                };
                let ShownProcess { id, host, roles, build, lanes, .. } = process;
                vec![id.clone(), host.clone(), roles.join(","), build.clone(), lanes.to_string(), state]
            };
            let header = ["Process", "Machine", "Does", "Build", "Lanes", "State"];
            context.list(&living, &header, row, "No process serves on this database: `leadline serve`.")
        }
        Command::Drain { process } => {
            let process = told(&store, &process, true).await?;
            context.one(&process, |process| {
                let ShownProcess { id, lanes, .. } = process;
                format!("Process {id} takes no more lanes from the next second on. It is at work on {lanes} of them.")
            })
        }
        Command::Resume { process } => {
            let process = told(&store, &process, false).await?;
            context.one(&process, |process| format!("Process {} takes lanes again.", process.id))
        }
    }
}

async fn told(store: &Store, id: &str, drains: bool) -> Result<ShownProcess> {
    let process = processes::drain(store, id, drains, clock()).await?;
    process.ok_or_else(|| {
        Failure::not_found(format!("there is no process `{id}`")).hint("`leadline process list` shows them")
    })
}
