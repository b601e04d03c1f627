//! What the pipeline has beside its tables: the drop counter and the meter of ICMP errors.

use std::sync::Arc;

use mimiq_contract::DropReason;
use mimiq_pipeline::{DropCounters, EntryCounters, IcmpErrorMeter, MeterRate};

/// Indices of the `drop_reason` counter, as in the p4info.
pub(crate) const DROP_COUNTER_SIZE: usize = 64;

/// Shared with the data plane.
pub(crate) struct Externs {
    drops: Arc<DropCounters>,
    /// What is taken off the data plane's counts, which only grow.
    offsets: [EntryCounters; DROP_COUNTER_SIZE],
    pub(crate) meter: Arc<IcmpErrorMeter>,
    pub(crate) meter_rate: Option<MeterRate>,
}

impl Externs {
    pub(crate) fn new(drops: Arc<DropCounters>) -> Self {
        let offsets = [EntryCounters::default(); DROP_COUNTER_SIZE];
        Self { drops, offsets, meter: Arc::default(), meter_rate: None }
    }

    pub(crate) fn set_meter(&mut self, rate: Option<MeterRate>) {
        self.meter.configure(rate);
        self.meter_rate = rate;
    }

    /// `drop_reason` at an index.
    pub(crate) fn drops(&self, at: usize) -> EntryCounters {
        minus(self.raw_drops(at), self.offsets.get(at).copied().unwrap_or_default())
    }

    /// Sets `drop_reason` at an index, or at all.
    pub(crate) fn set_drops(&mut self, index: Option<usize>, value: EntryCounters) {
        for at in index.map_or(0..DROP_COUNTER_SIZE, |at| at..at + 1) {
            self.offsets[at] = minus(self.raw_drops(at), value);
        }
    }

    fn raw_drops(&self, at: usize) -> EntryCounters {
        let reason = DropReason::ALL.iter().copied().find(|reason| *reason as usize == at);
        let (packets, bytes) = reason.map_or((0, 0), |reason| self.drops.get(reason));
        EntryCounters { packets, bytes }
    }
}

fn minus(a: EntryCounters, b: EntryCounters) -> EntryCounters {
    EntryCounters { packets: a.packets.wrapping_sub(b.packets), bytes: a.bytes.wrapping_sub(b.bytes) }
}
