//! `leadline guest`: the author's loop, from an empty folder to a draft in a service. Engine, limits and sentences are
//! those of the service, because the code is.

mod bench;
mod build;
mod check;
mod dev;
mod example;
mod explain;
mod new;
mod project;
mod publish;
mod run;
mod schema;
mod template;
mod test;

use std::path::PathBuf;

use super::Context;
use super::event::rerun;
use super::failure::Result;
use check::Checked;
use project::Project;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a crate that builds, with examples.
    New(new::Args),
    /// Build the component of a crate, and say what is in it.
    Build(build::Args),
    /// Say what a service would say at an upload.
    Check(check::Args),
    /// Compare what the component answers with what the examples expect.
    Test(test::Args),
    /// Run the component on one event: its actions, log, fuel, memory and time.
    Run(run::Args),
    /// Run a recorded event again in this build, with the settings that it had, and say what differs from what happened.
    Replay(rerun::Args),
    /// Measure what the component uses of each limit, with its examples and with the largest lead there can be.
    Bench(bench::Args),
    /// Say what a code means, or where the fuel of a run goes and what a service would do with its outcome.
    Explain(explain::Args),
    /// Print the schema of the settings.
    Schema(schema::Args),
    /// Build, check and test at every save. Ends with Ctrl-C.
    Dev(dev::Args),
    /// Upload the component as a draft, which nothing uses before somebody enables it.
    Publish(publish::Args),
}

/// Which component a command is about.
#[derive(clap::Args, Debug)]
pub struct Component {
    /// The component, or a core module that carries the contract. Without it the crate is built.
    file: Option<PathBuf>,
    /// Folder of the crate, with its examples.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
}

impl Component {
    /// The component, built where no file was named, and checked.
    fn load(&self) -> Result<Checked> {
        match &self.file {
            Some(file) => check::checked(file),
            None => check::checked(&build::build(&Project::read(&self.dir)?)?),
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::New(args) => new::run(args, context),
        Command::Build(args) => build::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Test(args) => test::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Replay(args) => rerun::run(args, context).await,
        Command::Bench(args) => bench::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Dev(args) => dev::run(args, context).await,
        Command::Publish(args) => publish::run(args, context).await,
    }
}
