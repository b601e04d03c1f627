//! What the threads count.

use std::collections::HashMap;

use metrics::{Counter, Histogram, counter, histogram};

/// Handles, made once: a look-up for each packet would cost more than some of the work.
pub(crate) struct Counters {
    pub(crate) received: Counter,
    pub(crate) from_clients: Counter,
    pub(crate) relayed: Counter,
    pub(crate) delivered: Counter,
    pub(crate) loops: Counter,
    pub(crate) cover: Counter,
    pub(crate) late: Histogram,
    by_reason: HashMap<&'static str, Counter>,
}

/// All reasons for which packets are dropped: each has a counter from the start, so that a rate can be asked for before it happens.
pub(crate) const REASONS: [&str; 30] = [
    "overload",
    "too_long",
    "link_short",
    "link_version",
    "link_epoch",
    "link_sender",
    "link_forged",
    "link_replayed",
    "link_library",
    "length",
    "version",
    "alpha_not_canonical",
    "alpha_small_order",
    "code",
    "flag",
    "epoch",
    "replayed",
    "no_room_for_tag",
    "replay_log",
    "queue_full",
    "next_hop",
    "not_a_provider",
    "socket_full",
    "refused_by_kernel",
    "sealing",
    "delay_too_long",
    "unknown_loop",
    "inbox",
    "from_client_overload",
    "other",
];

impl Counters {
    pub(crate) fn new() -> Self {
        let packets = |event| counter!("mimiq_mix_packets_total", "event" => event);
        Self {
            received: packets("received"),
            from_clients: packets("from_client"),
            relayed: packets("relayed"),
            delivered: packets("delivered"),
            loops: packets("own_loop"),
            cover: packets("drop_cover"),
            late: histogram!("mimiq_mix_late_seconds"),
            by_reason: REASONS
                .iter()
                .map(|reason| (*reason, counter!("mimiq_mix_packets_dropped_total", "reason" => *reason)))
                .collect(),
        }
    }

    pub(crate) fn dropped(&self, reason: &'static str, packets: u64) {
        if let Some(counter) = self.by_reason.get(reason).or_else(|| self.by_reason.get("other"))
            && packets > 0
        {
            counter.increment(packets);
        }
    }
}
