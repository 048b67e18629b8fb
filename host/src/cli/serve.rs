//! `leadline serve`: runs the service.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::failure::{Failure, Result};
use crate::app::{self, App};
use crate::config::{Role, Serve};
use crate::store::Database;
use crate::{serve, telemetry};

/// One service on one database file: a second one would take the lanes of the first while its calls are on the wire.
fn lock(path: &std::path::Path) -> Result<std::fs::File> {
    let opened = std::fs::File::options().create(true).append(true).open(path);
    let file = opened.map_err(|error| {
        Failure::failed(format!("cannot write to the data folder: {}: {error}", path.display())).hint(
            "the folder has to be on a disk that can be written, with room, and belong to the user of the service; \
             `--data` names another one",
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            let text = format!("another `leadline serve` works on this data folder: it holds {}", path.display());
            Err(Failure::conflict(text).hint(
                "end that one first, choose another folder with `--data`, or let many work on a Postgres database with `--database`",
            ))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

pub async fn run(args: Serve, context: &mut Context<'_>) -> Result<()> {
    app::make_data_folder(&context.config)?;
    let _lock = match context.config.database() {
        Database::File(_) if Role::ALL.iter().any(|role| !args.roles.contains(role)) => {
            let text = "on SQLite one process does everything, so `--role` has to name all roles, or be left out";
            return Err(
                Failure::usage(text.to_owned()).hint("several processes share a Postgres database: `--database`")
            );
        }
        Database::File(_) => Some(lock(&context.config.data.join("lock"))?),
        Database::Postgres(_) => None,
    };
    let metrics = telemetry::init_metrics();
    let app = Arc::new(App { metrics, settings: context.settings.clone(), ..App::connect(&context.config).await? });
    let address = args.listen.listen;
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!("cannot listen on {address}: {error}")).hint("choose another address with `--listen`")
    })?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            "{address} can be reached from other machines, and what is said there is not encrypted: put a proxy with TLS in front of it, or use it for tests only"
        );
    }
    writeln!(
        context.out,
        "Leadline listens on http://{address}; events go to POST /v1/sources/SOURCE/events. Ctrl-C ends it."
    )?;
    context.out.flush()?;
    let drain = Duration::from_secs(args.drain_seconds);
    let manner = serve::Manner {
        roles: args.roles,
        drain,
        keep: args.keep.limits(),
        disk_reserve: args.disk_reserve_mib << 20,
        ..serve::Manner::default()
    };
    let ended = serve::run(app.clone(), manner, listener, serve::asked_to_end()?).await?;
    match ended {
        serve::Ended::Finished => {
            app.store.close().await;
            Ok(())
        }
        serve::Ended::Cut => {
            writeln!(
                context.out,
                "Not everything was finished in {} s; it goes on after the next start.",
                drain.as_secs()
            )?;
            context.out.flush()?;
            // A guest that is still at work would keep the process.
            std::process::exit(0);
        }
        serve::Ended::DiskLost => {
            let text = "the disk did not do a sync, so what it has is not certain; everything that was acknowledged was synced before";
            let failure = Failure::disk_lost(text.to_owned()).hint(
                "look at the disk and the system's log, then start it again: it reads from the disk what is there",
            );
            failure.print();
            // At once: closing the file would sync again, and trust that.
            std::process::exit(failure.code.into());
        }
    }
}
