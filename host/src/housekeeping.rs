//! Housekeeping: partitions are made before their day comes, and what is older than its limit is removed, a little at a
//! time. What still waits for anything is kept, however old it is. Compiled code goes when no version needs it any more.

use std::time::Duration;

use anyhow::Context as _;

use crate::model::lane::Step;
use crate::model::time::{DAY, Timestamp};
use crate::store::{Kept, Removed, Store};
use crate::transform::{Artifacts, Transformer};

/// How long the ids of senders are known, so that a repeat is told from a new event. Senders repeat for 76 hours.
const KEYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long refused requests are shown.
const REJECTED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long the answer to an upload is known: a compiler that could not do it may by then.
const UPLOADS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What was compiled is left alone for so long: an upload takes some minutes to become a version, or not.
const COMPILED: Duration = Duration::from_secs(60 * 60);
/// What another engine compiled stays for so long: of two releases side by side, or one that somebody goes back to, each
/// finds its own.
const COMPILED_BY_OTHERS: Duration = DAY;
/// How long figures of hours are kept: three years, to compare them. They name nobody.
const HOURS: Duration = Duration::from_secs(3 * 366 * 24 * 60 * 60);
/// How long messages to people and webhooks are shown.
const MESSAGES: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an answer is kept for a repeat of its request: programs repeat what they got no answer to within a day.
pub const ANSWERS: Duration = DAY;
/// Partitions are there for as many days ahead, so that a week in which none can be made harms nothing.
const DAYS_AHEAD: u32 = 7;

/// How long what grows is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bodies, plans, logs, attempts and calls: what holds personal data.
    pub bodies: Duration,
    /// Events and deliveries: what became of each lead.
    pub events: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of_days(Self::BODIES_DAYS, Self::EVENTS_DAYS)
    }
}

impl Limits {
    /// Days that what holds personal data is kept, where nobody says otherwise.
    pub const BODIES_DAYS: u32 = 30;
    /// Days that an account may choose for it, from a day to three months.
    pub const ACCOUNT_DAYS: std::ops::RangeInclusive<u32> = 1..=90;
    /// Days that events and deliveries are kept, where nobody says otherwise: a year, and time to compare it.
    pub const EVENTS_DAYS: u32 = 400;

    pub fn of_days(bodies: u32, events: u32) -> Self {
        Self { bodies: DAY * bodies, events: DAY * events }
    }

