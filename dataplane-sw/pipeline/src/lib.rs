//! mimiq's packet pipeline and its tables: pure, batched, without clock, I/O or `unsafe`.
//!
//! [`tables()`](tables()) makes the tables: a [`TableWriter`] for the controller's entries and [`TableReader`]s for the worker
//! threads. Each worker has a [`Pipeline`] that gives every [`Packet`] of a batch its [`Verdict`].

mod bits;
mod counters;
mod packet;
mod pipeline;
mod tables;
mod tally;
mod wire;

pub use counters::{DropCounters, EntryCounters};
pub use packet::{HEADROOM, Packet, Verdict};
pub use pipeline::{IcmpErrorMeter, MeterRate, Pipeline};
pub use tables::{Edit, ReadGuard, TableError, TableReader, TableSizes, TableWriter, Tables, tables};
