//! How many events a source may send. Pure: the time is an argument. A bucket holds what a source may send at once, and
//! fills by its rate.

use std::time::Duration;

use crate::model::time::Timestamp;

/// A source that was silent may send as much as in this many seconds at once: senders repeat together after an outage.
const BURST_S: i64 = 2;
/// What is refused for its rate is recorded so often for each source, and counted else: a flood must not become writes.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// What one source may still send. In thousandths of an event, so that a slow rate fills between two milliseconds too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    left: i64,
    filled_at: Timestamp,
    recorded_at: Option<Timestamp>,
}

/// Why a source has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Events a second.
    pub rate: i64,
    /// Until it may send again.
    pub wait: Duration,
    /// Whether this one is recorded for the operator.
    pub recorded: bool,
}

impl Bucket {
    /// Of a source that was silent.
    pub fn full(rate: i64, now: Timestamp) -> Self {
        Self { left: rate * BURST_S * 1000, filled_at: now, recorded_at: None }
    }

    /// Whether the source may send one now; nothing is taken, because nobody knows yet who asks.
    ///
    /// # Errors
    /// When it has to wait.
    pub fn look(&mut self, rate: i64, now: Timestamp) -> Result<(), TooMany> {
        self.fill(rate, now);
        if self.left >= 1000 {
            return Ok(());
        }
        let recorded = self.recorded_at.is_none_or(|at| now < at || now.since(at) >= RECORD_EVERY);
        if recorded {
            self.recorded_at = Some(now);
        }
        let missing = (1000 - self.left).unsigned_abs();
        let wait = Duration::from_millis(missing.div_ceil(rate.unsigned_abs().max(1)));
        Err(TooMany { rate, wait, recorded })
    }

    /// Takes one, for an event that the source has signed.
    ///
    /// # Errors
    /// When it has to wait.
    pub fn take(&mut self, rate: i64, now: Timestamp) -> Result<(), TooMany> {
        self.look(rate, now)?;
        self.left -= 1000;
        Ok(())
    }

    /// A clock that was set back fills nothing, and goes on from there.
    fn fill(&mut self, rate: i64, now: Timestamp) {
        let millis = i64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(millis.saturating_mul(rate)).min(rate * BURST_S * 1000);
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn taken(bucket: &mut Bucket, rate: i64, now: Timestamp) -> usize {
        (0..10_000).take_while(|_| bucket.take(rate, now).is_ok()).count()
    }

    #[test]
    fn a_source_may_send_its_rate_and_twice_as_much_after_a_silence() {
        let mut bucket = Bucket::full(500, NOON);
        assert_eq!(taken(&mut bucket, 500, NOON), 1000);
        for second in 1..=20 {
            assert_eq!(taken(&mut bucket, 500, NOON + Duration::from_secs(second)), 500, "second {second}");
        }
        assert_eq!(taken(&mut bucket, 500, NOON + Duration::from_secs(3600)), 1000);
    }

    #[test]
    fn a_refusal_says_how_long_to_wait_and_one_a_second_is_recorded() {
        let mut bucket = Bucket::full(2, NOON);
        assert_eq!(taken(&mut bucket, 2, NOON), 4);
        let refused = |bucket: &mut Bucket, millis| bucket.look(2, NOON + Duration::from_millis(millis)).unwrap_err();
        let first = refused(&mut bucket, 0);
        assert_eq!(
            (first.wait, first.recorded),
            (Duration::from_millis(500), false),
            "one was recorded when it ran out"
        );
        let later = refused(&mut bucket, 400);
        assert_eq!((later.wait, later.recorded), (Duration::from_millis(100), false));
        assert_eq!(taken(&mut bucket, 2, NOON + Duration::from_millis(500)), 1);
        assert!(refused(&mut bucket, 999).wait <= Duration::from_millis(2));
        assert_eq!(taken(&mut bucket, 2, NOON + Duration::from_millis(1000)), 1);
        assert!(refused(&mut bucket, 1001).recorded);
    }

    #[test]
    fn a_clock_that_jumps_gives_no_more_than_a_burst_and_locks_nobody_out() {
        let mut bucket = Bucket::full(10, NOON);
        taken(&mut bucket, 10, NOON);
        assert_eq!(taken(&mut bucket, 10, NOON + Duration::from_secs(3 * 86_400)), 20);
        assert_eq!(taken(&mut bucket, 10, NOON), 0, "set back");
        assert_eq!(taken(&mut bucket, 10, NOON + Duration::from_secs(1)), 10, "and it fills again");
    }
}
