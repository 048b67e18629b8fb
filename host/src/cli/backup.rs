//! `leadline backup`: the database of one moment as one file, while the service runs.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Context;
use super::failure::{Failure, Result};
use crate::files::sync_folder_of;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where the copy goes; nothing may be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Backup {
    file: PathBuf,
    bytes: u64,
    /// What the copy cannot be used without, and does not hold.
    key_ring: PathBuf,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    if context.config.database.is_some() {
        return Err(Failure::usage("only an SQLite file is backed up by this command".to_owned())
            .hint("a Postgres server has its own means, such as `pg_dump`"));
    }
    let Some(name) = args.file.file_name() else {
        return Err(Failure::usage(format!("{} names no file", args.file.display())));
    };
    // Whole or not there: under its name only when it is on the disk.
    let beside = args.file.with_file_name(format!("{}.part", name.to_string_lossy()));
    if let Some(taken) = [&args.file, &beside].into_iter().find(|path| path.exists()) {
        let text = format!("{} is there already", taken.display());
        return Err(Failure::conflict(text).hint("name another file, or remove that one"));
    }
    let store = context.store().await?;
    // It holds names and conversations, so it is for its owner only.
    File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let kept = match store.copy_into(&beside).await {
        Ok(()) => keep(&beside, &args.file).map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    store.close().await;
    let bytes = match kept {
        Ok(bytes) => bytes,
        Err(failure) => {
            return Err(match std::fs::remove_file(&beside) {
                Ok(()) => failure,
                Err(_) => failure.hint(format!("{} is left over, and of no use", beside.display())),
            });
        }
    };
    let backup = Backup { file: args.file, bytes, key_ring: context.config.key_ring() };
    context.one(&backup, |backup| {
        format!(
            "The database of this moment is in {} ({} bytes). It opens with the key ring {}; keep a copy of that apart.",
            backup.file.display(),
            backup.bytes,
            backup.key_ring.display()
        )
    })
}

/// Gives the copy its name once it is on the disk, and returns its size.
fn keep(beside: &Path, file: &Path) -> std::io::Result<u64> {
    let copy = File::open(beside)?;
    copy.sync_all()?;
    std::fs::rename(beside, file)?;
    sync_folder_of(file)?;
    Ok(copy.metadata()?.len())
}
