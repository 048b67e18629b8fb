//! How much one asker may ask for: a bucket for each key and each browser, so that a program that runs wild keeps nobody
//! else waiting.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::time::Timestamp;
use crate::rate::Bucket;

/// Requests a second of one asker, in this process; twice as many at once after a silence. A page of the dashboard makes a
/// few, a program that reads everything some dozens.
pub(super) const RATE: i64 = 100;
/// Askers that are remembered; when there are more, all begin anew.
const ASKERS_MAX: usize = 10_000;

/// What each asker may still ask for.
pub(super) struct Askers {
    buckets: Mutex<HashMap<String, Bucket>>,
    begun: Instant,
}

impl Askers {
    pub(super) fn new() -> Self {
        Self { buckets: Mutex::default(), begun: Instant::now() }
    }

    /// Takes one request of an asker.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(super) fn take(&self, asker: &str) -> Result<(), Duration> {
        // By a clock that nobody sets.
        self.take_at(asker, Timestamp(0) + self.begun.elapsed())
    }

    fn take_at(&self, asker: &str, now: Timestamp) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().expect("nothing panics while it is held");
        if buckets.len() >= ASKERS_MAX && !buckets.contains_key(asker) {
            buckets.clear();
        }
        let bucket = buckets.entry(asker.to_owned()).or_insert_with(|| Bucket::full(RATE, now));
        bucket.take(RATE, now).map_err(|too_many| too_many.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_asker_waits_and_nobody_else_does() {
        let askers = Askers::new();
        let taken = |asker: &str, now| (0..1000).take_while(|_| askers.take_at(asker, Timestamp(now)).is_ok()).count();
        assert_eq!(taken("wild", 0), 200);
        assert_eq!(askers.take_at("wild", Timestamp(0)), Err(Duration::from_millis(10)));
        assert_eq!(taken("calm", 0), 200);
        assert_eq!(taken("wild", 1000), 100);
    }
}
