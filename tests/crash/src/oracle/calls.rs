//! Promises 6 and 7: the calls as they arrived, against the limits and against the calls that were stored.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{Records, SeenCall, StoredCall, Violation};

/// HubSpot counts the calls of the last ten seconds.
const WINDOW_MS: i64 = 10_000;
/// How long a lease lasts; each call renews it before it is sent.
const LEASE_MS: i64 = 90_000;

/// Promise 6: no window is overdrawn, and no 429 comes without a fault of ours.
pub(super) fn within_the_limit(records: &Records) -> Vec<Violation> {
    let mut violations = Vec::new();
    for dealer in &records.dealers {
        let mut window: VecDeque<i64> = VecDeque::new();
        let mut most = 0;
        let own = |call: &&SeenCall| call.portal == Some(dealer.portal) && !call.path.contains("/oauth/");
        let mut calls: Vec<_> = records.calls.iter().filter(own).collect();
        calls.sort_by_key(|call| call.at);
        for call in calls {
            window.push_back(call.at);
            while window.front().is_some_and(|at| *at <= call.at - WINDOW_MS) {
                window.pop_front();
            }
            most = most.max(window.len());
            if call.status == 429 && !call.faulted {
                let expected = format!("portal {} answers 429 only where a fault says so", dealer.portal);
                violations.push(Violation::new(
                    6,
                    expected,
                    format!("call {} to {} at {}", call.number, call.path, call.at),
                ));
            }
        }
        if most > dealer.limit as usize {
            let expected = format!("at most {} calls in ten seconds to portal {}", dealer.limit, dealer.portal);
            violations.push(Violation::new(6, expected, most.to_string()));
        }
    }
    violations
}

/// Promise 7: each call that arrived was stored before it was sent, as often as it arrived.
pub(super) fn stored_before_sent(records: &Records) -> Vec<Violation> {
    let mut stored: HashMap<u64, Vec<String>> = HashMap::new();
    for call in &records.dump.calls {
        let told = format!("{} at {}, answered {:?}", call.id, call.started_at, call.status);
        stored.entry(call.request).or_default().push(told);
    }
    let mut arrived: BTreeMap<u64, Vec<&SeenCall>> = BTreeMap::new();
    for call in records.calls.iter().filter(|call| call.serves_leads()) {
        arrived.entry(call.request).or_default().push(call);
    }
    let mut violations = Vec::new();
    for (request, calls) in arrived {
        let stored = stored.get(&request).map_or(&[][..], Vec::as_slice);
        if calls.len() > stored.len() {
            let told = calls.iter().map(|call| {
                let (fault, portal) = (if call.faulted { " by a fault" } else { "" }, call.portal);
                format!("call {} at {} to portal {portal:?}, answered {}{fault}", call.number, call.at, call.status)
            });
            let told = told.collect::<Vec<_>>().join("; ");
            let expected = format!("{} is stored before it is sent, each time: {told}", calls[0].path);
            let found = if stored.is_empty() { "never".to_owned() } else { stored.join("; ") };
            violations.push(Violation::new(7, expected, found));
        }
    }
    violations
}

/// Promise 7: whoever takes a lane over is the only one who calls from then on.
pub(super) fn by_one_holder(records: &Records) -> Vec<Violation> {
    let mut lanes: HashMap<&str, Vec<&StoredCall>> = HashMap::new();
    for call in &records.dump.calls {
        lanes.entry(&call.lane_id).or_default().push(call);
    }
    let epochs: HashMap<&str, i64> = records.dump.lanes.iter().map(|lane| (&*lane.id, lane.epoch)).collect();
    let mut violations = Vec::new();
    for (lane, mut calls) in lanes {
        calls.sort_by(|one, other| (one.started_at, &one.id).cmp(&(other.started_at, &other.id)));
        for pair in calls.windows(2).filter(|pair| pair[0].epoch > pair[1].epoch) {
            let expected =
                format!("after {} no holder of lane {lane} before epoch {} calls", pair[0].id, pair[0].epoch);
            violations.push(Violation::new(7, expected, format!("{} of epoch {}", pair[1].id, pair[1].epoch)));
        }
        let newest = epochs.get(lane).copied().unwrap_or_default();
        for call in calls.iter().filter(|call| call.epoch > newest) {
            let expected = format!("no call of lane {lane} is ahead of its epoch {newest}");
            violations.push(Violation::new(7, expected, format!("{} of epoch {}", call.id, call.epoch)));
        }
    }
    violations
}

/// Promise 7: a call arrives while its lease lasts, and its answer is stored as it was given. Where time was skipped
/// while it was on its way, nobody can say.
pub(super) fn within_the_lease(records: &Records) -> Vec<Violation> {
    let arrived: HashMap<&str, &SeenCall> = records.calls.iter().map(|call| (&*call.correlation_id, call)).collect();
    let mut violations = Vec::new();
    for stored in &records.dump.calls {
        let Some(seen) = stored.correlation_id.as_deref().and_then(|id| arrived.get(id)) else { continue };
        let skipped = records.jumps.iter().any(|jump| (stored.started_at..=seen.at).contains(jump));
        let late = seen.at - stored.started_at;
        if !skipped && late >= LEASE_MS {
            let expected = format!("{} arrives within the {LEASE_MS} ms of its lease", stored.id);
            violations.push(Violation::new(7, expected, format!("after {late} ms")));
        }
        if stored.status.is_some_and(|status| status != i64::from(seen.status)) {
            let expected = format!("{} is stored with the answer {}", stored.id, seen.status);
            violations.push(Violation::new(7, expected, format!("{:?}", stored.status)));
        }
    }
    violations
}
