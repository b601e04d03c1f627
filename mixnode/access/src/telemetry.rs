//! Metrics: what they are called and mean. No label has an address or an account.

use metrics::{describe_counter, describe_gauge};

/// Tells the recorder of the process what the metrics mean.
pub fn describe() {
    describe_gauge!("mimiq_provider_clients", "Clients that are connected and were admitted");
    for (name, text) in [
        ("mimiq_provider_connections_total", "QUIC connections whose handshake is complete"),
        ("mimiq_provider_connections_refused_total", "Connections that were not served, by reason"),
        ("mimiq_provider_connections_replaced_total", "Connections that gave way to a newer one of the same account"),
        ("mimiq_provider_malformed_total", "What no client sends that follows the protocol, by where"),
        ("mimiq_provider_packets_total", "Packets from clients that were handed on"),
        ("mimiq_provider_packets_dropped_total", "Packets from clients that were not, by reason"),
        ("mimiq_provider_pulls_total", "Pulls that were answered"),
        ("mimiq_provider_pulls_refused_total", "Pulls that were answered with dummies alone, by reason"),
        ("mimiq_provider_states_total", "Requests for the network's state, by what was sent"),
        ("mimiq_provider_accounts_registered_total", "Accounts made"),
        ("mimiq_provider_messages_total", "Messages put into inboxes"),
        ("mimiq_provider_messages_acknowledged_total", "Messages deleted as their recipient has them"),
        ("mimiq_provider_messages_dropped_total", "Messages lost, by reason"),
    ] {
        describe_counter!(name, text);
    }
}
