//! CPU time from the scheduler's own account, nanoseconds. Work in softirqs counts for the thread that it interrupts: on
//! kernels without CONFIG_IRQ_TIME_ACCOUNTING that is all there is to count.

use std::{fs, path::Path};

use anyhow::Context as _;

/// Of the calling thread.
pub(crate) fn this_thread() -> anyhow::Result<u64> {
    of(Path::new("/proc/thread-self"))
}

/// Of all threads of a process.
pub(crate) fn process(id: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    let tasks = format!("/proc/{id}/task");
    for task in fs::read_dir(&tasks).context(tasks)? {
        sum += of(&task?.path())?;
    }
    Ok(sum)
}

/// Of the kernel threads that take over softirqs under load, the whole machine's.
pub(crate) fn softirq_threads() -> anyhow::Result<u64> {
    let mut sum = 0;
    for process in fs::read_dir("/proc")? {
        let path = process?.path();
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.starts_with("ksoftirqd/") {
            sum += of(&path)?;
        }
    }
    Ok(sum)
}

/// The machine's processors, in ticks since it started.
pub(crate) struct Host {
    all: u64,
    stolen: u64,
}

impl Host {
    pub(crate) fn now() -> anyhow::Result<Self> {
        let path = "/proc/stat";
        let text = fs::read_to_string(path).context(path)?;
        // user, nice, system, idle, iowait, irq, softirq, steal
        let first: Vec<u64> =
            text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8).flat_map(str::parse).collect();
        let stolen = *first.get(7).with_context(|| format!("{path}: {text}"))?;
        Ok(Self { all: first.iter().sum(), stolen })
    }

    /// Percent of the time since then in which a virtual machine wanted to run and its host ran others. It counts as CPU time of whom it met.
    pub(crate) fn stolen_since(&self, then: &Self) -> f64 {
        (self.stolen - then.stolen) as f64 / (self.all - then.all).max(1) as f64 * 100.0
    }
}

fn of(task: &Path) -> anyhow::Result<u64> {
    let path = task.join("schedstat");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let first = text.split(' ').next().and_then(|n| n.parse().ok());
    first.with_context(|| format!("{}: {text}", path.display()))
}
