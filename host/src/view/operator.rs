//! The screens of whoever runs the service: figures in words, chips for states, pictures of what there is.

pub mod leads;

use std::time::Duration;

use jiff::tz::TimeZone;

use super::bench::{self, Runs};
use super::connection::Chip;
use super::moment::{count, grouped, span, things};
use super::overview::Tile;
use crate::model::time::Timestamp;
use crate::operate::fleet::{AccountHealth, Fleet, HourOfRetries, PortalHealth};
use crate::operate::guests::{GuestRuns, Guests, QuotaLimits, Spread};
use crate::operate::pulse::Lately;
use crate::picture::retries::{self, Retries};
use crate::picture::squares::{Health, Square, Squares};
use crate::picture::wave::{self, Wave};
use crate::picture::{Drawn, drawn};
use crate::retry::{ATTEMPTS_MAX, END, TIMETABLE};
use crate::store::COUNTED_MAX;
use crate::transform::Quota;

/// Something that has been due for so long is worth a look.
const LATE: Duration = Duration::from_secs(60);
/// The retries of so many hours stand in the picture: the whole timetable.
const HOURS_SHOWN: i64 = 72;
const HOUR_MILLIS: i64 = 3_600_000;
/// From this share of a portal's limit on, in percent, somebody may want to look who else uses it.
const NEARLY_FULL: u64 = 80;
const MIB: u64 = 1 << 20;

/// A number that is counted only so far.
pub fn counted(number: i64) -> String {
    if number > COUNTED_MAX { format!("over {}", count(COUNTED_MAX)) } else { count(number) }
}

/// Bytes as people read them.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        1_048_576..10_737_418_240 => format!("{} MiB", grouped(bytes / MIB)),
        _ => format!("{} GiB", grouped(bytes >> 30)),
    }
}

fn tile(label: &'static str, value: impl Into<String>, note: impl Into<String>, href: Option<&str>) -> Tile {
    Tile { label, value: value.into(), note: note.into(), href: href.map(str::to_owned), advice: None }
}

/// How the service is, in one sentence: what is worst comes first.
pub fn verdict(fleet: &Fleet) -> (&'static str, String) {
    let accounts = |number: u64, one, many| things(i64::try_from(number).unwrap_or(i64::MAX), one, many);
    let oldest = Duration::from_secs(fleet.oldest_due_seconds);
    if !fleet.database_answers {
        return ("bad", "The database does not answer: events are refused with 503, and work rests.".to_owned());
    }
    if fleet.room == "reserve" {
        return ("bad", "The disk is full up to its reserve: new leads are refused with 503.".to_owned());
    }
    if let Some(clock) = &fleet.clock {
        return ("bad", format!("{clock}."));
    }
    if fleet.is_paused {
        return ("warning", "Everything is paused: leads are taken in and wait.".to_owned());
    }
    if fleet.accounts.failing > 0 {
        let failing = accounts(fleet.accounts.failing, "account has", "accounts have");
        return ("bad", format!("{failing} leads that failed in the last 24 hours."));
    }
    if oldest > LATE {
        let waited = span(u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX));
        return ("warning", format!("Work is late: the oldest has been due for {waited}."));
    }
    match fleet.accounts.waiting {
        0 => ("good", "All good: nothing is late, and nobody has to do anything.".to_owned()),
        waiting => ("warning", format!("{} for somebody.", accounts(waiting, "account waits", "accounts wait"))),
    }
}

/// The figures of the service.
pub fn fleet_tiles(fleet: &Fleet) -> Vec<Tile> {
    let oldest = match fleet.oldest_due_seconds {
        0 => "nothing waits".to_owned(),
        seconds => span(seconds.saturating_mul(1000)),
    };
    let [plan, deliver] = fleet.due;
    let lanes = format!("{} to plan, {} to deliver", counted(plan.lanes), counted(deliver.lanes));
    let mut tiles = Vec::new();
    if let Some(lately) = &fleet.lately {
        tiles.extend(lately_tiles(lately));
    }
    tiles.push(tile("Oldest due", oldest, "", Some("/queue")));
    tiles.push(tile("Lanes with work due", counted(plan.lanes + deliver.lanes), lanes, Some("/queue")));
    tiles.push(tile("Calls under way", counted(fleet.open_calls), "", None));
    let free = fleet.database.free_bytes.map_or_else(String::new, |free| format!("{} free", bytes(free)));
    tiles.push(tile("Database", bytes(fleet.database.bytes), free, Some("/system")));
    tiles.push(tile("Build", fleet.build, "", Some("/system")));
    tiles
}

