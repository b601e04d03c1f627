//! A TCP tunnel.

use mimiq_masque::{Direction, splice};
use tokio::net::TcpStream;

use crate::connection::Context;
use crate::request::Stream;

/// Carries bytes until both directions have ended; says why, as metrics name it.
pub(crate) async fn carry(context: &Context, mut tcp: TcpStream, stream: Stream) -> &'static str {
    let (sending, receiving) = stream.split();
    let up = metrics::counter!("mimiq_exit_bytes_total", "kind" => "tcp", "direction" => "up");
    let down = metrics::counter!("mimiq_exit_bytes_total", "kind" => "tcp", "direction" => "down");
    let moved = |direction, count| match direction {
        Direction::In => down.increment(count as u64),
        Direction::Out => up.increment(count as u64),
    };
    match splice(&mut tcp, sending, receiving, context.shared.usage.limits().tcp_idle(), moved).await {
        Ok(()) => "complete",
        Err(error) => {
            // A reset, so that nobody takes what came for all (RFC 9114 §4.4).
            let _ = tcp.set_zero_linger();
            error.name()
        }
    }
}
