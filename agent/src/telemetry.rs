//! Metrics: what they are called and mean. No label has an address.

use std::net::SocketAddr;

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};

/// Serves all metrics at `http://ADDRESS/metrics`. Must be called within a tokio runtime.
///
/// # Errors
/// If the address cannot be bound, or metrics are served already.
pub fn serve(address: SocketAddr) -> Result<(), BuildError> {
    PrometheusBuilder::new().with_http_listener(address).install()?;
    describe_gauge!("mimiq_agent_stock_free", "Addresses that nobody has taken");
    describe_gauge!("mimiq_agent_stock_held", "Addresses that applications hold");
    describe_gauge!("mimiq_agent_not_hopping", "1 while there is nothing to hop to: applications keep their addresses");
    for (name, text) in [
        ("mimiq_agent_reclaimed_total", "Addresses that applications went on using after a restart of the agent"),
        ("mimiq_agent_sessions_total", "Sessions with the allocation server; more than one: it was lost"),
        ("mimiq_agent_acquires_total", "Sets of addresses asked for"),
        ("mimiq_agent_refusals_total", "Sets not granted, and messages not understood, by reason"),
        ("mimiq_agent_addresses_given_total", "Addresses given to applications"),
        ("mimiq_agent_refused_takes_total", "Requests of applications for an address that were refused"),
        ("mimiq_agent_hops_total", "Hops that applications reported"),
        ("mimiq_agent_local_errors_total", "Connections of applications that ended with an error"),
        ("mimiq_agent_proxy_exit_connections_total", "The proxy's connections to its exit"),
        ("mimiq_agent_proxy_hops_total", "Their hops"),
        ("mimiq_agent_proxy_hop_refusals_total", "Their hops that did not happen, by reason"),
        ("mimiq_agent_proxy_tunnels_total", "Tunnels opened for applications, by kind"),
        ("mimiq_agent_proxy_failures_total", "Tunnels that applications did not get, by reason"),
        ("mimiq_agent_proxy_broken_tunnels_total", "Tunnels that ended before their time, by reason"),
        ("mimiq_agent_proxy_bytes_total", "Bytes in TCP tunnels, by direction"),
        ("mimiq_agent_proxy_packets_dropped_total", "UDP packets of applications that were not carried, by reason"),
    ] {
        describe_counter!(name, text);
    }
    Ok(())
}
