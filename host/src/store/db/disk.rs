//! How things stand with the disk under the file: how much room it has, and whether it can be trusted at all. That it
//! takes nothing at the moment is for [`Health`](super::Health) to say.

use std::sync::Arc;

use rusqlite::ffi;
use tokio::sync::watch;

/// How much room there is, against the reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    #[default]
    Enough,
    /// Less than twice the reserve: what is left is for taking leads in, and for finishing what was planned.
    Short,
    /// Less than the reserve: what is left is for finishing what was planned.
    Reserve,
}

impl Room {
    /// What so many free bytes are.
    pub(super) fn of(free: u64, reserve: u64) -> Self {
        match free {
            free if free < reserve => Self::Reserve,
            free if free < reserve.saturating_mul(2) => Self::Short,
            _ => Self::Enough,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    room: Room,
    lost: bool,
}

/// What is known of the disk. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<watch::Sender<State>>);

impl Disk {
    pub(super) fn room(&self) -> Room {
        self.0.borrow().room
    }

    pub(super) fn set_room(&self, room: Room) {
        let changed = self.0.send_if_modified(|state| std::mem::replace(&mut state.room, room) != room);
        match room {
            Room::Enough if changed => tracing::warn!("the disk has room again"),
            Room::Short if changed => tracing::error!(
                "the disk has less room than twice its reserve: leads are taken in, and planned when there is room"
            ),
            Room::Reserve if changed => tracing::error!(
                "the disk has less room than its reserve: leads are refused with 503; make room, or lower `--disk-reserve-mib`"
            ),
            Room::Enough | Room::Short | Room::Reserve => {}
        }
    }

    /// Whether a sync failed.
    pub(super) fn is_lost(&self) -> bool {
        self.0.borrow().lost
    }

    /// Ready when a sync has failed.
    pub(super) async fn lost(&self) {
        self.0.subscribe().wait_for(|state| state.lost).await.expect("the sender is in `self`");
    }

    /// Notes what a commit or a checkpoint ended with. After a sync that failed, no later one proves anything: the
    /// system may have thrown away what it could not write.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        if is_failed_sync(error) && self.0.send_if_modified(|state| !std::mem::replace(&mut state.lost, true)) {
            tracing::error!("the disk did not do a sync, and nothing is stored any more: {error}");
        }
    }
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planning_stops_before_leads_are_refused() {
        let rooms = [0, 99, 100, 199, 200, u64::MAX].map(|free| Room::of(free, 100));
        assert_eq!(rooms, [Room::Reserve, Room::Reserve, Room::Short, Room::Short, Room::Enough, Room::Enough]);
        assert_eq!(Room::of(0, 0), Room::Enough, "without a reserve there is always room");
    }
}
