//! When to try again: the timetable that the help page promises, and the jitter that spreads it.

use std::time::Duration;

use crate::model::id::DeliveryId;
use crate::model::time::Timestamp;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// How long to wait after the first failed attempt, after the second, and so on. After the last entry
/// one more attempt follows at [`END`].
pub const TIMETABLE: [Duration; 11] = [
    seconds(0),
    seconds(5),
    seconds(5 * 60),
    seconds(30 * 60),
    hours(2),
    hours(5),
    hours(10),
    hours(10),
    hours(12),
    hours(12),
    hours(12),
];

/// The last attempt comes this long after the first one.
pub const END: Duration = hours(72);

/// The first attempt, one for each wait, and the last one.
pub const ATTEMPTS_MAX: u32 = TIMETABLE.len() as u32 + 2;

/// A wait is lengthened or shortened by at most this share, so that leads that failed together do not return together.
pub const JITTER: f64 = 0.1;

/// When to try a delivery again whose `attempts` so far all failed, the last of them at `now`; `None` when the
/// timetable is used up. `asked` is HubSpot's Retry-After: it moves an attempt later, never earlier, never past the end.
pub fn due(id: &DeliveryId, attempts: u32, first_at: Timestamp, asked: Duration, now: Timestamp) -> Option<Timestamp> {
    let end = first_at + END;
    if now >= end || attempts >= ATTEMPTS_MAX {
        return None;
    }
    let Some(wait) = attempts.checked_sub(1).and_then(|index| TIMETABLE.get(index as usize)) else {
        return Some(end);
    };
    Some((now + spread(*wait, id, attempts).max(asked)).min(end))
}

/// `wait` with its jitter, drawn from the delivery's id.
fn spread(wait: Duration, id: &DeliveryId, attempts: u32) -> Duration {
    wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * unit(id.as_str(), attempts))
}

/// `wait` and up to half of it, so that what failed together is not tried again together.
pub fn jittered(wait: Duration, id: &str, now: Timestamp) -> Duration {
    wait.mul_f64(1.0 + unit(id, u32::try_from(now.seconds().rem_euclid(1 << 30)).unwrap_or(0)) / 2.0)
}

/// A number from 0 to 1, drawn from an id, so that a failing test fails again.
pub fn unit(id: &str, number: u32) -> f64 {
    // FNV-1a: nobody attacks a jitter, and the result must never change between versions.
    let bytes = id.bytes().chain(number.to_le_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn the_timetable_is_the_one_that_the_help_page_promises() {
        let minutes: Vec<_> = TIMETABLE.iter().map(|wait| wait.as_secs_f64() / 60.0).collect();
        assert_eq!(minutes, [0.0, 5.0 / 60.0, 5.0, 30.0, 120.0, 300.0, 600.0, 600.0, 720.0, 720.0, 720.0]);
        assert_eq!((ATTEMPTS_MAX, END.as_secs()), (13, 72 * 3600));
    }

    #[test]
    fn thirteen_attempts_end_72_hours_after_the_first() {
        for number in 0..200 {
            let id = DeliveryId::stored(format!("dlv_{number}"));
            let mut now = FIRST;
            let mut attempts = 1;
            while let Some(next) = due(&id, attempts, FIRST, Duration::ZERO, now) {
                assert!(next >= now);
                now = next;
                attempts += 1;
            }
            assert_eq!((attempts, now), (ATTEMPTS_MAX, FIRST + END));
        }
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_is_the_same_each_time() {
        for number in 0..500 {
            let id = DeliveryId::stored(format!("dlv_{number}"));
            for attempts in 2..=11 {
                let wait = TIMETABLE[attempts as usize - 1];
                let next = due(&id, attempts, FIRST, Duration::ZERO, FIRST).unwrap();
                let off = (next.since(FIRST).as_secs_f64() / wait.as_secs_f64() - 1.0).abs();
                assert!(off <= JITTER + 1e-9, "{off}");
                assert_eq!(due(&id, attempts, FIRST, Duration::ZERO, FIRST), Some(next));
            }
        }
    }

    #[test]
    fn retry_after_moves_later_never_earlier_never_past_the_end() {
        let id = DeliveryId::stored("dlv_1".to_owned());
        let rows = [(1, 10, 10), (3, 10, 270), (2, 200_000_000, 72 * 3600)];
        for (attempts, asked_s, at_least_s) in rows {
            let next = due(&id, attempts, FIRST, Duration::from_secs(asked_s), FIRST).unwrap();
            assert!(next.since(FIRST).as_secs() >= at_least_s, "{attempts} {next}");
            assert!(next <= FIRST + END);
        }
    }

    #[test]
    fn nothing_follows_the_end() {
        let id = DeliveryId::stored("dlv_1".to_owned());
        assert_eq!(due(&id, 4, FIRST, Duration::ZERO, FIRST + END), None);
        assert_eq!(due(&id, ATTEMPTS_MAX, FIRST, Duration::ZERO, FIRST), None);
    }
}
