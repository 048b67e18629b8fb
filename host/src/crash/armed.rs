//! What the environment asks of a process that a test may kill: where to die, what to break, what time it is.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Broken;

/// Names a point and which pass of it ends the process: `CP9:3`.
const CRASH_AT_ENV: &str = "LEADLINE_CRASH_AT";
/// Names a promise to break.
const BREAK_ENV: &str = "LEADLINE_BREAK";
/// Names a file that says how many milliseconds the clock is ahead. It may change while the process runs.
const CLOCK_AHEAD_ENV: &str = "LEADLINE_CLOCK_AHEAD_FILE";

/// Every crash point, and when the process dies there.
pub const POINTS: [(&str, &str); 17] = [
    ("CP1", "before the commit of a group of events"),
    ("CP2", "after that commit, before its senders are answered"),
    ("CP3", "inside a group commit of the store"),
    ("CP4", "events of a lane are read, none is planned"),
    ("CP5", "a guest is started and has not answered"),
    ("CP6", "inside the transaction that stores plans, or settles a round"),
    ("CP7", "after that transaction"),
    ("CP8", "a delivery lane is leased, no call is stored"),
    ("CP9", "a call is stored, nothing of it is sent"),
    ("CP10", "a call is stored, half of its body is sent"),
    ("CP11", "a call is answered, the answer is not read"),
    ("CP12", "an answer is read, it is not stored"),
    ("CP13", "inside the transaction that stores an answer"),
    ("CP14", "an answer is stored, the round is not settled"),
    ("CP16", "HubSpot gave a new token, it is not stored"),
    ("CP17", "before a checkpoint of the store"),
    ("CP18", "the process was asked to end, and ends its work"),
];

/// The promises that can be broken, by their names.
const BROKEN: [(&str, Broken); 3] = [
    ("ack-before-commit", Broken::AckBeforeCommit),
    ("settle-without-guard", Broken::SettleWithoutGuard),
    ("no-intent", Broken::NoIntent),
];

static ARMED: OnceLock<Armed> = OnceLock::new();

#[derive(Debug)]
struct Armed {
    at: Option<Countdown>,
    broken: Option<Broken>,
    clock_ahead: Option<PathBuf>,
}

#[derive(Debug)]
struct Countdown {
    point: &'static str,
    passes_left: AtomicU64,
}

/// Reads from the environment what this process is to suffer.
///
/// # Errors
/// When a variable names a point or a break that does not exist.
pub fn arm() -> anyhow::Result<()> {
    let armed = Armed {
        at: text(CRASH_AT_ENV)?.map(|text| countdown(&text)).transpose()?,
        broken: text(BREAK_ENV)?.map(|text| broken(&text)).transpose()?,
        clock_ahead: text(CLOCK_AHEAD_ENV)?.map(PathBuf::from),
    };
    // Armed twice in one process, the first counts: tests run many commands in one.
    ARMED.get_or_init(|| armed);
    Ok(())
}

fn text(variable: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{variable} cannot be read")),
    }
}

fn countdown(text: &str) -> anyhow::Result<Countdown> {
    let (name, pass) = text.split_once(':').unwrap_or((text, "1"));
    let Some((point, _)) = POINTS.iter().find(|(point, _)| *point == name) else {
        let known: Vec<_> = POINTS.iter().map(|(point, _)| *point).collect();
        bail!("{CRASH_AT_ENV} names the crash point `{name}`, which does not exist; there are {}", known.join(", "));
    };
    match pass.parse() {
        Ok(pass) if pass > 0 => Ok(Countdown { point, passes_left: AtomicU64::new(pass) }),
        _ => bail!("{CRASH_AT_ENV} asks for pass `{pass}` of {name}; write a number from 1, such as `{name}:3`"),
    }
}

fn broken(text: &str) -> anyhow::Result<Broken> {
    let found = BROKEN.iter().find(|(name, _)| *name == text);
    found.map(|(_, broken)| *broken).with_context(|| {
        let known = BROKEN.map(|(name, _)| name).join(", ");
        format!("{BREAK_ENV} names the break `{text}`, which does not exist; there are {known}")
    })
}

/// Whether a name is in the list; asked while the program is compiled.
pub(crate) const fn is_known(name: &str) -> bool {
    let mut index = 0;
    while index < POINTS.len() {
        if is_same(POINTS[index].0, name) {
            return true;
        }
        index += 1;
    }
    false
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// Passes a point, and dies there if this is the pass that was asked for.
pub(crate) fn pass(name: &str) {
    if is_due(name) {
        die();
    }
}

/// Counts a pass of a point: whether the process is to die at this one.
pub(super) fn is_due(name: &str) -> bool {
    let Some(at) = ARMED.get().and_then(|armed| armed.at.as_ref()).filter(|at| at.point == name) else {
        return false;
    };
    at.passes_left.fetch_sub(1, Ordering::SeqCst) == 1
}

/// Ends the process as `kill -9` does: nothing is flushed, nobody is told.
pub(super) fn die() -> ! {
    let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    killed.expect("a process may kill itself");
    loop {
        std::thread::park(); // the signal is on its way
    }
}

/// Whether a campaign started this process: it always names the file of its clock.
pub fn is_campaign() -> bool {
    ARMED.get().is_some_and(|armed| armed.clock_ahead.is_some())
}

/// Whether the engine is to break this promise.
pub fn is_broken(promise: Broken) -> bool {
    ARMED.get().is_some_and(|armed| armed.broken == Some(promise))
}

/// How far the clock is ahead of the machine's. A file that cannot be read, or is being written, says nothing.
pub fn clock_ahead() -> Duration {
    let file = ARMED.get().and_then(|armed| armed.clock_ahead.as_ref());
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).map_or(Duration::ZERO, Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_does_not_exist_is_refused_with_those_that_do() {
        let refused = countdown("CP99:1").unwrap_err().to_string();
        assert!(
            refused.starts_with(
                "LEADLINE_CRASH_AT names the crash point `CP99`, which does not exist; there are CP1, CP2"
            )
        );
        let refused = countdown("CP9:0").unwrap_err().to_string();
        assert_eq!(refused, "LEADLINE_CRASH_AT asks for pass `0` of CP9; write a number from 1, such as `CP9:3`");
        assert!(
            broken("nothing")
                .unwrap_err()
                .to_string()
                .ends_with("there are ack-before-commit, settle-without-guard, no-intent")
        );
    }

    #[test]
    fn a_point_ends_the_process_at_the_pass_that_was_named() {
        let at = countdown("CP10:3").unwrap();
        assert_eq!((at.point, at.passes_left.into_inner()), ("CP10", 3));
        assert!(is_known("CP10") && !is_known("CP"));
    }
}
