//! From values to places, and at which values an axis says something.

use std::time::Duration;

/// Maps values to places between `start` and `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    /// Values up to about this one are apart evenly, larger ones by their ratio; none where all are even.
    log: Option<f64>,
}

impl Scale {
    pub(super) fn linear((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self { from, to, start, end, log: None }
    }

    /// By ratio, and still with room for zero: from `knee` downward it goes on evenly.
    pub(super) fn log((from, to): (f64, f64), (start, end): (f64, f64), knee: f64) -> Self {
        Self { from, to, start, end, log: Some(knee) }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let place = |value: f64| self.log.map_or(value, |knee| (1.0 + value.max(0.0) / knee).ln());
        let [from, to, value] =
            [self.from, self.to, value.clamp(self.from.min(self.to), self.to.max(self.from))].map(place);
        if to <= from {
            return f64::midpoint(self.start, self.end);
        }
        self.start + (value - from) / (to - from) * (self.end - self.start)
    }
}

/// Whole numbers from zero, in steps of 1, 2 or 5, the last at or above `max`; about as many as asked for.
pub(super) fn steps(max: u64, about: u64) -> Vec<u64> {
    let wanted = max.div_ceil(about.max(1)).max(1);
    let mut power: u64 = 1;
    let step = loop {
        if let Some(step) =
            [1, 2, 5].into_iter().filter_map(|digit| power.checked_mul(digit)).find(|step| *step >= wanted)
        {
            break step;
        }
        match power.checked_mul(10) {
            Some(larger) => power = larger,
            None => break wanted,
        }
    };
    let last = max.div_ceil(step).max(1);
    (0..=last).map(|index| step.saturating_mul(index)).collect()
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Steps in which people count time.
const WAITS: [u64; 27] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// Waits from zero in even steps, in milliseconds, the last at or above `max`.
pub(super) fn waits(max: Duration, about: u64) -> Vec<u64> {
    let max = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
    let wanted = max.div_ceil(about.max(1));
    match WAITS.into_iter().find(|step| *step >= wanted) {
        Some(step) => (0..=max.div_ceil(step).max(1)).map(|index| step * index).collect(),
        None => steps(max.div_ceil(DAY), about).into_iter().map(|days| days.saturating_mul(DAY)).collect(),
    }
}

/// Waits by ratio, in milliseconds, from `min` to `max`; so few that each has room.
pub(super) fn waits_by_ratio(min: f64, max: f64) -> Vec<u64> {
    const MARKS: [u64; 12] =
        [1, 10, 100, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 10 * DAY, 100 * DAY];
    let within: Vec<_> = MARKS.into_iter().filter(|mark| (min..=max).contains(&(*mark as f64))).collect();
    within.iter().step_by(within.len().div_ceil(6).max(1)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_of_1_2_or_5_and_reach_the_largest() {
        let rows: [(u64, u64, &[u64]); 8] = [
            (0, 4, &[0, 1]),
            (1, 4, &[0, 1]),
            (3, 4, &[0, 1, 2, 3]),
            (7, 4, &[0, 2, 4, 6, 8]),
            (18, 4, &[0, 5, 10, 15, 20]),
            (100, 4, &[0, 50, 100]),
            (1_234_567, 4, &[0, 500_000, 1_000_000, 1_500_000]),
            (5, 0, &[0, 5]),
        ];
        for (max, about, expected) in rows {
            assert_eq!(steps(max, about), expected, "{max}");
        }
        for max in (0..64).map(|power| 1_u64 << power).chain([u64::MAX]) {
            let steps = steps(max, 4);
            assert!(steps.len() <= 6 && steps.last() >= Some(&max), "{max}: {steps:?}");
        }
    }

    #[test]
    fn waits_are_counted_as_people_count_them() {
        let rows: [(f64, &[u64]); 5] = [
            (0.0, &[0, 1]),
            (0.08, &[0, 20, 40, 60, 80]),
            (45.0, &[0, 20_000, 40_000, 60_000]),
            (90.0 * 60.0, &[0, 1_800_000, 3_600_000, 5_400_000]),
            (20.0 * 86_400.0, &[0, 432_000_000, 864_000_000, 1_296_000_000, 1_728_000_000]),
        ];
        for (seconds, expected) in rows {
            assert_eq!(waits(Duration::from_secs_f64(seconds), 4), expected, "{seconds}");
        }
        assert!(waits(Duration::MAX, 4).len() <= 6);
        assert_eq!(waits_by_ratio(40.0, 50_000.0), [100, 1000, 10_000]);
        assert_eq!(waits_by_ratio(0.0, f64::MAX), [1, 100, 10_000, 600_000, 21_600_000, 864_000_000]);
        assert_eq!(waits_by_ratio(3.0, 4.0), [0; 0]);
    }

    #[test]
    fn a_scale_keeps_to_its_ends() {
        let even = Scale::linear((0.0, 10.0), (100.0, 0.0));
        assert_eq!([-5.0, 0.0, 2.5, 10.0, 99.0].map(|value| even.at(value)), [100.0, 100.0, 75.0, 0.0, 0.0]);
        let ratio = Scale::log((0.0, 999.0), (0.0, 3.0), 1.0);
        assert_eq!([0.0, 9.0, 99.0, 999.0].map(|value| ratio.at(value).round()), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(Scale::linear((3.0, 3.0), (0.0, 10.0)).at(3.0), 5.0);
    }
}
