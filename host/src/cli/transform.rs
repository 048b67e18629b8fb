//! `leadline transform`: transformations as a service has them. Whoever writes one uses `leadline guest`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::failure::{Failure, Result};
use crate::transform::{ComponentError, Transformer};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a component out of a core module that carries the contract, and say what it needs.
    Component {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
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

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))
}

fn refused(file: &Path, error: &ComponentError) -> Failure {
    Failure::problems(format!("{} is no transformation: {error}", file.display()))
}
