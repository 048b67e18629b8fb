//! Checkpoints: what the write-ahead log holds is moved into the file. The writer does it between two groups, when
//! nobody waits for an answer. SQLite's own come inside a commit, and say nothing when they fail.

use std::cell::Cell;

use rusqlite::Connection;

use crate::crash::{self, crash_point};
use crate::store::db::disk::Disk;

/// Pages in the log before they are moved: 16 MiB. Fewer cost more syncs; more gain nothing, because a log that starts
/// again at its beginning is faster than one that grows.
const LOG_PAGES: i32 = 4096;
/// The same in a crash campaign, which is short and has to come to checkpoints too.
const LOG_PAGES_IN_CAMPAIGN: i32 = 64;
/// Bytes of a page, which SQLite gives every new file.
const PAGE_BYTES: i32 = 4096;

thread_local! {
    /// How many pages the log held after the last commit of this thread.
    static IN_LOG: Cell<i32> = const { Cell::new(0) };
}

/// When the writer moves the log.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// How long the log was at the last one. It is longer now where a reader kept it from starting again.
    last: i32,
}

impl Checkpoints {
    /// Watches what this connection commits, and turns SQLite's own checkpoints off.
    pub(super) fn of(writer: &Connection) -> Self {
        writer.wal_hook(Some(|_, pages| {
            IN_LOG.set(pages);
            Ok(())
        }));
        Self::default()
    }

    /// Moves the log if it has become long. Called between two groups.
    pub(super) fn follow(&mut self, writer: &Connection, disk: &Disk) {
        let pages = IN_LOG.get();
        if pages < self.last {
            self.last = 0;
        }
        let most = if crash::is_campaign() { LOG_PAGES_IN_CAMPAIGN } else { LOG_PAGES };
        if pages < self.last + most {
            return;
        }
        self.last = pages;
        if let Err(error) = move_log(writer) {
            disk.note(&error);
            tracing::error!("the database's log cannot be moved into its file, and grows: {error}");
        }
    }
}

/// Moves what no reader stands in the way of.
///
/// # Errors
/// The database's. After a sync that failed, what it moved may not be on the disk.
pub(super) fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    crash_point!("CP17");
    let (pages, moved): (i32, i32) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| Ok((row.get(1)?, row.get(2)?)))?;
    // Where all of it is moved, the next commit begins at the beginning.
    let stays = if pages == moved { 0 } else { pages };
    metrics::gauge!("leadline_store_log_bytes").set(f64::from(stays) * f64::from(PAGE_BYTES));
    Ok(())
}
