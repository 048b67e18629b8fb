//! The decisions in a world of their own: portals with limits and bad days, leads that arrive, workers that freeze and
//! die, days in a second. The world takes lanes, budgets, outages and retries from the modules that run in production;
//! a record that shares no code with them says whether what happened was right.
//!
//! `LEADLINE_SIM_SEED=7` repeats one run, `LEADLINE_SIM_STEPS=20000000` makes the runs longer.

mod portal;
mod random;
mod record;
mod world;

use record::Wrong;
use world::{Broken, Ended, Scenario, World};

/// Steps of one seed until its troubles end; what is left to do then takes about as many again.
const STEPS_OF_SEED: u64 = 100_000;
/// Enough for over two million in all.
const STEPS: u64 = 12 * STEPS_OF_SEED;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("the setting is a number"))
}

/// Runs a world to its end, and stops the test where something was wrong.
fn run(scenario: &Scenario, seed: u64, steps: u64) -> Ended {
    match World::new(scenario, seed, None).run(steps) {
        Ok(ended) => ended,
        Err(wrong) => panic!("seed {seed}, {scenario:?}: {wrong}\nto repeat it: LEADLINE_SIM_SEED={seed}"),
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures, for who asks for them with --no-capture")]
fn core_and_record_agree_over_millions_of_steps() {
    let seeds = setting("LEADLINE_SIM_STEPS").unwrap_or(STEPS) / STEPS_OF_SEED;
    let seeds = setting("LEADLINE_SIM_SEED").map_or(1..seeds + 1, |seed| seed..seed + 1);
    let mut total = Ended::default();
    for seed in seeds.clone() {
        total += run(&Scenario::of(seed), seed, STEPS_OF_SEED);
    }
    println!("{total:#?}");
    // All kinds of trouble were met, so that silence means something.
    let Ended { late_settles, rests, outage_rests, retries, unsent, failed, .. } = total;
    let met = [late_settles, rests, outage_rests, retries, unsent, failed];
    assert!(seeds.count() == 1 || met.iter().all(|count| *count > 0), "{total:?}");
}

#[test]
fn the_flood_of_one_account_delays_no_other() {
    for seed in 1..4 {
        let ended = run(&Scenario::flood(), seed, 100_000);
        assert!(ended.flooded_millis > 10 * 60 * 1000, "the flood takes a while: {ended:?}");
        assert!(ended.others_millis < 5_000, "but nobody else waits for it: {ended:?}");
    }
}

#[test]
fn clocks_two_seconds_apart_give_no_lane_two_holders() {
    for seed in 1..4 {
        run(&Scenario::of(seed).with_clocks_apart(2_000), seed, 100_000);
    }
}

/// Breaks one decision on purpose, and says what the record has against that, until it finds what was expected.
fn noticed(broken: Broken, expected: Wrong) -> Vec<Wrong> {
    let mut found = Vec::new();
    for seed in 1..=24 {
        found.extend(World::new(&Scenario::of(seed), seed, Some(broken)).run(60_000).err().map(|found| found.wrong));
        if found.contains(&expected) {
            break;
        }
    }
    found
}

#[test]
fn the_record_notices_every_decision_that_is_broken_on_purpose() {
    let rows = [
        (Broken::SettleWithoutGuard, Wrong::LateSettle),
        (Broken::RenewWithoutGuard, Wrong::TwoHolders),
        (Broken::CallAfterFreeze, Wrong::TwoHolders),
        (Broken::LeaseWhileHeld, Wrong::TwoHolders),
        (Broken::NobodyHeldBack, Wrong::OutOfOrder),
        (Broken::LatestServedFirst, Wrong::Starved),
        (Broken::RestForgotten, Wrong::CallWhileResting),
        (Broken::RestCostsAttempt, Wrong::Attempts),
        (Broken::CallsForgotten, Wrong::AboveLimit),
        (Broken::RetryAtOnce, Wrong::Timetable),
        (Broken::DueFromMemory, Wrong::Lost),
        (Broken::OutageForgotten, Wrong::Storm),
        (Broken::WholeBatchProbes, Wrong::Burned),
        (Broken::OlderLeftBehind, Wrong::OutOfOrder),
        (Broken::OnlyFirstRetryHolds, Wrong::OutOfOrder),
        (Broken::AnyoneProbes, Wrong::OutOfOrder),
    ];
    let missed: Vec<_> = rows
        .iter()
        .map(|(broken, expected)| (broken, expected, noticed(*broken, *expected)))
        .filter(|(_, expected, found)| !found.contains(expected))
        .collect();
    assert!(missed.is_empty(), "broken, expected, found: {missed:#?}");
}
