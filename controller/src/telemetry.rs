//! Metrics: what they are called and mean. No label has an address or a client's name.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};

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
    let gauges = [
        ("mimiq_controller_connections", "Connections of clients"),
        ("mimiq_controller_alias_epoch_pending", "1 while new aliases wait for an edge switch"),
        ("mimiq_controller_election_id", "The P4Runtime election ID"),
    ];
    for (name, text) in gauges {
        describe_gauge!(name, text);
        gauge!(name).set(0.0);
    }
    describe_gauge!("mimiq_controller_leases", "Addresses by state: leased, grace, removing, cooling");
    describe_gauge!(
        "mimiq_controller_switch_synced",
        "1 if the switch is connected and has all entries that it should"
    );
    let counters = [
        ("mimiq_controller_relay_send_errors_total", "Replies that the system did not send"),
        ("mimiq_controller_allocated_total", "Addresses leased or renewed"),
        ("mimiq_controller_addresses_freed_total", "Addresses that can be drawn again"),
        ("mimiq_controller_revocations_total", "Addresses revoked because their client moved"),
        ("mimiq_controller_alias_epochs_total", "Alias epochs that every edge switch has got"),
        ("mimiq_controller_rotation_failures_total", "Alias epochs that could not be drawn"),
    ];
    for (name, text) in counters {
        describe_counter!(name, text);
        counter!(name).increment(0);
    }
    let labelled = [
        ("mimiq_controller_relay_drops_total", "Relayed datagrams dropped, by reason"),
        ("mimiq_controller_handshakes_total", "Handshakes of clients, by result"),
        ("mimiq_controller_requests_total", "Requests by result: ok, or the reason of the refusal"),
        ("mimiq_controller_switch_losses_total", "Connections to a switch that failed or ended"),
        ("mimiq_controller_switch_refusals_total", "Entries that a switch refused in reconciliation"),
    ];
    for (name, text) in labelled {
        describe_counter!(name, text);
    }
    describe_histogram!("mimiq_controller_request_seconds", Unit::Seconds, "From the start of a stream to its reply");
    describe_histogram!("mimiq_controller_write_seconds", Unit::Seconds, "P4Runtime writes");
    describe_histogram!("mimiq_controller_write_updates", "Updates in a P4Runtime write");
}
