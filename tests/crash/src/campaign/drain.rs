//! Working everything off: without faults, and with time skipped where something waits for it.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Scene;
use crate::dump::Lane;
use crate::oracle::Violation;
use crate::service::Service;

/// Retries, doubts and rests need a few rounds; an engine that needs more than this never comes to an end.
const ROUNDS_MAX: u32 = 25;
/// A queue that does not change for so long waits for something: for the lease of a dead process to end, where a
/// process does not void the leases of others when it starts.
const STANDSTILL: Duration = Duration::from_secs(3);
/// How long a service may take to end when nothing is left to do.
const END_PATIENCE: Duration = Duration::from_secs(15);
/// When a lane is due that has nothing to do.
const NEVER: i64 = 9_007_199_254_740_991;
/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Scene<'_> {
    /// Lets the service work off everything, ends it in order, and compares the records.
    pub(super) async fn drain_and_check(&mut self) -> anyhow::Result<Vec<Violation>> {
        let Some(service) = self.launcher.start(None).await? else {
            anyhow::bail!("the service died at a point that nobody asked for");
        };
        self.repeat_what_is_open().await?;
        let mut rounds = 0;
        while let Some(next) = self.work_off().await? {
            rounds += 1;
            if rounds > ROUNDS_MAX {
                service.kill().await?;
                let (open, _) = self.database.open().await?;
                let found = format!("{} open after {ROUNDS_MAX} rounds", open.len());
                return Ok(vec![Violation::new(2, "everything is worked off in the end", found)]);
            }
            let wait = u64::try_from(next - self.clock.now()).unwrap_or_default();
            self.clock.skip(Duration::from_millis(wait + 1))?;
        }
        match end(service).await? {
            Some(violation) => Ok(vec![violation]),
            None => self.compare().await,
        }
    }

    /// What was not acknowledged is sent again until it is, as real senders do.
    async fn repeat_what_is_open(&mut self) -> anyhow::Result<()> {
        let (_open, gate) = watch::channel(true);
        let mut at_work = JoinSet::new();
        self.senders.drain(..).for_each(|sender| drop(at_work.spawn(sender.finish(gate.clone()))));
        while let Some(sender) = at_work.join_next().await {
            self.senders.push(sender?);
        }
        Ok(())
    }

    /// Waits until nothing is due. Returns when something will be, or nothing if the queue is empty.
    async fn work_off(&self) -> anyhow::Result<Option<i64>> {
        let mut before = (Vec::new(), Vec::new());
        let mut changed = Instant::now();
        loop {
            let (work, lanes) = self.database.open().await?;
            if work.is_empty() {
                return Ok(None);
            }
            if (&work, &lanes) != (&before.0, &before.1) {
                before = (work.clone(), lanes.clone());
                changed = Instant::now();
            }
            let stands_still = changed.elapsed() > STANDSTILL;
            let now = self.clock.now();
            let with_work = lanes.iter().filter(|lane| work.iter().any(|(lane_id, _)| *lane_id == lane.id));
            // Work was read a moment before the lanes: one that was settled in between is due no more.
            let (due, settled): (Vec<_>, Vec<_>) = with_work.partition(|lane| lane.next_due < NEVER);
            let is_at_rest = |lane: &&Lane| lane.next_due.max(lane.paused_until) > now && lane.lease_until <= now;
            let is_quiet = settled.is_empty() && due.iter().all(is_at_rest);
            if is_quiet || stands_still {
                let free_at = |lane: &Lane| lane.next_due.max(lane.paused_until).max(lane.lease_until);
                return Ok(Some(due.into_iter().map(free_at).max().unwrap_or(now).max(now)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Asks the service to end. With nothing left to do it has to obey.
async fn end(mut service: Service) -> anyhow::Result<Option<Violation>> {
    service.terminate()?;
    match service.wait(END_PATIENCE).await? {
        Some(status) if status.success() => Ok(None),
        Some(status) => Ok(Some(Violation::new(2, "a service that is asked to end ends well", status.to_string()))),
        None => {
            service.kill().await?;
            let found = format!("it goes on after {} s", END_PATIENCE.as_secs());
            Ok(Some(Violation::new(2, "a service that is asked to end does so", found)))
        }
    }
}
