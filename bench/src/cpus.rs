//! Which CPUs threads run on, and with them the threads and processes that they start.

use anyhow::Context as _;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// The CPUs that this process may use.
pub(crate) struct Cpus(CpuSet);

impl Cpus {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(sched_getaffinity(Pid::from_raw(0))?))
    }

    /// Moves the calling thread to the first one.
    pub(crate) fn first(&self) -> anyhow::Result<()> {
        self.only(self.usable().next())
    }

    /// Moves the calling thread to the second one, if there is one.
    pub(crate) fn second(&self) -> anyhow::Result<()> {
        self.only(self.usable().take(2).last())
    }

    /// Lets the calling thread run on all.
    pub(crate) fn all(&self) -> anyhow::Result<()> {
        Ok(sched_setaffinity(Pid::from_raw(0), &self.0)?)
    }

    fn usable(&self) -> impl Iterator<Item = usize> {
        (0..CpuSet::count()).filter(|cpu| self.0.is_set(*cpu).unwrap_or(false))
    }

    fn only(&self, cpu: Option<usize>) -> anyhow::Result<()> {
        let mut one = CpuSet::new();
        one.set(cpu.context("no CPU")?)?;
        Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
    }
}
