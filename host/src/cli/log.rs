//! `leadline log`: the last lines of a running service.

use serde_json::Value;

use super::Context;
use super::failure::Result;
use super::service::Server;
use crate::operate::lines::{LINES_KEPT, Level};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Print the last lines of the log of a running service, the newest last. They are in its memory, so it is asked over HTTP;
    /// behind a balancer, the process that answers tells its own.
    Tail(Tail),
}

#[derive(clap::Args, Debug)]
pub struct Tail {
    #[command(flatten)]
    server: Server,
    /// So many at most, up to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=LINES_KEPT as i64))]
    limit: u16,
    /// Those that matter at least so much.
    #[arg(long, default_value = "trace")]
    level: Level,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let Command::Tail(tail) = command;
    let path = format!("/v1/log?limit={}&level={}", tail.limit, tail.level.word().to_lowercase());
    let mut lines = tail.server.get(context, &path).await?;
    let lines = lines.as_array_mut().map(std::mem::take).unwrap_or_default();
    let line = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        format!("{} {:>5} {}: {}", text("at"), text("level").to_uppercase(), text("target"), text("text"))
    };
    context.one(&lines, |lines| match lines.as_slice() {
        [] => "Nothing was logged since it started, of what `--log` lets through.".to_owned(),
        lines => lines.iter().rev().map(line).collect::<Vec<_>>().join("\n"),
    })
}
