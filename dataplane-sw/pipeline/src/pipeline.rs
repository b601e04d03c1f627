use std::sync::Arc;

use mimiq_contract::DropReason;

use crate::{DropCounters, Packet, Tables, Verdict};

/// The pipeline of one worker thread.
#[derive(Debug, Clone)]
pub struct Pipeline {
    drops: Arc<DropCounters>,
}

impl Pipeline {
    /// A pipeline that counts what it drops. Clone it for further worker threads of the same switch: they share the limit
    /// on ICMP errors.
    pub fn new(drops: Arc<DropCounters>) -> Self {
        Self { drops }
    }

    /// Gives each packet its verdict, in order; `verdicts` is cleared before. Headers are edited in place, `start` and `len`
    /// moved. `now_ns` is a monotonic time in nanoseconds.
    pub fn process(&mut self, tables: &Tables, _now_ns: u64, packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>) {
        verdicts.clear();
        for packet in packets {
            let reason =
                if tables.port_role.find(packet.port).is_none() { DropReason::NoRole } else { DropReason::NoRoute };
            self.drops.add(reason, packet.len);
            verdicts.push(Verdict::Drop(reason));
        }
    }
}