fn lately_tiles(lately: &Lately) -> Vec<Tile> {
    let minutes = (lately.seconds as f64 / 60.0).max(1.0 / 60.0);
    let per_minute = |number: u64| {
        let rate = number as f64 / minutes;
        if rate < 10.0 && rate > 0.0 {
            format!("{rate:.1}/min")
        } else {
            format!("{}/min", grouped(rate.round() as u64))
        }
    };
    let time = format!("in {}", span(lately.seconds.saturating_mul(1000)));
    let success = lately.success_percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
    let failed = if lately.failed > 0 { format!("{} failed", grouped(lately.failed)) } else { String::new() };
    let call = match (lately.call_p50_ms, lately.call_p95_ms) {
        (Some(p50), Some(p95)) => format!("{} / {}", span(p50), span(p95)),
        _ => "–".to_owned(),
    };
    let too_many = format!("{} answered with 429", grouped(lately.too_many));
    vec![
        tile("Events taken in", per_minute(lately.received), time, None),
        tile("Delivered", per_minute(lately.delivered), failed, None),
        tile("Success", success, "of what ended", None),
        tile("HubSpot, p50 / p95", call, too_many, None),
        tile(
            "Turned away",
            grouped(lately.bad_signatures + lately.refused),
            format!("{} by signature", grouped(lately.bad_signatures)),
            Some("/rejected"),
        ),
        tile("Stopped runs", grouped(lately.stopped_runs), "traps and limits", Some("/guests")),
    ]
}

/// How HubSpot answered for a portal: figures in words.
pub struct PortalRow {
    pub account: String,
    pub portal_id: i64,
    pub calls: String,
    pub too_many: String,
    pub failed: String,
    pub p50: String,
    pub p95: String,
    /// The fullest ten seconds, of as many calls as HubSpot takes: such as `84 of 110`.
    pub fullest: String,
    pub fullest_percent: u64,
    /// As the meter has it.
    pub fullest_tone: &'static str,
}

/// The portals that were called lately.
pub fn portal_rows(portals: &[PortalHealth]) -> Vec<PortalRow> {
    let row = |portal: &PortalHealth| PortalRow {
        account: portal.account.clone(),
        portal_id: portal.portal_id,
        calls: grouped(portal.calls),
        too_many: grouped(portal.too_many),
        failed: grouped(portal.failed),
        p50: span(portal.p50_ms),
        p95: span(portal.p95_ms),
        fullest: format!("{} of {}", grouped(portal.fullest_window), portal.window_limit),
        fullest_percent: fullest_percent(portal),
        fullest_tone: match fullest_percent(portal) {
            _ if portal.too_many > 0 => "bad",
            0..NEARLY_FULL => "",
            _ => "warning",
        },
    };
    portals.iter().map(row).collect()
}

fn fullest_percent(portal: &PortalHealth) -> u64 {
    let share = portal.fullest_window.saturating_mul(100) / u64::from(portal.window_limit).max(1);
    share.min(100)
}

/// A square for each account.
pub fn squares(all: &[AccountHealth]) -> Drawn {
    let square = |account: &AccountHealth| Square {
        name: account.name.clone(),
        health: account.health,
        href: Some(format!("/accounts/{}", account.slug)),
    };
    drawn("accounts", &Squares { accounts: all.iter().map(square).collect() })
}

/// The chip of an account's health.
pub fn health_chip(health: Health) -> Chip {
    let (tone, icon) = match health {
        Health::Failing => ("bad", "✕"),
        Health::Waiting => ("warning", "!"),
        Health::Well => ("good", "✓"),
        Health::Quiet => ("none", "○"),
    };
    Chip { tone, icon, label: health.name() }
}

/// Whether a wave is coming: how old the oldest waiting lead was, and the retries of the coming hours.
pub fn wave(ages: Vec<(Timestamp, Duration)>, retries: &[HourOfRetries], zone: &TimeZone, now: Timestamp) -> Drawn {
    let first = now.0.div_euclid(HOUR_MILLIS);
    let hour = |number: i64| {
        let from = Timestamp(number * HOUR_MILLIS);
        let retries = retries.iter().find(|planned| planned.hour == from).map_or(0, |planned| planned.retries);
        wave::Hour { from, retries, href: None }
    };
    let planned = (first..first + HOURS_SHOWN).map(hour).collect();
    drawn("wave", &Wave { zone: zone.clone(), ages, planned })
}

