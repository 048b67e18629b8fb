//! `wasi:io/streams` and `error`: what is written becomes lines of the run's log, and there is nothing to read.

use wasmtime::component::Resource;

use super::time::READY;
use super::wasi::io::error::{self, Error};
use super::wasi::io::poll::Pollable;
use super::wasi::io::streams::{Host, HostInputStream, HostOutputStream, InputStream, OutputStream, StreamError};
use super::{Ended, within_a_call};
use crate::contract::log::Level;
use crate::transform::guest::Guest;
use crate::transform::limits::{LOG_BYTES_MAX, WASI_BYTES_PER_CALL_MAX};

// A stream has no state of its own, so its handle says all.
pub(super) const STDIN: u32 = 0;
pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// What was written since the last line break.
#[derive(Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Takes more text and gives back the lines that it completes.
    fn write(&mut self, text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            // More than the log takes is cut there with a mark; beyond that nothing has to be kept.
            let room = (LOG_BYTES_MAX + 1).saturating_sub(self.0.len());
            self.0.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                lines.extend(self.end());
            }
        }
        lines
    }

    /// The line as far as it came; none where it is empty.
    fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Guest {
    /// What was written without a line break at its end. Called when the run is over.
    pub(in crate::transform) fn end_lines(&mut self) {
        if let Some(line) = self.wasi.stdout.end() {
            self.keep_line(Level::Info, &line);
        }
        if let Some(line) = self.wasi.stderr.end() {
            self.keep_line(Level::Error, &line);
        }
    }

    fn print(&mut self, stream: &Resource<OutputStream>, text: &[u8]) -> wasmtime::Result<()> {
        self.wasi.count_call()?;
        self.count_log_call()?;
        within_a_call("write", text.len() as u64)?;
        let (level, line) = match stream.rep() {
            STDERR => (Level::Error, &mut self.wasi.stderr),
            _ => (Level::Info, &mut self.wasi.stdout),
        };
        for line in line.write(text) {
            self.keep_line(level, &line);
        }
        Ok(())
    }

    /// Zeroes are no text. They are counted as a write, and nothing is made of them.
    fn zeroes(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.wasi.count_call()?;
        self.count_log_call()?;
        within_a_call("write-zeroes", bytes)?;
        Ok(())
    }

    /// Everything that could be read is at its end.
    fn at_its_end<T>(&mut self) -> wasmtime::Result<Result<T, StreamError>> {
        self.wasi.count_call()?;
        Ok(Err(StreamError::Closed))
    }
}

impl Host for Guest {}
impl error::Host for Guest {}

impl error::HostError for Guest {
    fn to_debug_string(&mut self, _: Resource<Error>) -> wasmtime::Result<String> {
        Err(Ended::NotAvailable("wasi:io/error#to-debug-string").into())
    }

    fn drop(&mut self, _: Resource<Error>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostInputStream for Guest {
    fn read(&mut self, _: Resource<InputStream>, _: u64) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
        self.at_its_end()
    }

    fn blocking_read(&mut self, _: Resource<InputStream>, _: u64) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
        self.at_its_end()
    }

    fn skip(&mut self, _: Resource<InputStream>, _: u64) -> wasmtime::Result<Result<u64, StreamError>> {
        self.at_its_end()
    }

    fn blocking_skip(&mut self, _: Resource<InputStream>, _: u64) -> wasmtime::Result<Result<u64, StreamError>> {
        self.at_its_end()
    }

    fn subscribe(&mut self, _: Resource<InputStream>) -> wasmtime::Result<Resource<Pollable>> {
        self.wasi.count_call()?;
        Ok(Resource::new_own(READY))
    }

    fn drop(&mut self, _: Resource<InputStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostOutputStream for Guest {
    fn check_write(&mut self, _: Resource<OutputStream>) -> wasmtime::Result<Result<u64, StreamError>> {
        self.wasi.count_call()?;
        Ok(Ok(WASI_BYTES_PER_CALL_MAX as u64))
    }

    fn write(&mut self, to: Resource<OutputStream>, text: Vec<u8>) -> wasmtime::Result<Result<(), StreamError>> {
        self.print(&to, &text).map(Ok)
    }

    fn blocking_write_and_flush(
        &mut self,
        to: Resource<OutputStream>,
        text: Vec<u8>,
    ) -> wasmtime::Result<Result<(), StreamError>> {
        self.print(&to, &text).map(Ok)
    }

    fn flush(&mut self, _: Resource<OutputStream>) -> wasmtime::Result<Result<(), StreamError>> {
        self.wasi.count_call().map(Ok)
    }

    fn blocking_flush(&mut self, _: Resource<OutputStream>) -> wasmtime::Result<Result<(), StreamError>> {
        self.wasi.count_call().map(Ok)
    }

    fn subscribe(&mut self, _: Resource<OutputStream>) -> wasmtime::Result<Resource<Pollable>> {
        self.wasi.count_call()?;
        Ok(Resource::new_own(READY))
    }

    fn write_zeroes(&mut self, _: Resource<OutputStream>, bytes: u64) -> wasmtime::Result<Result<(), StreamError>> {
        self.zeroes(bytes).map(Ok)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        _: Resource<OutputStream>,
        bytes: u64,
    ) -> wasmtime::Result<Result<(), StreamError>> {
        self.zeroes(bytes).map(Ok)
    }

    fn splice(
        &mut self,
        _: Resource<OutputStream>,
        _: Resource<InputStream>,
        _: u64,
    ) -> wasmtime::Result<Result<u64, StreamError>> {
        self.at_its_end()
    }

    fn blocking_splice(
        &mut self,
        _: Resource<OutputStream>,
        _: Resource<InputStream>,
        _: u64,
    ) -> wasmtime::Result<Result<u64, StreamError>> {
        self.at_its_end()
    }

    fn drop(&mut self, _: Resource<OutputStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut line = Line::default();
        assert_eq!(line.write(b"one"), [""; 0]);
        assert_eq!(line.write(b" line\n\nand an"), ["one line"]);
        assert_eq!(line.write(b"other\r\n\xff\xfe\n"), ["and another", "\u{fffd}\u{fffd}"]);
        assert_eq!(line.write(b"the rest "), [""; 0]);
        assert_eq!(line.end().as_deref(), Some("the rest"));
        assert_eq!(line.end(), None);
    }

    #[test]
    fn a_line_without_end_keeps_no_more_than_the_log_takes() {
        let mut line = Line::default();
        for _ in 0..1000 {
            assert_eq!(line.write(&[b'a'; WASI_BYTES_PER_CALL_MAX]), [""; 0]);
        }
        assert_eq!(line.0.len(), LOG_BYTES_MAX + 1);
    }
}
