//! What a run has around it: the memory that it may grow, the log that it writes, and for those that import it the closed
//! WASI. Nothing else.

use wasmtime::ResourceLimiter;

use super::limits::{
    DROPPED_MAX, LOG_BYTES_MAX, LOG_BYTES_RESERVED, LOG_CALLS_MAX, Quota, REASON_BYTES_MAX, TABLE_ELEMENTS_MAX,
};
use super::wasi::Wasi;
use crate::contract::log::{Host, Level};
use crate::model::delivery::Dropped;

/// The state of one run.
pub(super) struct Guest {
    pub(super) memory: MemoryMeter,
    pub(super) lines: Vec<(Level, String)>,
    pub(super) dropped: Vec<Dropped>,
    /// Says nothing where the version does not import it.
    pub(super) wasi: Wasi,
    /// The last panic that was logged, kept apart so that no flood of lines can push it out.
    panic: Panic,
    log_bytes: usize,
    log_calls: u32,
}

/// The run asked for more memory than the limit.
#[derive(Debug, thiserror::Error)]
#[error("it asked for {:.1} MiB of memory; the limit is {} MiB", *wanted as f64 / 1_048_576.0, limit / 1_048_576)]
pub(super) struct MemoryLimit {
    wanted: usize,
    limit: usize,
}

/// The run asked for larger tables than the limit.
#[derive(Debug, thiserror::Error)]
#[error("it asked for tables of {wanted} elements; the limit is {TABLE_ELEMENTS_MAX}")]
pub(super) struct TableLimit {
    wanted: usize,
}

/// The run logs without end.
#[derive(Debug, thiserror::Error)]
#[error("it called the log more than {LOG_CALLS_MAX} times")]
pub(super) struct LogFlood;

/// Adds up all memories of a run. A refusal traps with a typed error: answered with −1, it would look like a panic
/// of the guest's allocator.
pub(super) struct MemoryMeter {
    limit: usize,
    bytes: usize,
    elements: usize,
}

impl MemoryMeter {
    /// Bytes in use. Memory never shrinks, so at the end of a run this is its peak.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes as u64
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.bytes.saturating_sub(current).saturating_add(desired);
        if wanted > self.limit {
            return Err(MemoryLimit { wanted, limit: self.limit }.into());
        }
        self.bytes = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_sub(current).saturating_add(desired);
        if wanted > TABLE_ELEMENTS_MAX {
            return Err(TableLimit { wanted }.into());
        }
        self.elements = wanted;
        Ok(true)
    }
}

impl Guest {
    /// What a run of this class has, before anything of the event is known.
    pub(super) fn within(quota: Quota) -> Self {
        Self {
            memory: MemoryMeter { limit: quota.memory_bytes, bytes: 0, elements: 0 },
            lines: Vec::new(),
            dropped: Vec::new(),
            wasi: Wasi::default(),
            panic: Panic::default(),
            log_bytes: 0,
            log_calls: 0,
        }
    }

    /// The panic that the guest logged last, from `panicked at` on.
    pub(super) fn panic(&self) -> Option<&str> {
        self.panic.text.as_deref()
    }

    pub(super) fn count_log_call(&mut self) -> wasmtime::Result<()> {
        self.log_calls += 1;
        if self.log_calls > LOG_CALLS_MAX {
            return Err(LogFlood.into());
        }
        Ok(())
    }

    /// A line for the record of the run, as far as there is room.
    pub(super) fn keep_line(&mut self, level: Level, message: &str) {
        if level == Level::Error {
            self.panic.hear(message);
        }
        let limit = if level == Level::Error { LOG_BYTES_MAX } else { LOG_BYTES_MAX - LOG_BYTES_RESERVED };
        let room = limit.saturating_sub(self.log_bytes);
        if room > 0 {
            let line = plain(message, room);
            self.log_bytes += line.len();
            self.lines.push((level, line));
        }
    }
}

/// Listens for a panic. The SDK reports it in one line; the standard library, on WASI, writes place and text in two.
#[derive(Default)]
struct Panic {
    text: Option<String>,
    is_half: bool,
}

impl Panic {
    fn hear(&mut self, message: &str) {
        if let Some(start) = message.find("panicked at ") {
            let text = plain(&message[start..], REASON_BYTES_MAX);
            self.is_half = text.ends_with(':');
            self.text = Some(text);
        } else if std::mem::take(&mut self.is_half)
            && let Some(text) = &mut self.text
        {
            text.push(' ');
            text.push_str(&plain(message, REASON_BYTES_MAX));
        }
    }
}

// Interfaces that only hold types ask for nothing.
impl crate::contract::events::Host for Guest {}
impl crate::contract::actions::Host for Guest {}
impl crate::contract::manifest::Host for Guest {}

impl Host for Guest {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count_log_call()?;
        self.keep_line(level, &message);
        Ok(())
    }

    fn dropped(&mut self, field: String, value: String, reason: String) -> wasmtime::Result<()> {
        self.count_log_call()?;
        if self.dropped.len() < DROPPED_MAX {
            let [field, value, reason] = [field, value, reason].map(|text| plain(&text, REASON_BYTES_MAX));
            self.dropped.push(Dropped { field, value, reason, code: None });
        }
        Ok(())
    }
}

/// A guest's text as one harmless line: no control characters, none that turn other text round, cut at `bytes_max` with
/// a mark.
pub(super) fn plain(text: &str, bytes_max: usize) -> String {
    let cut = text.floor_char_boundary(bytes_max);
    let mut line: String = text[..cut].trim_end().chars().map(harmless).collect();
    if cut < text.len() {
        line.push('…');
    }
    line
}

fn harmless(c: char) -> char {
    match c {
        '\n' => '⏎',
        '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_heard_in_every_dialect() {
        let rows: [(&[&str], Option<&str>); 5] = [
            (&["panicked at src/lib.rs:17: no phone"], Some("panicked at src/lib.rs:17: no phone")),
            (
                &[
                    "thread '<unnamed>' (1) panicked at src/lib.rs:17:5:",
                    "no phone",
                    "note: run with `RUST_BACKTRACE=1`",
                ],
                Some("panicked at src/lib.rs:17:5: no phone"),
            ),
            (&["thread '<unnamed>' (1) panicked at src/lib.rs:17:5:"], Some("panicked at src/lib.rs:17:5:")),
            (&["panicked at a.rs:1: one", "panicked at b.rs:2: two"], Some("panicked at b.rs:2: two")),
            (&["no phone"], None),
        ];
        for (lines, heard) in rows {
            let mut panic = Panic::default();
            lines.iter().for_each(|line| panic.hear(line));
            assert_eq!(panic.text.as_deref(), heard);
        }
    }

    #[test]
    fn no_flood_of_lines_pushes_out_a_panic() {
        let mut guest = Guest::within(Quota::STANDARD);
        (0..500).for_each(|_| guest.keep_line(Level::Error, &"a".repeat(100)));
        guest.keep_line(Level::Error, &format!("panicked at src/lib.rs:17: {}", "long ".repeat(100_000)));
        let heard = guest.panic().unwrap();
        assert!(heard.starts_with("panicked at src/lib.rs:17: long") && heard.ends_with('…'));
        assert!(heard.len() <= REASON_BYTES_MAX + '…'.len_utf8());
    }
}
