//! The versions in memory: a fixed amount of them, the ones that were used last. Any other is loaded again in less than
//! a millisecond, so ten thousand accounts may each have a version of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::engine::Loaded;
use super::limits::LOADED_BYTES_MAX;
use crate::model::id::VersionId;

/// Versions in memory. Reading takes no turn: many planners look at once.
#[derive(Default)]
pub(super) struct Memory {
    kept: RwLock<Kept>,
    /// Counts looks, so that each version knows which was the last for it.
    looks: AtomicU64,
    /// Versions that are being compiled, or that did not compile.
    turns: Mutex<HashMap<VersionId, State>>,
}

/// Who compiles a version.
pub enum Turn {
    /// Whoever asked.
    Mine,
    /// Somebody is at it.
    Anothers,
    /// Somebody was, a moment ago, and here it is.
    Over(Arc<Loaded>),
    /// Somebody was, and could not.
    Failed(Failed),
}

/// Why a version is not there.
#[derive(Clone, Debug)]
pub enum Failed {
    /// It does not compile here.
    ForGood(String),
    /// Trouble of the machine, which passes.
    ForNow,
}

enum State {
    UnderWay,
    Failed { how: Failed, at: Instant },
}

/// How long it counts that a version does not compile.
const FAILED_FOR_GOOD: Duration = Duration::from_secs(60);
/// How long it counts that the machine could not.
const FAILED_FOR_NOW: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Kept {
    versions: HashMap<VersionId, Entry>,
    bytes: usize,
}

struct Entry {
    loaded: Arc<Loaded>,
    looked_at: AtomicU64,
}

impl Failed {
    fn counts_for(&self) -> Duration {
        match self {
            Self::ForGood(_) => FAILED_FOR_GOOD,
            Self::ForNow => FAILED_FOR_NOW,
        }
    }
}

impl Memory {
    /// The version, where it is in memory.
    pub(super) fn get(&self, version: &VersionId) -> Option<Arc<Loaded>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let entry = kept.versions.get(version)?;
        entry.looked_at.store(self.look(), Ordering::Relaxed);
        Some(entry.loaded.clone())
    }

    /// Keeps a version, and lets those go that were looked at longest ago if there is no room. Whoever runs one of them
    /// has it until the run ends.
    pub(super) fn keep(&self, version: &VersionId, loaded: Loaded) -> Arc<Loaded> {
        let loaded = Arc::new(loaded);
        let entry = Entry { loaded: loaded.clone(), looked_at: AtomicU64::new(self.look()) };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += loaded.bytes;
        if let Some(old) = kept.versions.insert(version.clone(), entry) {
            kept.bytes -= old.loaded.bytes;
        }
        if kept.bytes > LOADED_BYTES_MAX {
            kept.make_room(LOADED_BYTES_MAX / 10 * 9);
        }
        metrics::gauge!("leadline_versions_loaded_bytes").set(kept.bytes as f64);
        drop(kept);
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(version);
        loaded
    }

    /// Who compiles a version that is not there.
    pub(super) fn turn(&self, version: &VersionId) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        match turns.get(version) {
            Some(State::UnderWay) => return Turn::Anothers,
            Some(State::Failed { how, at }) if at.elapsed() < how.counts_for() => return Turn::Failed(how.clone()),
            Some(State::Failed { .. }) | None => {}
        }
        // Whoever had the turn put the version there before the turn was over.
        if let Some(loaded) = self.get(version) {
            return Turn::Over(loaded);
        }
        turns.insert(version.clone(), State::UnderWay);
        Turn::Mine
    }

    /// Remembers for a while that a version did not compile.
    pub(super) fn failed(&self, version: &VersionId, how: Failed) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.insert(version.clone(), State::Failed { how, at: Instant::now() });
    }

    fn look(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::Relaxed)
    }
}

impl Kept {
    /// Lets the oldest go until at most `bytes` are left. More than one at a time, so that the next ones find room.
    fn make_room(&mut self, bytes: usize) {
        let looked_at = |entry: &Entry| entry.looked_at.load(Ordering::Relaxed);
        let mut oldest: Vec<_> = self.versions.iter().map(|(id, entry)| (looked_at(entry), id.clone())).collect();
        oldest.sort_unstable_by_key(|(looked_at, _)| *looked_at);
        // The newest stays in any case: somebody is about to run it.
        oldest.pop();
        for (_, id) in oldest {
            if self.bytes <= bytes {
                break;
            }
            if let Some(gone) = self.versions.remove(&id) {
                self.bytes -= gone.loaded.bytes;
            }
        }
    }
}
