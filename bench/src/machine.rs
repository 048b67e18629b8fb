//! The machine's fingerprint: what has to stand beside every figure.

use std::io::Write as _;
use std::time::Instant;

/// Synced writes that the floor is taken from.
const SYNCS: u32 = 300;

pub(crate) fn fingerprint() -> anyhow::Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    Ok(format!(
        "{model}, {cores} cores, {:.0} GiB, Linux {}, load {load}, {:.0} synced writes/s, leadline {}",
        memory.unwrap_or(0) as f64 / 1_048_576.0,
        read("/proc/sys/kernel/osrelease").trim(),
        syncs_per_second()?,
        env!("CARGO_PKG_VERSION"),
    ))
}

/// The floor under every durable figure: a write of one page, and its sync.
fn syncs_per_second() -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile()?;
    let page = [7_u8; 4096];
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&page)?;
        file.sync_data()?;
    }
    Ok(f64::from(SYNCS) / started.elapsed().as_secs_f64())
}
