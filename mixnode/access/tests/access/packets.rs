//! Packets come as datagrams of one size, and no faster than they may.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use mimiq_access::ClientError;

use crate::setup::{Metrics, Provider, config, eventually, shape, soon};

const DROPPED: &str = "mimiq_provider_packets_dropped_total";

fn packet(number: u8) -> Vec<u8> {
    vec![number; shape().packet_len()]
}

#[tokio::test]
async fn a_packet_fits_the_first_datagram() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    // Nothing was probed yet.
    assert_eq!(shape().packet_len(), 1136);
    assert!(client.connection().max_datagram_size().unwrap() > 1136);
    client.send_packet(packet(1).into()).unwrap();
    assert_eq!(soon(provider.packets.recv()).await.unwrap(), packet(1));
    for length in [0, 1135, 1137] {
        let error = client.send_packet(packet(1)[..length.min(1136)].repeat(1 + length / 1137).into()).unwrap_err();
        assert!(matches!(error, ClientError::Length { wanted: 1136, .. }), "{error}");
    }
    assert_eq!(client.dropped(), 0);
    provider.stop().await;
}

#[tokio::test]
async fn the_oldest_packets_give_way_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    // The connection's own task does not run meanwhile.
    (0..200).for_each(|number| client.send_packet(packet(number).into()).unwrap());
    let dropped = client.dropped();
    assert!((100..200).contains(&dropped), "{dropped}");
    provider.stop().await;
}

#[tokio::test]
async fn every_packet_is_handed_on_or_counted() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.limits.packet_burst = 4;
    let mut provider = Provider::start(&config, dir.path());
    let client = provider.client(1).await;
    let dropped = |reason: &str| metrics.get(&format!("{DROPPED}{{reason=\"{reason}\"}}"));
    for length in [0, 1, 1135, 1137] {
        client.connection().send_datagram(Bytes::from(vec![0; length])).unwrap();
    }
    eventually("malformed", || dropped("malformed") == 4).await;
    provider.overloaded.store(true, Ordering::Relaxed);
    client.send_packet(packet(1).into()).unwrap();
    eventually("overloaded", || dropped("overloaded") == 1).await;
    provider.overloaded.store(false, Ordering::Relaxed);
    for number in 2..=8 {
        client.send_packet(packet(number).into()).unwrap();
    }
    eventually("rate limited", || dropped("rate_limited") == 4).await;
    for number in 2..=4 {
        assert_eq!(soon(provider.packets.recv()).await.unwrap(), packet(number));
    }
    assert_eq!(metrics.get("mimiq_provider_packets_total"), 3);
    // Others are not affected.
    let other = provider.client(2).await;
    other.send_packet(packet(9).into()).unwrap();
    assert_eq!(soon(provider.packets.recv()).await.unwrap(), packet(9));
    provider.stop().await;
}
