//! `leadline transform gates`: what has to hold before a version is enabled. Exit code 3 where something does not.

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::Target;
use crate::gates::{closed_names, gates};
use crate::rollout::evidence;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let (connection, choice) = args.target.find(&store, context).await?;
    let gates = gates(&evidence(&store, &connection, &choice).await?);
    context.one(&gates, |gates| {
        let line = |gate: &crate::gates::Gate| match gate.open {
            true => format!("open    {:<12} {}", gate.name, gate.why),
            false => format!("CLOSED  {:<12} {}\n                     {}", gate.name, gate.why, gate.fix),
        };
        gates.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    match &closed_names(&gates)[..] {
        [] => Ok(()),
        closed => Err(Failure::problems(format!("`{}` is not ready: {}", choice.version.label(), closed.join(", ")))),
    }
}
