//! Whether the service can do its work, check by check, with what to do where it cannot. Nothing is changed, and nobody
//! outside is asked: whether HubSpot answers is asked of each connection by its own check.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::fleet::oldest;
use super::keys::{self, RingKey};
use super::processes::living;
use super::system::{self, Remark};
use crate::app::App;
use crate::clock::ClockWatch;
use crate::config::Config;
use crate::model::access::ReadOnly;
use crate::model::lane::PauseScope;
use crate::model::time::Timestamp;
use crate::store::{Room, ShownProcess, Store};
use crate::transform;

/// Work that has been due for so long, and that nobody paused, is looked after by nobody.
const LATE: Duration = Duration::from_secs(5 * 60);

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// Nothing is wrong, and it is worth knowing.
    Note,
    Failed,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do, where there is something.
    pub remedy: Option<String>,
}

fn ok(name: &'static str, text: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Ok, text: text.into(), remedy: None }
}

fn note(name: &'static str, text: impl Into<String>, remedy: &str) -> Check {
    Check { name, verdict: Verdict::Note, text: text.into(), remedy: Some(remedy.to_owned()) }
}

fn failed(name: &'static str, text: impl Into<String>, remedy: &str) -> Check {
    Check { name, verdict: Verdict::Failed, text: text.into(), remedy: Some(remedy.to_owned()) }
}

/// Whether any of them failed.
pub fn has_failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.verdict == Verdict::Failed)
}

/// Looks at a service from inside.
pub async fn of_service(app: &App, now: Timestamp) -> Vec<Check> {
    let mut checks = of_config(&app.config);
    checks.push(clock(app.clock_watch.disagreement()));
    checks.extend(of_store(&app.store, now).await.unwrap_or_else(away));
    checks
}

/// Looks at a service from beside it, by its configuration and its database.
pub async fn from_beside(config: &Config, store: anyhow::Result<Store>, reserve: u64, now: Timestamp) -> Vec<Check> {
    let mut checks = of_config(config);
    checks.extend(match store {
        Ok(store) => of_opened(&store, reserve, now).await.unwrap_or_else(away),
        Err(error) => away(error),
    });
    checks
}

/// The database cannot be looked at, and nothing that stands in it.
fn away(error: anyhow::Error) -> Vec<Check> {
    vec![failed("database", format!("{error:#}"), "Mend what it says; until then nothing can be stored.")]
}

async fn of_opened(store: &Store, reserve: u64, now: Timestamp) -> anyhow::Result<Vec<Check>> {
    store.measure_room(reserve)?;
    let watch = ClockWatch::new(std::sync::Arc::new(crate::model::time::machine_clock));
    watch.look(store).await?;
    let mut checks = vec![clock(watch.disagreement())];
    checks.extend(of_store(store, now).await?);
    Ok(checks)
}

fn of_config(config: &Config) -> Vec<Check> {
    let mut checks = configuration(system::remarks(config));
    checks.push(match transform::compatibility() {
        Ok(_) => ok("sandbox", "transformations can be run here"),
        Err(error) => {
            failed("sandbox", format!("{error:#}"), "Give the process address space, and a processor of 64 bits.")
        }
    });
    checks.extend(folder(&config.data));
    checks
}

fn configuration(remarks: Vec<Remark>) -> Vec<Check> {
    if remarks.is_empty() {
        return vec![ok("configuration", "it is as it should be")];
    }
    let check = |remark: Remark| match remark.is_fatal {
        true => failed("configuration", remark.text, "Correct it: the service would not start with this."),
        false => note("configuration", remark.text, "Set it, where that is wanted."),
    };
    remarks.into_iter().map(check).collect()
}

/// None where it is not there yet: it is made at the first start.
fn folder(data: &Path) -> Option<Check> {
    let mode = std::fs::metadata(data).ok()?.permissions().mode();
    Some(match mode & 0o077 {
        0 => ok("data folder", "it is closed to everybody but its owner"),
        _ => failed(
            "data folder",
            format!("others may look into {}, which holds leads and keys", data.display()),
            "Close it: `chmod 700`.",
        ),
    })
}

fn clock(disagreement: Option<String>) -> Check {
    match disagreement {
        None => ok("clock", "it agrees with the database's"),
        Some(words) => failed("clock", words, "Let a time server (NTP) set both; no work is begun until they agree."),
    }
}

async fn of_store(store: &Store, now: Timestamp) -> anyhow::Result<Vec<Check>> {
    store.ping().await?;
    let migrations = store.migrations().await?;
    let tables = migrations.first().map_or(0, |newest| newest.number);
    let mut checks = vec![ok("database", format!("it answers, and its tables are up to date (change {tables})"))];
    checks.push(room(store.room()));
    checks.extend(key_ring(&keys::ring(store, now).await?));
    let (due, pauses) = (store.due_work(now).await?, store.pauses().await?);
    checks.push(work(oldest(&due, now), pauses.iter().any(|(scope, _)| *scope == PauseScope::All)));
    checks.push(processes(&living(store, now).await?));
    checks.push(mode(store.read_only().await?.as_ref()));
    Ok(checks)
}

fn room(room: Room) -> Check {
    const MAKE: &str = "Make room on the disk of the data folder.";
    match room {
        Room::Enough => ok("disk", "it has room"),
        Room::Short => failed("disk", "it has less than twice its reserve, and nothing new is planned", MAKE),
        Room::Reserve => failed("disk", "it has less than its reserve, and leads are refused with 503", MAKE),
    }
}

