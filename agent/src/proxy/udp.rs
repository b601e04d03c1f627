//! UDP ASSOCIATE: one UDP socket for a client, and a UDP tunnel for each target that it sends to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h3::error::Code;
use mimiq_masque::{Capsules, Receiving as _, Sending as _, Target};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::pool::{Pool, UdpTunnel};
use super::socks;

/// Targets of one association at a time.
const MOST_TARGETS: usize = 128;
/// Packets that wait while a tunnel opens.
const QUEUE: usize = 64;
/// The largest UDP packet.
const LARGEST: usize = 65_535;

/// Serves an association until its TCP connection ends (RFC 1928 §7).
pub(crate) async fn serve(pool: Arc<Pool>, mut control: TcpStream, socket: UdpSocket) {
    let Ok(peer) = control.peer_addr() else { return };
    let (to_client, mut from_targets) = mpsc::channel::<(Target, Bytes)>(QUEUE);
    let mut targets: HashMap<Target, mpsc::Sender<Bytes>> = HashMap::new();
    let mut tunnels = JoinSet::new();
    let mut client: Option<SocketAddr> = None;
    let (mut buffer, mut ignored) = (vec![0; LARGEST], [0; 64]);
    loop {
        tokio::select! {
            read = control.read(&mut ignored) => match read {
                Ok(1..) => {}
                _ => return,
            },
            received = socket.recv_from(&mut buffer) => {
                // An ICMP error for an earlier packet to the client is none of its packets.
                let Ok((length, from)) = received else { continue };
                // The first packet says which port is the client's.
                if from.ip() != peer.ip() || *client.get_or_insert(from) != from {
                    dropped("stranger");
                    continue;
                }
                let Ok((target, payload)) = socks::unwrap(&buffer[..length]) else {
                    dropped("malformed");
                    continue;
                };
                targets.retain(|_, tunnel| !tunnel.is_closed());
                if !targets.contains_key(&target) && targets.len() >= MOST_TARGETS {
                    dropped("targets");
                    continue;
                }
                let tunnel = targets.entry(target).or_insert_with_key(|target| {
                    let (sender, packets) = mpsc::channel(QUEUE);
                    tunnels.spawn(carry(pool.clone(), target.clone(), packets, to_client.clone()));
                    sender
                });
                if tunnel.try_send(Bytes::copy_from_slice(payload)).is_err() {
                    dropped("queue");
                }
            }
            Some((target, payload)) = from_targets.recv() => {
                if let Some(client) = client {
                    // A client that does not read loses packets.
                    let _ = socket.send_to(&socks::wrap(&target, &payload), client).await;
                }
            }
            Some(_) = tunnels.join_next() => {}
        }
    }
}

/// One target's packets.
async fn carry(
    pool: Arc<Pool>,
    target: Target,
    mut packets: mpsc::Receiver<Bytes>,
    to_client: mpsc::Sender<(Target, Bytes)>,
) {
    let UdpTunnel { mut flow, mut sending, mut receiving, _share } = match pool.udp(&target).await {
        Ok(tunnel) => tunnel,
        Err(error) => {
            metrics::counter!("mimiq_agent_proxy_failures_total", "reason" => error.name()).increment(1);
            tracing::debug!(%error, "no UDP tunnel");
            return;
        }
    };
    let mut capsules = Capsules::default();
    loop {
        tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => if let Err(error) = flow.outgoing.send(packet) {
                    dropped(error.name());
                },
                None => break,
            },
            payload = flow.incoming.recv() => match payload {
                Some(payload) => if to_client.send((target.clone(), payload)).await.is_err() {
                    break;
                },
                None => break,
            },
            piece = receiving.receive() => match piece {
                Ok(Some(piece)) => {
                    let Ok(payloads) = capsules.push(piece) else { break };
                    for payload in payloads {
                        let _ = to_client.send((target.clone(), payload)).await;
                    }
                }
                // The exit ends a tunnel that was idle.
                Ok(None) | Err(_) => break,
            },
        }
    }
    if sending.finish().await.is_err() {
        sending.reset(Code::H3_REQUEST_CANCELLED);
    }
}

fn dropped(reason: &'static str) {
    metrics::counter!("mimiq_agent_proxy_packets_dropped_total", "reason" => reason).increment(1);
}
