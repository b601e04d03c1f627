//! Metrics: what they are called and mean.

use std::net::SocketAddr;

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use mimiq_directory::State;

/// Serves all metrics at `http://ADDRESS/metrics`. Must be called within a tokio runtime.
pub(crate) fn serve(address: SocketAddr) -> Result<(), BuildError> {
    PrometheusBuilder::new().with_http_listener(address).install()?;
    for (name, text) in [
        ("mimiq_authority_serial", "Serial of the newest published state"),
        ("mimiq_authority_valid_until", "When it ends, seconds since 1970"),
        ("mimiq_authority_nodes", "Nodes in it"),
    ] {
        describe_gauge!(name, text);
    }
    for (name, text) in [
        ("mimiq_authority_connections_refused_total", "Connections for which there was no room"),
        ("mimiq_authority_descriptors_total", "Descriptors that were sent here, by outcome"),
        ("mimiq_authority_proposals_total", "Proposals made here"),
        ("mimiq_authority_signatures_total", "Proposals signed here, its own included"),
        ("mimiq_authority_refusals_total", "Answers of peers that were refused, by reason"),
        ("mimiq_authority_peer_failures_total", "Peers that did not answer"),
        ("mimiq_authority_equivocations_total", "Times that another state with the published serial was seen"),
    ] {
        describe_counter!(name, text);
    }
    Ok(())
}

/// A state is published.
pub(crate) fn published(state: &State) {
    // Exact for times and serials below 2⁵³.
    metrics::gauge!("mimiq_authority_serial").set(state.serial as f64);
    metrics::gauge!("mimiq_authority_valid_until").set(state.valid_until as f64);
    metrics::gauge!("mimiq_authority_nodes").set(state.nodes.len() as f64);
}
