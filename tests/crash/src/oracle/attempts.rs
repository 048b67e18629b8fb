//! Promise 9: attempts and the timetable, as the help page has it.

use std::collections::BTreeMap;

use super::{Attempt, Delivery, Records, Violation};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The wait after the first failed attempt, after the second, and so on.
const TIMETABLE: [i64; 11] =
    [0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR];
/// What HubSpot or a doubt about a note may ask for instead, at most.
const ASKED_MAX: i64 = 6 * SECOND;
/// Trouble that spends no attempt.
const FREE: [&str; 3] = ["hubspot.rate_limited", "hubspot.migrating", "connection.paused"];

/// Each wait is that of the timetable, and what rests spends nothing.
pub(super) fn follow_the_timetable(records: &Records) -> Vec<Violation> {
    let mut by_delivery: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &records.dump.attempts {
        by_delivery.entry(&attempt.delivery_id).or_default().push(attempt);
    }
    let mut violations = Vec::new();
    for delivery in &records.dump.deliveries {
        let mut attempts = by_delivery.remove(&*delivery.id).unwrap_or_default();
        attempts.retain(|attempt| attempt.class == "temporary");
        attempts.sort_by_key(|attempt| attempt.number);
        violations.extend(count(delivery, &attempts));
        violations.extend(waits(delivery, &attempts));
    }
    violations
}

fn count(delivery: &Delivery, temporary: &[&Attempt]) -> Option<Violation> {
    let ended = matches!(&*delivery.state, "delivered" | "failed");
    let expected = i64::try_from(temporary.len()).unwrap_or(i64::MAX) + i64::from(ended);
    (delivery.attempts != expected).then(|| {
        let text = format!("{} is {} and spent {expected} attempts", delivery.id, delivery.state);
        Violation::new(9, text, delivery.attempts.to_string())
    })
}

fn waits(delivery: &Delivery, temporary: &[&Attempt]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, attempt) in temporary.iter().enumerate() {
        let what = format!("attempt {} of {}", index + 1, delivery.id);
        if FREE.contains(&&*attempt.code) {
            violations.push(Violation::new(9, format!("{what} is not spent on a rest"), attempt.code.clone()));
        }
        let Some(wait) = TIMETABLE.get(index) else { continue };
        let waited = attempt.next_at.map_or(0, |next| next - attempt.at);
        let (least, most) = (wait * 9 / 10 - 1, (wait * 11 / 10 + 1).max(ASKED_MAX));
        if !(least..=most).contains(&waited) {
            let expected = format!("{what} is followed after {least} to {most} ms");
            violations.push(Violation::new(9, expected, format!("{waited} ms")));
        }
        let early = temporary.get(index + 1).filter(|next| attempt.next_at.is_some_and(|due| next.at < due));
        if let Some(next) = early {
            let expected = format!("{what} is followed at {:?} at the earliest", attempt.next_at);
            violations.push(Violation::new(9, expected, next.at.to_string()));
        }
    }
    violations
}
