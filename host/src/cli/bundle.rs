//! `leadline bundle`: what somebody is given who helps from afar, as one JSON file.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::Context;
use super::failure::{Failure, Result};
use super::service::Server;
use crate::config::DISK_RESERVE_MIB;
use crate::model::time::clock;
use crate::operate::bundle;

/// Make a support bundle: settings, checks, figures, what waits, and the last lines of the log. No person, no secret, no token
/// and no body of an event is in it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where it goes; nothing may be there yet. [default: it is printed, so that you see what is in it]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let bundle = match &args.server.server {
        Some(_) => args.server.get(context, "/v1/bundle").await?,
        // The log and the rates are in the memory of a process that serves.
        None => {
            let store = context.store().await?;
            let how = (&context.config, context.settings.clone());
            bundle::from_beside(&store, how, DISK_RESERVE_MIB << 20, clock()).await?
        }
    };
    let text = serde_json::to_string_pretty(&bundle).map_err(anyhow::Error::from)?;
    let Some(path) = args.file else {
        writeln!(context.out, "{text}")?;
        return Ok(());
    };
    let opened = File::options().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::conflict(format!("{} is there already", path.display()))
            .hint("name another file, or remove that one"),
        _ => Failure::failed(format!("{} cannot be written: {error}", path.display())),
    })?;
    file.write_all(text.as_bytes())?;
    let from = if args.server.server.is_some() {
        ""
    } else {
        " Of a running service, `--server URL` adds its log and its rates."
    };
    let said = serde_json::json!({ "file": path, "bytes": text.len() });
    context.one(&said, |_| format!("The bundle is in {}: read it before you give it away.{from}", path.display()))
}
