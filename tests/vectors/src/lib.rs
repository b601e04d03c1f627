//! Packet vectors: table state and frames in, frames, drop reasons and counters out, in files that a network engineer can
//! read (`cases/`, described in `README.md`). One runner holds them against every implementation of mimiq's pipeline; a
//! fuzzer holds two implementations against each other.
//!
//! Frames are built here by hand and not with the pipeline's own code, which would repeat its errors.

pub mod entry;
pub mod file;
pub mod frame;
pub mod fuzz;
pub mod names;
pub mod run;
pub mod subject;
mod value;
