//! `leadline serve`: runs the service.

use std::sync::Arc;

use super::Context;
use super::failure::{Failure, Result};
use crate::app::{self, App};
use crate::config::Listen;
use crate::crash::crash_point;
use crate::{serve, telemetry};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    listen: Listen,
}

/// One service on one database file: a second one would take the lanes of the first while its calls are on the wire.
fn lock(path: &std::path::Path) -> Result<std::fs::File> {
    let file = std::fs::File::options().create(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            let text = format!("another `leadline serve` works on this data folder: it holds {}", path.display());
            Err(Failure::conflict(text).hint("end that one first, or choose another folder with `--data`"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    app::make_data_folder(&context.config)?;
    let _lock = lock(&context.config.data.join("lock"))?;
    let metrics = telemetry::init_metrics();
    let app = App { metrics, ..App::connect(&context.config).await? };
    let address = args.listen.listen;
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!("cannot listen on {address}: {error}")).hint("choose another address with `--listen`")
    })?;
    let address = listener.local_addr()?;
    writeln!(
        context.out,
        "Leadline listens on http://{address}; events go to POST /v1/sources/SOURCE/events. Ctrl-C ends it."
    )?;
    context.out.flush()?;
    let asked_to_end = serve::asked_to_end()?;
    let shutdown = async {
        asked_to_end.await;
        crash_point!("CP18");
    };
    serve::run(Arc::new(app), listener, shutdown).await?;
    Ok(())
}