/// When retries come, and how many of these leads, by the attempts that they had, wait for each.
pub fn retries(waiting: &[(u32, u64)], is_more: bool) -> Drawn {
    let mut before = Duration::ZERO;
    let step = |number: u32| {
        let after = TIMETABLE.get(number as usize - 1).map_or(END, |wait| before + *wait);
        let leads = waiting.iter().find(|(attempts, _)| *attempts == number).map_or(0, |(_, leads)| *leads);
        let wait = after.saturating_sub(before);
        before = after;
        retries::Step { wait, after, leads }
    };
    drawn("retries", &Retries { steps: (1..ATTEMPTS_MAX).map(step).collect(), end: END, is_more })
}

/// What the runs of each version used, against the limit that most of them have.
pub fn guest_boxes(guests: &Guests) -> Vec<(&'static str, Drawn)> {
    let row = |runs: &GuestRuns| Runs {
        name: name(runs),
        href: Some(format!("/versions/{}", runs.version_id)),
        fuel: runs.fuel,
        memory_bytes: runs.memory_bytes,
        micros: runs.micros,
    };
    let versions: Vec<_> = guests.versions.iter().take(VERSIONS_DRAWN).map(row).collect();
    bench::boxes(&versions, Quota::STANDARD)
}

/// Versions that stand in one picture: those that run most.
const VERSIONS_DRAWN: usize = 12;

fn name(runs: &GuestRuns) -> String {
    match runs.quota {
        crate::model::account::QuotaClass::Standard => runs.version.clone(),
        other => format!("{} ({other})", runs.version),
    }
}

/// One version in a table.
pub struct GuestRow {
    pub name: String,
    pub href: String,
    pub runs: String,
    pub fuel: String,
    pub time: String,
    pub memory: String,
    /// How near the limit it comes.
    pub chip: Chip,
    pub share: String,
}

/// The versions that ran lately.
pub fn guest_rows(guests: &Guests) -> Vec<GuestRow> {
    let row = |runs: &GuestRuns| GuestRow {
        name: name(runs),
        href: format!("/versions/{}", runs.version_id),
        runs: grouped(runs.runs),
        fuel: three(&runs.fuel, grouped),
        time: three(&runs.micros, micros),
        memory: bytes(runs.memory_bytes.most),
        chip: near(runs.limit_percent),
        share: format!("{} %", runs.limit_percent),
    };
    guests.versions.iter().map(row).collect()
}

fn three(spread: &Spread, text: fn(u64) -> String) -> String {
    [spread.p50, spread.p95, spread.p99].map(text).join(" / ")
}

fn micros(micros: u64) -> String {
    if micros < 1000 { format!("{micros} µs") } else { format!("{:.1} ms", micros as f64 / 1000.0) }
}

/// The gates of a rollout ask for the same room.
fn near(percent: u64) -> Chip {
    match percent {
        0..60 => Chip { tone: "good", icon: "✓", label: "room left" },
        60..90 => Chip { tone: "warning", icon: "!", label: "near its limit" },
        _ => Chip { tone: "bad", icon: "✕", label: "at its limit" },
    }
}

/// A class of quota in words.
pub fn quota_words(limits: &QuotaLimits) -> [String; 3] {
    [grouped(limits.fuel), bytes(limits.memory_bytes), format!("{} ms", limits.millis)]
}

