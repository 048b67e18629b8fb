//! `leadline transform`: transformations as a service has them. Whoever writes one uses `leadline guest`.

mod list;
mod show;
mod upload;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::failure::{Failure, Result};
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
    /// Make a component out of a core module that carries the contract, and say what it needs.
    Component {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Upload(args) => upload::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
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

/// Who is at the keyboard, as the operating system knows them.
fn who() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "command line".to_owned())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))
}

fn refused(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::problems(format!("{} is no transformation: {error}", file.display()))
}
