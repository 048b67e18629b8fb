//! The processes of the service. Each says now and then that it lives, and heeds whether it is to take no more lanes: it then
//! finishes what it holds, and others go on. A process that starts anew takes lanes again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::system::BUILD;
use crate::app::App;
use crate::config::Role;
use crate::model::lane::LaneKind;
use crate::model::time::Timestamp;
use crate::store::{self, ShownProcess, Store};

/// How often a process says that it lives.
pub const SAY_EVERY: Duration = Duration::from_secs(30);
/// Who said nothing for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often it looks whether it is to take no more lanes: as often as for what a command left in the database.
pub const HEED_EVERY: Duration = Duration::from_secs(1);

/// This process, and how much it has under way.
#[derive(Debug)]
pub struct Process {
    /// Unique among all processes on all machines.
    pub id: String,
    host: String,
    drains: AtomicBool,
    rounds: AtomicUsize,
}

impl Default for Process {
    fn default() -> Self {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self {
            id: format!("{:016x}", u64::from_ne_bytes(bytes)),
            host: format!("{} {}", machine(), std::process::id()),
            drains: AtomicBool::new(false),
            rounds: AtomicUsize::new(0),
        }
    }
}

/// The name of this machine, where the operating system says it.
fn machine() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "process".to_owned())
}

impl Process {
    /// Who holds the leases of one of its loops.
    pub fn owner(&self, kind: LaneKind, number: usize) -> String {
        format!("{}-{}-{number}", kind.as_str(), self.id)
    }

    /// Lets a round of a loop begin, until what it returns is dropped; none while the process takes no more lanes.
    pub fn begin_round(&self) -> Option<Round<'_>> {
        // Counted first: whoever finds no round under way after the word was given knows that none begins.
        self.rounds.fetch_add(1, Ordering::SeqCst);
        let round = Round(self);
        (!self.drains()).then_some(round)
    }

    /// Whether it takes no more lanes.
    pub fn drains(&self) -> bool {
        self.drains.load(Ordering::SeqCst)
    }

    /// Rounds that are under way.
    pub fn rounds(&self) -> usize {
        self.rounds.load(Ordering::SeqCst)
    }

    /// How it drains, in words; none where it does not.
    pub fn draining(&self) -> Option<String> {
        self.drains().then(|| match self.rounds() {
            0 => "draining: it takes no more lanes, and nothing is under way".to_owned(),
            1 => "draining: it takes no more lanes, and 1 round is under way".to_owned(),
            rounds => format!("draining: it takes no more lanes, and {rounds} rounds are under way"),
        })
    }
}

/// A round that is under way.
#[derive(Debug)]
pub struct Round<'p>(&'p Process);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.0.rounds.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says that this process lives.
///
/// # Errors
/// The store's.
pub async fn say(app: &App, roles: &[Role]) -> store::Result<()> {
    let now = (app.clock)();
    let own = ShownProcess {
        id: app.process.id.clone(),
        host: app.process.host.clone(),
        roles: roles.iter().map(|role| role.word().to_owned()).collect(),
        build: BUILD.to_owned(),
        started_at: app.started_at,
        seen_at: now,
        draining_since: None,
        lanes: 0,
    };
    // On a file there is nobody else: what is there was left by one that did not end in an orderly way.
    let gone_before = if app.store.is_for_one_process() { now } else { now - GONE_AFTER };
    app.store.see_process(&own, gone_before).await
}

/// Heeds whether this process is to take no more lanes.
///
/// # Errors
/// The store's.
pub async fn heed(app: &App) -> store::Result<()> {
    let drains = app.store.draining_since(&app.process.id).await?.is_some();
    if app.process.drains.swap(drains, Ordering::SeqCst) == drains {
        return Ok(());
    }
    if drains {
        tracing::warn!("this process takes no more lanes, because an operator said so; what it holds is finished");
    } else {
        tracing::warn!("this process takes lanes again");
        app.wake.plan.notify_one();
        app.wake.deliver.notify_one();
    }
    Ok(())
}

/// The processes that live.
///
/// # Errors
/// The store's.
pub async fn living(store: &Store, now: Timestamp) -> store::Result<Vec<ShownProcess>> {
    let all = store.processes(now).await?.into_iter();
    Ok(all.filter(|process| process.seen_at > now - GONE_AFTER).collect())
}

/// Lets a process take no more lanes, or take some again; each heeds it within a second. None: there is no such process.
///
/// # Errors
/// The store's.
pub async fn drain(store: &Store, id: &str, drains: bool, now: Timestamp) -> store::Result<Option<ShownProcess>> {
    if !store.drain_process(id, drains.then_some(now)).await? {
        return Ok(None);
    }
    Ok(store.processes(now).await?.into_iter().find(|process| process.id == id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_drains_begins_no_round_and_tells_how_many_are_left() {
        let process = Process::default();
        let [first, second] = [process.begin_round(), process.begin_round()];
        assert_eq!((first.is_some(), process.draining()), (true, None));
        process.drains.store(true, Ordering::SeqCst);
        assert!(process.begin_round().is_none());
        let words = |process: &Process| process.draining().unwrap();
        assert!(words(&process).ends_with("2 rounds are under way"));
        drop(first);
        assert!(words(&process).ends_with("1 round is under way"));
        drop(second);
        assert!(words(&process).ends_with("nothing is under way"));
    }
}
