//! Metrics: what they are called and mean. No label has an address or a client's name.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use mimiq_api::allocation::RefusalReason;
use tokio::time::{MissedTickBehavior, interval};

use crate::relay::RelayDrop;

const SECONDS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0, 5.0];
const UPDATES: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// Between two clean-ups of the histograms, whose samples pile up otherwise.
const UPKEEP: Duration = Duration::from_secs(5);

/// Collects metrics from now on. Must be called within a tokio runtime, once in a process.
///
/// # Errors
/// If metrics are collected already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_updates".into()), &UPDATES)?
        .install_recorder()?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut interval = interval(UPKEEP);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Describes all metrics, and has those whose labels are known from the start served with 0, so that rates and alerts see
/// the first event.
pub(crate) fn describe() {
    for (name, text) in GAUGES {
        describe_gauge!(*name, *text);
    }
    for (name, text) in COUNTERS {
        describe_counter!(*name, *text);
        counter!(*name).increment(0);
    }
    for (name, text) in BY_SWITCH {
        describe_counter!(*name, *text);
    }
    let reason = |reason: i32| RefusalReason::try_from(reason).ok().map(|reason| reason.as_str_name());
    let refusals = (1..).map_while(reason);
    let labelled: [(_, _, _, Vec<&'static str>); 3] = [
        (
            "mimiq_controller_relay_drops_total",
            "Relayed datagrams dropped, by reason",
            "reason",
            RelayDrop::ALL.iter().map(|reason| reason.label()).collect(),
        ),
        (
            "mimiq_controller_handshakes_total",
            "Handshakes of clients, by result",
            "result",
            vec!["ok", "failed", "timeout", "overload", "rate_limited"],
        ),
        (
            "mimiq_controller_requests_total",
            "Requests by result: ok, or the reason of the refusal",
            "result",
            refusals.chain(["ok"]).collect(),
        ),
    ];
    for (name, text, label, values) in labelled {
        describe_counter!(name, text);
        for value in values {
            counter!(name, label => value).increment(0);
        }
    }
    describe_histogram!("mimiq_controller_request_seconds", Unit::Seconds, "From the start of a stream to its reply");
    describe_histogram!("mimiq_controller_write_seconds", Unit::Seconds, "P4Runtime writes");
    describe_histogram!("mimiq_controller_write_updates", "Updates in a P4Runtime write");
}

const GAUGES: &[(&str, &str)] = &[
    ("mimiq_controller_leases", "Addresses by pool and state: leased, grace, removing, cooling"),
    ("mimiq_controller_pool_addresses", "Addresses that a pool has, whatever their alias"),
    ("mimiq_controller_connections", "Connections of clients"),
    ("mimiq_controller_switch_connected", "1 while the switch is connected"),
    ("mimiq_controller_switch_synced", "1 if the switch is connected and has all entries that it should"),
    ("mimiq_controller_switch_pending_updates", "Updates that the switch has not confirmed"),
    ("mimiq_controller_alias_epoch_pending", "1 while new aliases wait for an edge switch or the state file"),
    ("mimiq_controller_election_id", "The P4Runtime election ID"),
];

/// Without labels.
const COUNTERS: &[(&str, &str)] = &[
    ("mimiq_controller_relay_send_errors_total", "Replies that the system did not send"),
    ("mimiq_controller_addresses_granted_total", "Addresses leased to clients"),
    ("mimiq_controller_addresses_renewed_total", "Addresses whose lease was prolonged"),
    ("mimiq_controller_addresses_released_total", "Addresses that clients gave back"),
    ("mimiq_controller_addresses_freed_total", "Addresses that can be drawn again"),
    ("mimiq_controller_addresses_revoked_total", "Addresses revoked because their client moved, or by an operator"),
    ("mimiq_controller_addresses_aborted_total", "Addresses taken back because their rules could not be written"),
    ("mimiq_controller_alias_epochs_total", "Alias epochs that every edge switch has got"),
    ("mimiq_controller_alias_epoch_failures_total", "Alias epochs that could not be drawn"),
    ("mimiq_controller_switch_refusals_total", "Entries that switches refused"),
    ("mimiq_controller_store_failures_total", "Attempts to write the state file that failed"),
    ("mimiq_controller_late_samples_total", "Ended leases that were watched for late packets"),
    ("mimiq_controller_late_packets_total", "Packets that were late for the leases that were watched"),
];

/// With the label `switch`, from the first event on.
const BY_SWITCH: &[(&str, &str)] =
    &[("mimiq_controller_switch_losses_total", "Connections to a switch that failed or ended")];