fn key_ring(ring: &[RingKey]) -> Vec<Check> {
    let lost = ring.iter().filter(|key| key.is_lost).map(|key| {
        let text = format!("{} values are sealed with key `{}`, which is not in the key ring", key.values, key.id);
        failed("key ring", text, "Put the key back into the key ring, then run `leadline keys rotate`.")
    });
    let mut checks: Vec<_> = lost.collect();
    let left: u64 = ring.iter().filter(|key| !key.seals && !key.is_lost).map(|key| key.values).sum();
    if left > 0 {
        let text = format!("a rotation is not finished: {left} values are sealed with older keys");
        checks.push(note("key ring", text, "`leadline keys rotate` goes on."));
    }
    if checks.is_empty() {
        checks.push(ok("key ring", "it opens everything, and its first key sealed all of it"));
    }
    checks
}

fn work(oldest: Duration, is_paused: bool) -> Check {
    if is_paused {
        return note(
            "work",
            "everything is paused: leads are taken in and wait",
            "`leadline lane resume --all`, when it is time.",
        );
    }
    if oldest > LATE {
        let waited = oldest.as_secs() / 60;
        let remedy =
            "See that a process runs with the roles `plan` and `deliver`, that not all are draining, and what it logs.";
        return failed("work", format!("the oldest has been due for {waited} min"), remedy);
    }
    ok("work", "nothing is late")
}

fn processes(living: &[ShownProcess]) -> Check {
    const START: &str = "Start one: `leadline serve`.";
    let draining = living.iter().filter(|process| process.draining_since.is_some()).count();
    let mut builds: Vec<_> = living.iter().map(|process| process.build.as_str()).collect();
    builds.sort_unstable();
    builds.dedup();
    match living {
        [] => note("processes", "none serves on this database", START),
        all if draining == all.len() => failed(
            "processes",
            "all of them are draining, so nobody takes lanes",
            "`leadline process resume ID`, or start another one.",
        ),
        _ if builds.len() > 1 => {
            note("processes", format!("they are of several builds: {}", builds.join(", ")), "Finish the upgrade.")
        }
        all if draining > 0 => note(
            "processes",
            format!("{draining} of {} are draining", all.len()),
            "End them when nothing of theirs is under way.",
        ),
        all => ok(
            "processes",
            match all.len() {
                1 => "one serves".to_owned(),
                many => format!("{many} serve"),
            },
        ),
    }
}

fn mode(mode: Option<&ReadOnly>) -> Check {
    match mode {
        None => ok("changes", "everybody may change what they may"),
        Some(mode) => {
            let text = format!("only operators may change something, since {}", mode.since);
            note("changes", text, "`leadline read-only off`, when it is time.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(check: &Check) -> String {
        format!("{} {}: {}", check.name, check.verdict.word(), check.text)
    }

    #[test]
    fn each_check_fails_by_what_keeps_the_service_from_its_work() {
        let key = |id: &str, values, seals, is_lost| RingKey {
            id: id.to_owned(),
            values,
            seals,
            is_lost,
            known_since: None,
            is_exact: false,
        };
        let late = LATE + Duration::from_secs(60);
        let rows = [
            (work(LATE, false), "work ok: nothing is late"),
            (work(late, false), "work failed: the oldest has been due for 6 min"),
            (work(late, true), "work note: everything is paused: leads are taken in and wait"),
            (room(Room::Enough), "disk ok: it has room"),
            (room(Room::Reserve), "disk failed: it has less than its reserve, and leads are refused with 503"),
            (clock(Some("it is late".to_owned())), "clock failed: it is late"),
            (mode(None), "changes ok: everybody may change what they may"),
        ];
        for (check, expected) in rows {
            assert_eq!(said(&check), expected);
            assert_eq!(check.remedy.is_some(), check.verdict != Verdict::Ok, "{expected}");
        }
        let ring = [key("k2", 5, true, false), key("k1", 3, false, false), key("k0", 1, false, true)];
        let told: Vec<_> = key_ring(&ring).iter().map(said).collect();
        assert_eq!(
            told,
            [
                "key ring failed: 1 values are sealed with key `k0`, which is not in the key ring",
                "key ring note: a rotation is not finished: 3 values are sealed with older keys"
            ]
        );
        assert!(!has_failed(&key_ring(&ring[..1])));
    }

    #[test]
    fn processes_are_told_by_what_is_worst_with_them() {
        let process = |build: &str, drains: bool| ShownProcess {
            id: "a".to_owned(),
            host: "m 1".to_owned(),
            roles: Vec::new(),
            build: build.to_owned(),
            started_at: Timestamp(1),
            seen_at: Timestamp(1),
            draining_since: drains.then_some(Timestamp(1)),
            lanes: 0,
        };
        let rows = [
            (vec![], Verdict::Note, "none serves"),
            (vec![process("1", false)], Verdict::Ok, "one serves"),
            (vec![process("1", true)], Verdict::Failed, "all of them are draining"),
            (vec![process("1", true), process("1", false)], Verdict::Note, "1 of 2 are draining"),
            (vec![process("1", false), process("2", false)], Verdict::Note, "several builds: 1, 2"),
        ];
        for (living, verdict, words) in rows {
            let check = processes(&living);
            assert!(check.verdict == verdict && check.text.contains(words), "{check:?}");
        }
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_told() {
        let folder_of = tempfile::tempdir().unwrap();
        let data = folder_of.path();
        for (mode, failed) in [(0o700, false), (0o750, true), (0o701, true)] {
            std::fs::set_permissions(data, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(folder(data).unwrap().verdict == Verdict::Failed, failed, "{mode:o}");
        }
        assert_eq!(folder(&data.join("nothing")), None);
    }
}
