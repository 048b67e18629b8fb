//! SQLite: one file, one thread that writes, a few that read.
//!
//! The writer takes whatever waits, runs each in a savepoint of one transaction, and answers all of them after the
//! one commit: while a commit waits for the disk, the next group gathers.

mod checkpoint;

use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use tokio::sync::{mpsc, oneshot};

use crate::crash::crash_point;

use super::disk::Disk;
use super::{Conn, Health, Result, StoreError, Work, table};
use checkpoint::Checkpoints;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

/// Threads that read beside the one that writes. They never wait for it, nor it for them.
const READERS: usize = 4;
/// Writes that wait for the writer; whoever comes later waits for a place.
const WRITES_MAX: usize = 1024;
/// Reads that wait for a reader.
const READS_MAX: usize = 1024;
/// How long a command of another process may hold the file before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Writes in one commit.
const GROUP_WRITES_MAX: usize = 256;
/// A group takes no more writes after this time, so that the first of it does not wait for long.
const GROUP_TIME: Duration = Duration::from_millis(10);
/// Statements that stay prepared.
const STATEMENTS: usize = 256;

/// The threads of one file. Cheap to clone; the threads end with the last of them, or with [`Self::close`].
#[derive(Clone)]
pub(in crate::store) struct SqliteDb {
    writes: mpsc::Sender<Turn<Box<dyn Write>>>,
    reads: mpsc::Sender<Turn<Box<dyn Read>>>,
    /// Each hears when its thread has ended.
    threads: Arc<Mutex<Vec<oneshot::Receiver<()>>>>,
    pub(super) health: Health,
    pub(super) disk: Disk,
    pub(super) file: PathBuf,
}

/// What a thread is given.
enum Turn<J> {
    Job(J),
    /// Finish what waits, and end.
    End,
}

/// A write on its way: run inside the group's transaction, answered after its commit.
trait Write: Send {
    /// Whether it is to be kept.
    fn run(&mut self, conn: &mut Conn) -> bool;
    fn answer(self: Box<Self>, committed: std::result::Result<(), &str>);
}

/// A read on its way.
trait Read: Send {
    fn run(self: Box<Self>, conn: &mut Conn);
}

