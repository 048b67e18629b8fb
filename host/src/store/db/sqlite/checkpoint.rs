//! Checkpoints: what the write-ahead log holds is moved into the file by a thread of its own, so that no commit waits
//! for it. The log starts again at its beginning when all of it is moved and nobody reads it; where commits follow one
//! another so closely that there always is more, the writer moves the rest itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rusqlite::Connection;

use crate::crash::crash_point;
use crate::store::db::disk::Disk;

/// Between two checkpoints, at least: a page that changes often is then moved once for many commits.
const REST: Duration = Duration::from_millis(100);
/// After one that failed.
const MEND: Duration = Duration::from_secs(1);
/// Pages in the log from which on the writer moves the rest: 64 MiB.
const LOG_PAGES_MAX: i64 = 16_384;
/// Bytes of a page, which SQLite gives every new file.
const PAGE_BYTES: i64 = 4096;

/// The writer's end.
pub(super) struct Wake {
    /// Full when the thread has been woken already.
    commits: SyncSender<()>,
    log_pages: Arc<AtomicI64>,
}

/// The thread's end.
pub(super) struct Woken {
    commits: Receiver<()>,
    /// How many pages the log holds, as the last checkpoint saw it.
    log_pages: Arc<AtomicI64>,
}

pub(super) fn channel() -> (Wake, Woken) {
    let ((commits, hears), log_pages) = (sync_channel(1), Arc::new(AtomicI64::new(0)));
    (Wake { commits, log_pages: log_pages.clone() }, Woken { commits: hears, log_pages })
}

impl Wake {
    /// There is more in the log. Called between two groups, while nobody writes.
    pub(super) fn committed(&self, writer: &Connection, disk: &Disk) {
        if let Err(TrySendError::Disconnected(())) = self.commits.try_send(()) {
            return; // a sync has failed
        }
        if self.log_pages.load(Ordering::Relaxed) > LOG_PAGES_MAX {
            match checkpoint(writer) {
                // Who reads an old state keeps the log from starting again; the thread says by how much it grew.
                Ok(_) => self.log_pages.store(0, Ordering::Relaxed),
                Err(error) => disk.note(&error),
            }
        }
    }
}

/// Moves what commits leave in the log, until the writer is gone.
pub(super) fn keep_moving(connection: &Connection, woken: &Woken, disk: &Disk) {
    let mut fails = false;
    while woken.commits.recv().is_ok() {
        match checkpoint(connection) {
            Ok(log_pages) => {
                woken.log_pages.store(log_pages, Ordering::Relaxed);
                metrics::gauge!("leadline_store_log_bytes").set((log_pages * PAGE_BYTES) as f64);
                fails = false;
            }
            Err(error) => {
                disk.note(&error);
                if !std::mem::replace(&mut fails, true) {
                    tracing::error!("the database's log cannot be moved into its file, and grows: {error}");
                }
            }
        }
        if disk.is_lost() {
            return;
        }
        std::thread::sleep(if fails { MEND } else { REST });
    }
}

/// Moves what nobody stands in the way of, and returns how many pages the log then holds.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    crash_point!("CP17");
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        // Where all of it is moved, the next commit begins anew.
        Ok(if log == moved { 0 } else { log })
    })
}
