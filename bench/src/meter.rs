//! What processes and threads have used, as the kernel counts it.

use anyhow::Context as _;

/// The kernel counts processor time of processes in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used since it began, with those that it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    /// On their way to the disk; none where the kernel does not say.
    pub(crate) written_bytes: Option<f64>,
}

impl Usage {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let (_, cpu_seconds) = stat(process)?;
        let io = std::fs::read_to_string(format!("/proc/{process}/io")).ok();
        let written = io.as_deref().and_then(|io| number_after(io, "write_bytes:"));
        Ok(Self { cpu_seconds, written_bytes: written })
    }

    /// Of a process and its children: a database server with a process for each connection.
    pub(crate) fn of_family(head: u32) -> anyhow::Result<Self> {
        let mut whole = Self::of(head)?;
        for entry in std::fs::read_dir("/proc")? {
            let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // One that has ended meanwhile is counted by its parent.
            if stat(process).is_ok_and(|(parent, _)| parent == head)
                && let Ok(child) = Self::of(process)
            {
                whole = whole.and(child);
            }
        }
        Ok(whole)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            written_bytes: self.written_bytes.zip(other.written_bytes).map(|(a, b)| a + b),
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - earlier.cpu_seconds,
            written_bytes: self.written_bytes.zip(earlier.written_bytes).map(|(now, then)| now - then),
        }
    }
}

/// Parent and processor seconds of a process, those of its ended children included.
fn stat(process: u32) -> anyhow::Result<(u32, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name stands in brackets and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').context("no process")?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index).context("the kernel says less of a process than it used to");
    let mut ticks = 0.0;
    for index in 11..=14 {
        ticks += field(index)?.parse::<f64>()?;
    }
    Ok((field(1)?.parse()?, ticks / TICKS_PER_SECOND))
}

/// Processor seconds of the threads of this process with such a name.
pub(crate) fn threads_cpu_seconds(name: &str) -> anyhow::Result<f64> {
    let mut nanos = 0.0;
    for entry in std::fs::read_dir("/proc/self/task")? {
        let folder = entry?.path();
        // A thread may end while we look.
        let (Ok(found), Ok(spent)) =
            (std::fs::read_to_string(folder.join("comm")), std::fs::read_to_string(folder.join("schedstat")))
        else {
            continue;
        };
        if found.trim() == name {
            nanos += spent.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0);
        }
    }
    Ok(nanos / 1e9)
}

pub(crate) fn resident_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = number_after(&status, "VmRSS:").context("the process does not say what memory it holds")?;
    Ok(kib / 1024.0)
}

fn number_after(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}
