//! `leadline config`: what is set and by what, and whether the service would start with it.

use super::Context;
use super::failure::{Failure, Result};
use crate::config::{Serve, Setting};
use crate::operate::system::{self, Remark};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Print every setting with its value, and where that comes from: default, file, environment or flag. It takes the
    /// flags of `leadline serve` too. No secret is printed.
    Print(Box<Serve>),
    /// Say everything that is wrong with the configuration, without starting anything. Exit code 3 where the service would
    /// not start.
    Check(Box<Serve>),
}

pub fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Print(_) => print(context),
        Command::Check(_) => check(context),
    }
}

fn print(context: &mut Context<'_>) -> Result<()> {
    let settings = context.settings.clone();
    let row = |setting: &Setting| {
        let value = setting.value.clone().unwrap_or_else(|| "not set".to_owned());
        let variable = setting.variable.clone().unwrap_or_default();
        vec![setting.name.clone(), value, setting.origin.word().to_owned(), variable]
    };
    context.list(&settings, &["Setting", "Value", "From", "Variable"], row, "There are no settings.")
}

fn check(context: &mut Context<'_>) -> Result<()> {
    let remarks = system::remarks(&context.config);
    context.one(&remarks, |remarks| {
        let line = |remark: &Remark| format!("{} {}", if remark.is_fatal { "!!" } else { "--" }, remark.text);
        match remarks.as_slice() {
            [] => "The configuration is as it should be.".to_owned(),
            remarks => remarks.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    })?;
    match remarks.iter().filter(|remark| remark.is_fatal).count() {
        0 => Ok(()),
        1 => Err(Failure::problems("the service would not start with this".to_owned())),
        many => Err(Failure::problems(format!("the service would not start with this, for {many} reasons"))),
    }
}
