//! The time of a campaign: the machine's, and ahead of it by what was skipped, for simulator and service alike. So
//! waiting for a retry costs nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use hubspot_sim::Simulator;

pub(crate) struct Clock {
    simulator: Simulator,
    /// Where the service reads how far it is ahead.
    file: PathBuf,
    ahead_ms: i64,
    /// The moments that were skipped to, as milliseconds since 1970.
    pub(crate) jumps: Vec<i64>,
}

impl Clock {
    pub(crate) fn new(simulator: Simulator, folder: &Path) -> anyhow::Result<Self> {
        let clock = Self { simulator, file: folder.join("clock-ahead"), ahead_ms: 0, jumps: Vec::new() };
        clock.write()?;
        Ok(clock)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn now(&self) -> i64 {
        self.simulator.now()
    }

    /// Skips some time. The simulator goes first: it forgets the calls of its window before the service does.
    pub(crate) fn skip(&mut self, time: Duration) -> anyhow::Result<()> {
        self.ahead_ms += i64::try_from(time.as_millis())?;
        self.simulator.set_clock_ahead(self.ahead_ms);
        self.write()?;
        self.jumps.push(self.now());
        Ok(())
    }

    /// By another file's name, so that nobody reads half a number.
    fn write(&self) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, self.ahead_ms.to_string()).context("cannot write the clock file")?;
        std::fs::rename(&new, &self.file).context("cannot write the clock file")
    }
}
