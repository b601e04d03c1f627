//! CPU time and memory of threads and processes.

use std::{fs, time::Duration};

use anyhow::Context as _;
use nix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread.
pub(crate) fn this_thread() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// A process that is watched.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub pid: u32,
    pub name: String,
    pub cpu: Duration,
    /// Resident memory, bytes.
    pub memory: u64,
}

/// Looks at a process.
pub(crate) fn process(pid: u32) -> anyhow::Result<Process> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("--watch {pid}: {path}"))
    };
    let name = read("comm")?.trim().to_owned();
    let status = read("status")?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let memory = kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0) << 10;
    // The name, in parentheses, may have spaces; behind it utime and stime are the 12th and 13th field, in ticks of 10 ms.
    let stat = read("stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Ok(Process { pid, name, cpu: Duration::from_millis(ticks * 10), memory })
}