struct Job<T, W> {
    work: Option<W>,
    done: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, W> Write for Job<T, W>
where
    T: Send,
    W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send,
{
    fn run(&mut self, conn: &mut Conn) -> bool {
        if let Some(work) = self.work.take() {
            self.done = Some(finish(work, conn));
        }
        matches!(self.done, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: std::result::Result<(), &str>) {
        let done = match committed {
            Ok(()) => self.done.unwrap_or(Err(StoreError::Closed)),
            Err(reason) => Err(StoreError::Commit(reason.to_owned())),
        };
        // Whoever asked may have gone away; it is stored all the same.
        drop(self.answer.send(done));
    }
}

impl<T, W> Read for Job<T, W>
where
    T: Send,
    W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send,
{
    fn run(mut self: Box<Self>, conn: &mut Conn) {
        if let Some(work) = self.work.take() {
            drop(self.answer.send(finish(work, conn)));
        }
    }
}

/// Runs a closure to its end. On SQLite nothing in it waits, so one poll is enough; a panic is an error like any other.
fn finish<T, W>(work: W, conn: &mut Conn) -> Result<T>
where
    W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T>,
{
    let run = || match pin!(work(conn)).as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(StoreError::decode("a closure of the store waited for something else than the store")),
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(StoreError::decode("a closure of the store panicked")))
}

impl SqliteDb {
    /// How much room the disk has beside the file.
    pub(in crate::store) fn free_bytes(&self) -> std::io::Result<u64> {
        let system = rustix::fs::statvfs(&self.file)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// How large the file and its log are.
    pub(in crate::store) fn file_bytes(&self) -> std::io::Result<u64> {
        let mut log = self.file.clone().into_os_string();
        log.push("-wal");
        let log_bytes = std::fs::metadata(PathBuf::from(log)).map_or(0, |log| log.len());
        Ok(std::fs::metadata(&self.file)?.len() + log_bytes)
    }

    /// Opens the file, makes it where there is none, brings its tables up to date, and starts the threads.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not as durable as an acknowledgement promises.
    pub(in crate::store) async fn open(file: &Path) -> anyhow::Result<Self> {
        let opened = || format!("cannot open the database {}", file.display());
        // The busy timeout has to come before the journal mode, which takes a lock; sqlx sets it first.
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let options = options.busy_timeout(BUSY_TIMEOUT).journal_mode(SqliteJournalMode::Wal).foreign_keys(false);
        let mut migrating = options.connect().await.with_context(opened)?;
        MIGRATIONS.run(&mut migrating).await.context("cannot bring the database up to date")?;
        migrating.close().await?;

        let writer = connect(file, true).with_context(opened)?;
        assert_durable(&writer)?;
        let readers = (0..READERS).map(|_| connect(file, false)).collect::<rusqlite::Result<Vec<_>>>();
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        let (reads, asked) = mpsc::channel(READS_MAX);
        let asked = Arc::new(Mutex::new(asked));
        let disk = Disk::default();
        // After a sync that failed, an earlier process ended with a log of which nobody knows what is on the disk.
        if let Err(error) = checkpoint::move_log(&writer) {
            disk.note(&error);
        }
        if disk.is_lost() {
            bail!("the disk did not do a sync; look at it and at the system's log");
        }
        let checkpoints = Checkpoints::of(&writer);
        let writer = Writer { conn: Conn::Sqlite(writer), disk: disk.clone(), checkpoints };
        let mut threads = vec![start("store-write", move || keep_writing(writer, waiting))?];
        for reader in readers.with_context(opened)? {
            let asked = asked.clone();
            threads.push(start("store-read", move || keep_reading(reader, &asked))?);
        }
        let (threads, file) = (Arc::new(Mutex::new(threads)), file.to_owned());
        Ok(Self { writes, reads, threads, health: Health::default(), disk, file })
    }

    pub(super) async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job { work: Some(work), done: None, answer };
        self.reads.send(Turn::Job(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job { work: Some(work), done: None, answer };
        self.writes.send(Turn::Job(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // A thread that has ended takes nothing, and is not waited for.
        drop(self.writes.send(Turn::End).await);
        for _ in 0..READERS {
            drop(self.reads.send(Turn::End).await);
        }
        for ended in threads {
            drop(ended.await);
        }
    }
}

/// A connection as every thread of ours has it.
fn connect(file: &Path, writes: bool) -> rusqlite::Result<Connection> {
    let access = if writes { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "mmap_size", 268_435_456)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise a value that decides whether an index of only some rows fits has its statement planned anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    table::install(&connection)?;
    Ok(connection)
}

/// Whether the disk does not take or give anything.
pub(super) fn is_away(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(CannotOpen | DiskFull | ReadOnly | SystemIoFailure))
}

/// Some builds default to a mode that loses acknowledged events when the power fails.
fn assert_durable(connection: &Connection) -> anyhow::Result<()> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode != "wal" || synchronous != 2 {
        bail!(
            "the database is in journal mode `{mode}` with synchronous {synchronous}; it has to be `wal` with 2 (FULL)"
        );
    }
    Ok(())
}

/// Starts a thread; what is returned hears when it has ended.
fn start(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<oneshot::Receiver<()>> {
    let (ended, hears) = oneshot::channel();
    let run = move || {
        work();
        drop(ended);
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).context("cannot start a thread for the database")?;
    Ok(hears)
}

fn keep_reading(connection: Connection, asked: &Mutex<mpsc::Receiver<Turn<Box<dyn Read>>>>) {
    let mut conn = Conn::Sqlite(connection);
    loop {
        let turn = asked.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match turn {
            Some(Turn::Job(read)) => read.run(&mut conn),
            Some(Turn::End) | None => return,
        }
    }
}

fn keep_writing(mut writer: Writer, mut waiting: mpsc::Receiver<Turn<Box<dyn Write>>>) {
    while let Some(turn) = waiting.blocking_recv() {
        match turn {
            Turn::Job(first) => writer.write_group(first, &mut waiting),
            Turn::End => waiting.close(), // what waits is still written
        }
        if writer.disk.is_lost() {
            // Whoever waits is told that the store is closed. The connection stays open until the process ends: closing
            // it would sync once more, and trust that.
            return std::mem::forget(writer);
        }
    }
}

struct Writer {
    conn: Conn,
    disk: Disk,
    checkpoints: Checkpoints,
}

impl Writer {
    fn connection(&self) -> &Connection {
        match &self.conn {
            Conn::Sqlite(connection) => connection,
            Conn::Postgres(_) | Conn::PostgresTx(_) => unreachable!("the writer was made with SQLite"),
        }
    }

    fn tell(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection().prepare_cached(statement)?.execute(()).map(drop)
    }

    /// Runs the write and those that come while the group is open, commits, and answers them.
    fn write_group(&mut self, first: Box<dyn Write>, waiting: &mut mpsc::Receiver<Turn<Box<dyn Write>>>) {
        if let Err(error) = self.tell("BEGIN IMMEDIATE") {
            return first.answer(Err(&error.to_string()));
        }
        let started = Instant::now();
        let mut group = Vec::new();
        let mut next = Some(first);
        let mut done = Ok(());
        while let Some(mut write) = next.take() {
            done = self.run(&mut *write);
            group.push(write);
            if done.is_ok() && group.len() < GROUP_WRITES_MAX && started.elapsed() < GROUP_TIME {
                next = match waiting.try_recv() {
                    Ok(Turn::Job(write)) => Some(write),
                    Ok(Turn::End) => {
                        waiting.close();
                        waiting.try_recv().ok().and_then(|turn| match turn {
                            Turn::Job(write) => Some(write),
                            Turn::End => None,
                        })
                    }
                    Err(_) => None,
                };
            }
        }
        crash_point!("CP3");
        let committed = done.and_then(|()| self.tell("COMMIT")).map_err(|error| {
            self.disk.note(&error);
            if !self.connection().is_autocommit() {
                drop(self.tell("ROLLBACK"));
            }
            error.to_string()
        });
        // A checkpoint may have found out meanwhile.
        let committed = if self.disk.is_lost() { Err("a sync has failed".to_owned()) } else { committed };
        metrics::histogram!("leadline_store_group_writes").record(group.len() as f64);
        for write in group {
            write.answer(committed.as_ref().copied().map_err(String::as_str));
        }
        let Conn::Sqlite(connection) = &self.conn else { return };
        self.checkpoints.follow(connection, &self.disk);
    }

    /// Runs one write of the group; one that fails takes back what it did, and no more.
    ///
    /// # Errors
    /// When the database has given up the whole transaction.
    fn run(&mut self, write: &mut dyn Write) -> rusqlite::Result<()> {
        self.tell("SAVEPOINT write")?;
        if !write.run(&mut self.conn) {
            self.tell("ROLLBACK TO write")?;
        }
        self.tell("RELEASE write")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn once_a_sync_has_failed_nothing_is_stored_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let db = SqliteDb::open(&folder.path().join("leadline.db")).await.unwrap();
        let write = || db.write(|_| Box::pin(async { Ok(()) }));
        write().await.unwrap();
        let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        db.disk.note(&rusqlite::Error::SqliteFailure(failed, None));
        // The writer may have looked already when the next write comes.
        assert!(matches!(write().await, Err(StoreError::Commit(_) | StoreError::Closed)));
        assert!(matches!(write().await, Err(StoreError::Closed)));
        db.disk.lost().await;
    }
}
