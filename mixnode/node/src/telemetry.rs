//! What the metrics are called and mean. No label has an address or a name of a client.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Tells whoever exports metrics what a node's mean.
pub fn describe() {
    describe_counter!(
        "mimiq_mix_packets_total",
        "Packets, by what became of them: received, from_client, relayed, delivered, own_loop, drop_cover"
    );
    describe_counter!("mimiq_mix_packets_dropped_total", "Packets that were dropped, by reason");
    describe_histogram!("mimiq_mix_late_seconds", "How much later than its delay wants a packet has left");
    describe_gauge!("mimiq_mix_queue_packets", "Packets whose delay is not over");
    describe_counter!("mimiq_mix_loops_total", "The mix's own loops, by outcome: sent, in_time, late, unknown");
    describe_histogram!("mimiq_mix_loop_seconds", "How long own loops were on their way");
    describe_gauge!("mimiq_mix_loops_failed", "Own loops that did not come back in time");
    describe_counter!("mimiq_mix_standstills_total", "How often the mix was woken more than 50 ms too late");
    describe_gauge!("mimiq_mix_under_attack", "1 while too few loops come back");
    describe_gauge!("mimiq_mix_untested", "1 while too few loops have been sent to say anything");
    describe_gauge!("mimiq_mix_cover_factor", "By how much cover traffic is multiplied");
}
