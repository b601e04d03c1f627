//! Packets through three mixes from provider to provider.

use std::collections::HashMap;
use std::net::UdpSocket;

use mimiq_directory::Epochs;
use mimiq_mixing::link::{Ends, Outgoing};

use crate::metrics::{dropped, reaches, value};
use crate::setup::{Network, next, now, rates};

const LONG: u64 = 3_600;

fn epochs() -> Epochs {
    Epochs { genesis: now() - LONG / 2, length: LONG }
}

/// Nothing that comes later helps it on: mixes send practically no loops here.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_packet_arrives() {
    let mut network = Network::start(epochs(), rates(100.0, 1e-6));
    let send = network.nodes[3].node.from_clients();
    network.until_linked(&send).await;
    for number in 1..=3u8 {
        let (packet, payload) = network.packet([number; 16], [number; 16]);
        assert!(send(&packet));
        // One of those that were sent until something arrived may come late.
        loop {
            let (_, id, content) = next(&mut network.nodes[4].delivered).await;
            if id == [number; 16] {
                assert_eq!(content, payload);
                break;
            }
        }
    }
    network.stop().await;
}

/// All in one: the metrics are the process's.
#[tokio::test(flavor = "multi_thread")]
async fn packets_arrive_once_and_whole_and_nothing_else_does() {
    let mut network = Network::start(epochs(), rates(100.0, 20.0));
    let send = network.nodes[3].node.from_clients();
    // Own loops come back only when all have their neighbours.
    reaches(|| value("mimiq_mix_loops_total{outcome=\"in_time\"}"), 20.0).await;

    let mut sent = HashMap::new();
    let mut one = Vec::new();
    for number in 0..100u8 {
        let (packet, payload) = network.packet([number; 16], [number; 16]);
        assert!(send(&packet));
        sent.insert([number; 16], payload);
        one = packet;
    }
    while !sent.is_empty() {
        let (recipient, id, payload) = next(&mut network.nodes[4].delivered).await;
        assert_eq!(recipient, id);
        assert_eq!(sent.remove(&id), Some(payload));
    }

    // The same packet again, also after the provider was started anew.
    assert!(send(&one));
    reaches(|| dropped("replayed"), 1.0).await;
    network.restart(3).await;
    let send = network.nodes[3].node.from_clients();
    assert!(send(&one));
    reaches(|| dropped("replayed"), 2.0).await;

    // What is no packet, or another epoch's.
    let mut bad = one.clone();
    bad[100] ^= 1;
    assert!(send(&bad));
    reaches(|| dropped("code"), 1.0).await;
    bad[1] ^= 0x55;
    assert!(send(&bad));
    reaches(|| dropped("epoch"), 1.0).await;
    assert!(send(&bad[1..]));
    reaches(|| dropped("length"), 1.0).await;

    // Who is no neighbour: a stranger, and a provider at a mix of the third layer.
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mix = &network.nodes[2].entry;
    stranger.send_to(&[1; 1190], mix.address).unwrap();
    reaches(|| dropped("link_epoch"), 1.0).await;
    let ends = Ends { sender: network.nodes[3].entry.id(), receiver: mix.id() };
    let rng = &mut rand::rng();
    let mut link = Outgoing::new(&[104; 32], &mix.link.0, ends, 0, rng).unwrap();
    let mut datagram = Vec::new();
    link.seal(&one, &mut datagram).unwrap();
    stranger.send_to(&datagram, mix.address).unwrap();
    reaches(|| dropped("link_sender"), 1.0).await;
    stranger.send_to(&vec![1; 3000], mix.address).unwrap();
    reaches(|| dropped("too_long"), 1.0).await;

    // It goes on as before.
    let (packet, payload) = network.packet([7; 16], [8; 16]);
    assert!(send(&packet));
    assert_eq!(next(&mut network.nodes[4].delivered).await, ([7; 16], [8; 16], payload));
    assert!(network.nodes[4].delivered.try_recv().is_err());
    network.stop().await;
}