    /// Days that an account keeps what holds personal data, where it wants nothing else.
    pub fn days(&self) -> u32 {
        u32::try_from(self.bodies.as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
    }

    fn of(&self, kept: Kept) -> Duration {
        match kept {
            Kept::Bodies
            | Kept::Words
            | Kept::Logs
            | Kept::Runs
            | Kept::Plans
            | Kept::Attempts
            | Kept::Requests
            | Kept::Answers
            | Kept::Calls => self.bodies,
            Kept::Deliveries | Kept::Events => self.events,
            Kept::Keys => KEYS,
            Kept::Rejected => REJECTED,
            Kept::Uploads => UPLOADS,
            Kept::Hours => HOURS,
        }
    }
}

/// Makes the partitions of today and the next days, where the database has partitions. Before the first event of a
/// process: what comes before its partition is in the way of it.
///
/// # Errors
/// When a partition cannot be made.
pub async fn make_partitions(store: &Store, now: Timestamp) -> anyhow::Result<Step> {
    let days: Vec<_> = (0..=DAYS_AHEAD).map(|ahead| now + DAY * ahead).collect();
    let made = store.make_partitions(&days).await.context("the partitions of the next days cannot be made")?;
    Ok(if made == 0 { Step::Idle } else { Step::Worked })
}

/// One round: makes partitions, or drops one that is old, or removes a page of old rows, or adds up hours that are over.
///
/// # Errors
/// When the database does not let it.
pub async fn next(store: &Store, limits: &Limits, now: Timestamp) -> anyhow::Result<Step> {
    if make_partitions(store, now).await? == Step::Worked {
        return Ok(Step::Worked);
    }
    if store.remove_kept_answers(now - ANSWERS).await.context("kept answers cannot be removed")? > 0 {
        return Ok(Step::Worked);
    }
    if store.forget_sessions(now).await.context("sessions that are over cannot be forgotten")? {
        return Ok(Step::Worked);
    }
    if store.forget_changes(now).await.context("what happened to leads cannot be forgotten")? {
        return Ok(Step::Worked);
    }
    // An account may want to keep less than others, or more: then the others' goes row by row.
    let default = limits.days();
    let longest = store.longest_kept(default).await.context("how long accounts keep cannot be read")?;
    let limits = &Limits { bodies: DAY * longest, ..*limits };
    if store.remove_messages(now - MESSAGES).await.context("old messages cannot be removed")? > 0 {
        return Ok(Step::Worked);
    }
    // Deliveries go before their events.
    for kept in Kept::ALL {
        let before = now - limits.of(kept);
        let removed = store.remove_before(kept, before).await;
        match removed.with_context(|| format!("what is old cannot be removed from {}", kept.table()))? {
            Removed::Nothing => {}
            Removed::Rows(rows) => {
                tracing::debug!(rows, table = kept.table(), "{rows} old rows of {} were removed", kept.table());
                return Ok(Step::Worked);
            }
            Removed::Partition(name) => {
                tracing::info!(partition = name, "the old partition {name} was dropped");
                return Ok(Step::Worked);
            }
        }
    }
    let shorter = store.kept_shorter(default, longest).await.context("how long accounts keep cannot be read")?;
    if !shorter.is_empty() {
        let removed = store.remove_of(&shorter, longest, now).await;
        if removed.context("what accounts keep no longer cannot be removed")? > 0 {
            return Ok(Step::Worked);
        }
    }
    let filled = store.fill_hours(now).await.context("the figures of an hour cannot be added up")?;
    Ok(if filled { Step::Worked } else { Step::Idle })
}

/// What one pass over compiled code took away.
#[derive(Debug, PartialEq, Eq)]
pub struct Swept {
    pub removed: usize,
    /// Where the next pass goes on; none when everything was looked at.
    pub next: Option<String>,
}

/// Takes away a page of what this machine compiled and no stored version needs: of refused uploads, of other engines, and
/// what was never finished. It is only ever a cache, so what goes too early is compiled again.
///
/// # Errors
/// When the database or the folder cannot be read.
pub async fn sweep(
    store: &Store,
    transformer: &Transformer,
    after: Option<String>,
    now: Timestamp,
) -> anyhow::Result<Swept> {
    const UNREADABLE: &str = "the folder of compiled transformations cannot be read";
    let (before, others_before) = (now - COMPILED, now - COMPILED_BY_OTHERS);
    let look = on_disk(transformer, move |artifacts| {
        let removed = match after {
            None => artifacts.remove_leftovers(before, others_before)?,
            Some(_) => 0,
        };
        Ok((removed, artifacts.old(after.as_deref(), before)?))
    });
    let Some(looked) = look.await? else { return Ok(Swept { removed: 0, next: None }) };
    let (leftovers, old) = looked.context(UNREADABLE)?;
    let unneeded = store.hashes_of_none(old.hashes).await?;
    let remove = on_disk(transformer, move |artifacts| Ok(artifacts.remove(&unneeded, before)));
    let removed = leftovers + remove.await?.transpose().context(UNREADABLE)?.unwrap_or(0);
    if removed > 0 {
        tracing::info!(removed, "{removed} files of compiled code that nobody needs were removed");
    }
    Ok(Swept { removed, next: old.next })
}

/// Works on the files beside the threads that answer requests; none where nothing is kept.
async fn on_disk<T: Send + 'static>(
    transformer: &Transformer,
    work: impl FnOnce(&Artifacts) -> std::io::Result<T> + Send + 'static,
) -> anyhow::Result<Option<std::io::Result<T>>> {
    let transformer = transformer.clone();
    let work = tokio::task::spawn_blocking(move || transformer.artifacts().map(work));
    work.await.context("looking at compiled code panicked")
}