/// What to do about requests of a class.
pub fn rejection_hint(class: &str) -> &'static str {
    match class {
        "forged" => "Signed with another secret, or changed on the way: compare the sender's secret.",
        "stale" => "The sender's clock is off, or the request was held up: compare its clock.",
        "malformed" => "The sender does not follow Standard Webhooks.",
        "unknown_source" => "No source has this address: look at what the sender posts to.",
        "schema" => "The event does not fit its type, and the source asks for that.",
        "id_reused" => "The sender used one id for two events.",
        "too_large" => "Events have 256 KiB at most.",
        "too_slow" => "The sender did not finish its request in time.",
        "over_rate" => "More events a second than the source may send.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lane::LaneKind;
    use crate::operate::fleet::AccountsByHealth;
    use crate::store::{DatabaseRoom, DueWork};

    fn fleet() -> Fleet {
        let due = |kind| DueWork { kind, lanes: 0, oldest_due: None };
        Fleet {
            build: "0.1.0",
            database_answers: true,
            database: DatabaseRoom { kind: "sqlite", bytes: 1 << 20, free_bytes: Some(1 << 34) },
            room: "enough",
            clock: None,
            due: [due(LaneKind::Plan), due(LaneKind::Deliver)],
            oldest_due_seconds: 0,
            open_calls: 0,
            lately: None,
            accounts: AccountsByHealth { well: 3, ..AccountsByHealth::default() },
            troubled: Vec::new(),
            portals: Vec::new(),
            planned_retries: Vec::new(),
            is_paused: false,
            all: Vec::new(),
        }
    }

    #[test]
    fn the_verdict_says_the_worst_thing_first() {
        let with = |failing, waiting| AccountsByHealth { failing, waiting, ..AccountsByHealth::default() };
        let rows = [
            (fleet(), "good", "All good"),
            (Fleet { accounts: with(0, 1), ..fleet() }, "warning", "1 account waits for somebody"),
            (Fleet { oldest_due_seconds: 300, accounts: with(0, 1), ..fleet() }, "warning", "due for 5 min"),
            (Fleet { accounts: with(2, 1), oldest_due_seconds: 300, ..fleet() }, "bad", "2 accounts have leads"),
            (Fleet { is_paused: true, accounts: with(2, 1), ..fleet() }, "warning", "Everything is paused"),
            (Fleet { room: "reserve", is_paused: true, ..fleet() }, "bad", "The disk is full"),
            (Fleet { database_answers: false, room: "reserve", ..fleet() }, "bad", "The database does not answer"),
        ];
        for (fleet, tone, words) in rows {
            let (told, sentence) = verdict(&fleet);
            assert!(told == tone && sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn what_is_not_counted_has_no_figures() {
        let labels: Vec<_> = fleet_tiles(&fleet()).into_iter().map(|tile| tile.label).collect();
        assert_eq!(labels, ["Oldest due", "Lanes with work due", "Calls under way", "Database", "Build"]);
    }

    #[test]
    fn whoever_had_so_many_attempts_waits_for_the_retry_of_that_number() {
        let rows = retries(&[(1, 2), (3, 40), (12, 1)], false).table.rows;
        let told: Vec<_> = rows.iter().map(|row| row.join(" | ")).collect();
        assert_eq!(told.len(), 12);
        assert_eq!(told[0], "1 | at once | 0 s | 2");
        assert_eq!(told[2], "3 | 5 min | 5.1 min | 40");
        assert_eq!(told[10], "11 | 12 h | 63 h | 0");
        assert_eq!(told[11], "12 | 8.4 h | 72 h | 1");
    }

    #[test]
    fn a_portal_is_told_how_full_its_limit_was() {
        let told = |fullest_window, window_limit, too_many| {
            let portal = PortalHealth {
                account: "acme".to_owned(),
                portal_id: 7,
                calls: 200,
                too_many,
                failed: 0,
                p50_ms: 100,
                p95_ms: 200,
                fullest_window,
                window_limit,
            };
            let row = portal_rows(&[portal]).remove(0);
            (row.fullest, row.fullest_percent, row.fullest_tone)
        };
        assert_eq!(told(22, 110, 0), ("22 of 110".to_owned(), 20, ""));
        assert_eq!(told(100, 110, 0), ("100 of 110".to_owned(), 90, "warning"));
        assert_eq!(told(22, 110, 1), ("22 of 110".to_owned(), 20, "bad"));
        assert_eq!(told(190, 110, 0).1, 100, "of a limit that was larger before");
        assert_eq!(told(0, 0, 0).1, 0);
    }

    #[test]
    fn bytes_are_told_in_a_unit_that_fits() {
        let rows =
            [(0, "0 KiB"), (1_500, "2 KiB"), (3 << 20, "3 MiB"), (2000 << 20, "2,000 MiB"), (12 << 30, "12 GiB")];
        for (number, text) in rows {
            assert_eq!(bytes(number), text);
        }
    }
}
