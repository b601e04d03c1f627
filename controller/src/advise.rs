//! Timing parameters from what the switches report: the paper leaves open how t_remove and t_sid are to be chosen
//! (MIMIQ §3.3, "As future work, we will develop a method to determine and optimize the timing parameters").
//!
//! A switch counts the packets that each entry delivers. Read when a lease ends and several times until its grace ends,
//! the counter of its address says how many packets were late, and by how much: a [`Histogram`] over many leases.
//! [`advise`] proposes from it the shortest t_remove that would still have delivered nearly all of them.

mod histogram;
mod proposal;
mod sampler;

pub use histogram::{FRACTIONS, Histogram};
pub use proposal::{Advice, SAMPLES_NEEDED, SHARE, Timing, advise};
pub use sampler::Advisor;
