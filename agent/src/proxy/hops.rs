//! When a connection to the exit hops.

use std::sync::Weak;
use std::time::Duration;

use super::link::Link;

/// Completes when the next hop is due: `every` has passed, and something moved on the connection meanwhile.
async fn due(connection: &quinn::Connection, every: Option<Duration>) {
    let Some(every) = every else { return std::future::pending().await };
    let moved = || {
        let stats = connection.stats();
        let frames = [stats.frame_tx, stats.frame_rx];
        frames.iter().map(|frames| frames.stream + frames.datagram).sum::<u64>()
    };
    let before = moved();
    loop {
        tokio::time::sleep(every).await;
        if moved() != before {
            return;
        }
    }
}

/// Makes a connection hop until it is closed or nobody has it any more.
pub(super) async fn follow(link: Weak<Link>, connection: quinn::Connection, every: Option<Duration>) {
    loop {
        tokio::select! {
            _ = connection.closed() => return,
            () = due(&connection, every) => {}
        }
        let Some(link) = link.upgrade() else { return };
        match link.hopping.hop().await {
            Ok(_) => metrics::counter!("mimiq_agent_proxy_hops_total").increment(1),
            Err(error) => {
                tracing::debug!(%error, "no hop");
                metrics::counter!("mimiq_agent_proxy_hop_refusals_total", "reason" => error.name()).increment(1);
            }
        }
    }
}
