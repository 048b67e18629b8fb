//! What a run has around it: the memory that it may grow, the log that it writes. Nothing else.

use wasmtime::ResourceLimiter;

use super::limits::{
    DROPPED_MAX, LOG_BYTES_MAX, LOG_BYTES_RESERVED, LOG_CALLS_MAX, MEMORY_BYTES_MAX, REASON_BYTES_MAX,
    TABLE_ELEMENTS_MAX,
};
use crate::contract::log::{Host, Level};
use crate::model::delivery::Dropped;

/// The state of one run.
#[derive(Default)]
pub(super) struct Guest {
    pub(super) memory: MemoryMeter,
    pub(super) lines: Vec<(Level, String)>,
    pub(super) dropped: Vec<Dropped>,
    log_bytes: usize,
    log_calls: u32,
}

/// The run asked for more memory than the limit.
#[derive(Debug, thiserror::Error)]
#[error("it asked for {:.1} MiB of memory; the limit is {} MiB", *wanted as f64 / 1_048_576.0, MEMORY_BYTES_MAX / 1_048_576)]
pub(super) struct MemoryLimit {
    wanted: usize,
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
#[derive(Default)]
pub(super) struct MemoryMeter {
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
        if wanted > MEMORY_BYTES_MAX {
            return Err(MemoryLimit { wanted }.into());
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
    fn count_call(&mut self) -> wasmtime::Result<()> {
        self.log_calls += 1;
        if self.log_calls > LOG_CALLS_MAX {
            return Err(LogFlood.into());
        }
        Ok(())
    }
}

// Interfaces that only hold types ask for nothing.
impl crate::contract::events::Host for Guest {}
impl crate::contract::actions::Host for Guest {}
impl crate::contract::manifest::Host for Guest {}

impl Host for Guest {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count_call()?;
        let limit = if level == Level::Error { LOG_BYTES_MAX } else { LOG_BYTES_MAX - LOG_BYTES_RESERVED };
        let room = limit.saturating_sub(self.log_bytes);
        if room > 0 {
            let line = plain(&message, room);
            self.log_bytes += line.len();
            self.lines.push((level, line));
        }
        Ok(())
    }

    fn dropped(&mut self, field: String, value: String, reason: String) -> wasmtime::Result<()> {
        self.count_call()?;
        if self.dropped.len() < DROPPED_MAX {
            let [field, value, reason] = [field, value, reason].map(|text| plain(&text, REASON_BYTES_MAX));
            self.dropped.push(Dropped { field, value, reason, code: None });
        }
        Ok(())
    }
}

/// A guest's text as one harmless line: no control characters, cut at `bytes_max` with a mark.
pub(super) fn plain(text: &str, bytes_max: usize) -> String {
    let cut = text.floor_char_boundary(bytes_max);
    let replace = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let mut line: String = text[..cut].trim_end().chars().map(|c| if c == '\n' { '⏎' } else { replace(c) }).collect();
    if cut < text.len() {
        line.push('…');
    }
    line
}
