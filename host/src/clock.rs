//! Whether the clock goes evenly, and agrees with the database's. Leases, pauses and retries are times: a clock that
//! jumps would take a lane in which a round is still at work, or let everything wait that was due.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard, watch};

use crate::budget;
use crate::deliver::Clock;
use crate::model::time::Timestamp;
use crate::store::Store;

/// The clock is compared with the database's so often.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Clocks that are further apart than this are not trusted with leases. A call leaves more than that before its lease
/// ends.
const SKEW_MAX: Duration = Duration::from_secs(2);
/// A clock that moves by more than this against the steady one was set. Time servers move it more gently.
const JUMP_MIN: Duration = Duration::from_secs(1);

/// What is known of the clock of this process.
pub struct ClockWatch {
    wall: Clock,
    started: Instant,
    /// How long the calls of a moment ago still count at HubSpot, whatever the clock says.
    rest: Duration,
    /// What the clock was ahead of the steady one, in milliseconds, when a round last began.
    offset: Mutex<Option<i64>>,
    /// Held by every round; alone by whoever follows a jump.
    rounds: RwLock<()>,
    /// What the clock is ahead of the database's at least, in milliseconds.
    ahead: watch::Sender<i64>,
}

impl ClockWatch {
    pub fn new(wall: Clock) -> Self {
        Self {
            wall,
            started: Instant::now(),
            rest: budget::WINDOW,
            offset: Mutex::default(),
            rounds: RwLock::default(),
            ahead: watch::Sender::new(0),
        }
    }

    /// The same, resting for so long after a jump forward.
    #[must_use]
    pub fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// Why no round may begin for now, in words; none while the clocks agree.
    pub fn disagreement(&self) -> Option<String> {
        let ahead = *self.ahead.borrow();
        (!agrees(ahead)).then(|| {
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            let seconds = ahead.unsigned_abs() as f64 / 1000.0;
            format!("the clock of this machine is {seconds:.1} s {side} the database's")
        })
    }

    /// Lets a round begin, until what it returns is dropped. After a jump of the clock, those that began before it end
    /// first: by the new time their leases may be over, and their calls are not.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(&self, store: &Store) -> anyhow::Result<RwLockReadGuard<'_, ()>> {
        loop {
            let mut ahead = self.ahead.subscribe();
            ahead.wait_for(|ahead| agrees(*ahead)).await?;
            let round = self.rounds.read().await;
            if self.jump().is_none() {
                return Ok(round);
            }
            drop(round);
            self.follow(store).await?;
        }
    }

    /// How far the clock was set since the last round began, in milliseconds.
    fn jump(&self) -> Option<i64> {
        let now = self.offset();
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        let jump = now - offset.unwrap_or(now);
        let is_small = jump.unsigned_abs() <= JUMP_MIN.as_millis() as u64;
        if is_small {
            *offset = Some(now);
        }
        (!is_small).then_some(jump)
    }

    fn offset(&self) -> i64 {
        (self.wall)().0 - i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Goes on by the new time, once every round has ended.
    async fn follow(&self, store: &Store) -> anyhow::Result<()> {
        let _alone = self.rounds.write().await;
        let Some(jump) = self.jump() else { return Ok(()) }; // somebody else was here first
        let (by, side) = (jump.unsigned_abs() as f64 / 1000.0, if jump > 0 { "forward" } else { "back" });
        tracing::warn!(
            "the clock was set {side} by {by:.1} s; what was under way has ended, and work goes on by the new time"
        );
        if !store.is_for_one_process() {
            self.look(store).await?;
        } else if jump < 0 {
            store.move_back((self.wall)(), Duration::from_millis(jump.unsigned_abs())).await?;
        }
        if jump > 0 {
            // The calls of a moment ago look older than HubSpot's window, and still count there.
            tokio::time::sleep(self.rest).await;
        }
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.offset());
        Ok(())
    }

    /// Compares the clock with the database's.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self, store: &Store) -> anyhow::Result<()> {
        let before = (self.wall)();
        let database = store.time().await?;
        let ahead = apart(before, database, (self.wall)());
        metrics::gauge!("leadline_clock_skew_seconds").set(ahead as f64 / 1000.0);
        let agreed = agrees(self.ahead.send_replace(ahead));
        match self.disagreement() {
            Some(words) if agreed => {
                tracing::error!("{words}; no work is begun until they agree: let a time server (NTP) set both");
            }
            None if !agreed => tracing::warn!("the clock agrees with the database's again, and work goes on"),
            _ => {}
        }
        Ok(())
    }
}

fn agrees(ahead: i64) -> bool {
    ahead.unsigned_abs() <= SKEW_MAX.as_millis() as u64
}

/// What our clock is ahead of the database's at least, when it was asked between two moments: a slow answer is no skew.
fn apart(before: Timestamp, database: Timestamp, after: Timestamp) -> i64 {
    if database < before { before.0 - database.0 } else { (after.0 - database.0).min(0) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_slow_answer_is_no_skew() {
        let rows = [(100, 150, 200, 0), (100, 90, 200, 10), (100, 260, 200, -60), (100, 5100, 9000, 0)];
        for (before, database, after, ahead) in rows {
            assert_eq!(
                apart(Timestamp(before), Timestamp(database), Timestamp(after)),
                ahead,
                "{before} {database} {after}"
            );
        }
    }

    #[test]
    fn a_jump_is_told_from_time_that_goes_by_and_from_a_gentle_correction() {
        let ahead = Arc::new(AtomicI64::new(0));
        let (moved, begin) = (ahead.clone(), Instant::now());
        let wall =
            move || Timestamp(1_795_435_200_000 + begin.elapsed().as_millis() as i64 + moved.load(Ordering::SeqCst));
        let watch = ClockWatch::new(Arc::new(wall));
        assert_eq!(watch.jump(), None, "the first look knows of none");
        for gently in [500, 1000, 1500] {
            ahead.store(gently, Ordering::SeqCst);
            assert_eq!(watch.jump(), None, "{gently}");
        }
        ahead.store(3_601_500, Ordering::SeqCst);
        assert!(watch.jump().is_some_and(|jump| (jump - 3_600_000).abs() < 500));
        ahead.store(-3_598_500, Ordering::SeqCst);
        assert!(
            watch.jump().is_some_and(|jump| (jump + 3_600_000).abs() < 500),
            "against the last time that was followed"
        );
    }
}
