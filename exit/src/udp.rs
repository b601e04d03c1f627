//! A UDP tunnel (RFC 9298): payloads in HTTP datagrams, or in capsules on the request's stream.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h3::error::Code;
use mimiq_masque::{Capsules, FlowError, Receiving as _, Sending as _};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::connection::Context;
use crate::request::Stream;

/// The largest UDP packet.
const LARGEST: usize = 65_535;

/// Carries packets until the client ends the request, or nothing comes for too long; says why, as metrics name it.
pub(crate) async fn carry(context: &Context, socket: UdpSocket, stream: Stream) -> &'static str {
    // What a client sent before it heard of the tunnel is lost, as packets may be.
    let mut flow = context.flows.open(stream.send_id().into_inner());
    let (mut sending, mut receiving) = stream.split();
    let idle = context.shared.usage.limits().udp_idle();
    let (mut capsules, mut buffer) = (Capsules::default(), vec![0; LARGEST]);
    let rest = tokio::time::sleep(idle);
    tokio::pin!(rest);
    let reason = loop {
        tokio::select! {
            payload = flow.incoming.recv() => match payload {
                Some(payload) => up(&socket, &payload).await,
                None => break "connection",
            },
            piece = receiving.receive() => match piece {
                Ok(Some(piece)) => match capsules.push(piece) {
                    Ok(payloads) => {
                        for payload in payloads {
                            up(&socket, &payload).await;
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a client's capsules make no sense");
                        sending.reset(Code::H3_DATAGRAM_ERROR);
                        return "capsules";
                    }
                },
                Ok(None) => break if capsules.end().is_ok() { "complete" } else { "capsules" },
                Err(_) => {
                    sending.reset(Code::H3_REQUEST_CANCELLED);
                    return "request_stream";
                }
            },
            received = socket.recv(&mut buffer) => match received {
                Ok(length) => {
                    if down(&flow.outgoing, &buffer[..length]) == Err(FlowError::Closed) {
                        break "connection";
                    }
                }
                // Such as an ICMP error for an earlier packet: UDP is like that.
                Err(error) => {
                    dropped(&error);
                    continue;
                }
            },
            () = &mut rest => break "idle",
        }
        rest.as_mut().reset(Instant::now() + idle.max(Duration::from_millis(1)));
    };
    if sending.finish().await.is_err() {
        sending.reset(Code::H3_REQUEST_CANCELLED);
    }
    reason
}

async fn up(socket: &UdpSocket, payload: &[u8]) {
    match socket.send(payload).await {
        Ok(length) => {
            metrics::counter!("mimiq_exit_bytes_total", "kind" => "udp", "direction" => "up").increment(length as u64);
        }
        Err(error) => dropped(&error),
    }
}

fn down(outgoing: &mimiq_masque::FlowSender, payload: &[u8]) -> Result<(), FlowError> {
    // RFC 9298 §6.1: what does not fit is dropped, rather than sent in a capsule.
    let sent = outgoing.send(Bytes::copy_from_slice(payload));
    match sent {
        Ok(()) => {
            let down = metrics::counter!("mimiq_exit_bytes_total", "kind" => "udp", "direction" => "down");
            down.increment(payload.len() as u64);
        }
        Err(error) => {
            metrics::counter!("mimiq_exit_packets_dropped_total", "reason" => error.name()).increment(1);
        }
    }
    sent
}

fn dropped(error: &io::Error) {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "icmp_unreachable",
        _ => "socket",
    };
    metrics::counter!("mimiq_exit_packets_dropped_total", "reason" => reason).increment(1);
}
