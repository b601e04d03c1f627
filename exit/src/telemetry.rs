//! Metrics: what they are called and mean. No label has an address, a destination or a user's name.

use std::net::SocketAddr;

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};

/// Serves all metrics at `http://ADDRESS/metrics`. Must be called within a tokio runtime.
///
/// # Errors
/// If the address cannot be bound, or metrics are served already.
pub fn serve(address: SocketAddr) -> Result<(), BuildError> {
    PrometheusBuilder::new().with_http_listener(address).install()?;
    describe_gauge!("mimiq_exit_in_use", "Connections of users, and tunnels, by kind");
    for (name, text) in [
        ("mimiq_exit_connections_total", "QUIC connections whose handshake is complete"),
        ("mimiq_exit_connections_refused_total", "Connections that were not served, by reason"),
        ("mimiq_exit_malformed_requests_total", "Requests that are no HTTP/3, or came too slowly"),
        ("mimiq_exit_refusals_total", "Requests that got no tunnel, by reason"),
        ("mimiq_exit_tunnels_total", "Tunnels opened, by kind"),
        ("mimiq_exit_tunnels_ended_total", "Tunnels that ended, by kind and reason"),
        ("mimiq_exit_bytes_total", "Bytes carried, by kind and direction (up: from the client)"),
        ("mimiq_exit_packets_dropped_total", "UDP packets that were not carried, by reason"),
    ] {
        describe_counter!(name, text);
    }
    Ok(())
}
