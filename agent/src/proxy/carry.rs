//! From an application's connection into a tunnel and back.

use std::time::Duration;

use bytes::Bytes;
use mimiq_masque::{Direction, Sending as _, SpliceError, splice};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::pool::TcpTunnel;

/// The exit's limit is shorter in most cases.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// Joins a TCP connection, of which `first` has been read already, and a tunnel.
pub(crate) async fn tcp(mut stream: TcpStream, first: Bytes, mut tunnel: TcpTunnel) {
    let _ = stream.set_nodelay(true);
    if !first.is_empty() && tunnel.sending.send(first).await.is_err() {
        let _ = stream.set_zero_linger();
        return;
    }
    if bytes(&mut stream, tunnel).await.is_err() {
        // A reset, so that nobody takes what came for all.
        let _ = stream.set_zero_linger();
    }
}

/// Joins a byte stream and a tunnel.
pub(crate) async fn bytes<IO>(stream: &mut IO, tunnel: TcpTunnel) -> Result<(), SpliceError>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin,
{
    let TcpTunnel { sending, receiving, _share } = tunnel;
    let up = metrics::counter!("mimiq_agent_proxy_bytes_total", "direction" => "up");
    let down = metrics::counter!("mimiq_agent_proxy_bytes_total", "direction" => "down");
    let moved = |direction, count| match direction {
        Direction::In => up.increment(count as u64),
        Direction::Out => down.increment(count as u64),
    };
    let outcome = splice(stream, sending, receiving, IDLE, moved).await;
    if let Err(error) = &outcome {
        tracing::debug!(%error, "a tunnel failed");
        metrics::counter!("mimiq_agent_proxy_broken_tunnels_total", "reason" => error.name()).increment(1);
    }
    outcome
}
