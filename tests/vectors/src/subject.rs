//! The implementations of the pipeline that vectors and fuzzer drive.

mod bmv2;
mod child;
mod memory;
mod p4rt;
mod switch;
mod veth;

use std::collections::BTreeMap;

use anyhow::Result;
use mimiq_contract::{EntryKey, PortId};

pub use bmv2::Bmv2;
pub use memory::Memory;
pub use switch::{Backend, Switch, obstacle as switch_obstacle};

use crate::{entry::State, file::Meter};

/// A frame at a port.
pub type PortFrame = (PortId, Vec<u8>);

/// A frame that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The port.
    pub port: PortId,
    /// The frame.
    pub frame: Vec<u8>,
    /// Which of the frames that were put in it comes from, where that can be told.
    pub of: Option<usize>,
}

/// Packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The `drop_reason` counter, by index.
pub type Drops = BTreeMap<usize, Count>;

/// The direct counters.
pub type Hits = BTreeMap<EntryKey, Count>;

/// The most frames that are put in at once: no queue of any implementation overflows (the shortest is BMv2's, 64 frames a port).
pub const BATCH: usize = 48;

/// An implementation of the pipeline.
pub trait Subject {
    /// Its name.
    fn name(&self) -> String;

    /// Sets its entries, and the meter of ICMP errors. Counters of entries that stay may go on.
    ///
    /// # Errors
    /// If it refuses, or is gone.
    fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()>;

    /// Why this frame cannot be put in, or come out, at a port; `None` if it can.
    fn obstacle(&self, frame: &[u8]) -> Option<String>;

    /// Puts in up to [`BATCH`] frames and returns those that leave, in order a port, when all have been processed.
    ///
    /// # Errors
    /// If it is gone, or does not answer.
    fn run(&mut self, frames: &[PortFrame]) -> Result<Vec<Sent>>;

    /// What it has counted as dropped.
    ///
    /// # Errors
    /// If it is gone, or does not answer.
    fn drops(&mut self) -> Result<Drops>;

    /// What has hit its entries.
    ///
    /// # Errors
    /// If it is gone, or does not answer.
    fn hits(&mut self) -> Result<Hits>;
}
