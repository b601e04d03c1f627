//! Clients hop from address to address, and come back.

use std::net::{Ipv4Addr, UdpSocket};

use mimiq_access::{Client, Pull, codes};
use quinn::ConnectionError;

use crate::setup::{Metrics, Provider, config, connect, endpoint, eventually, numbers, shape, soon};

#[tokio::test]
async fn everything_goes_on_from_another_address() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start(&config(), dir.path());
    let (endpoint, connection) = connect(provider.address, 1).await;
    let client = soon(Client::hello(connection, shape(), None)).await.unwrap();
    for number in 1..=3 {
        provider.deliver(1, number..=number).await;
        let before = endpoint.local_addr().unwrap();
        endpoint.rebind(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).unwrap();
        assert_ne!(endpoint.local_addr().unwrap(), before);
        client.send_packet(vec![number; 1136].into()).unwrap();
        assert_eq!(soon(provider.packets.recv()).await.unwrap(), [number; 1136]);
        let messages = soon(client.pull(Pull::after(u64::from(number) - 1))).await.unwrap();
        assert_eq!(numbers(&messages), [number]);
        assert_eq!(soon(client.state(0)).await.unwrap(), None);
    }
    provider.stop().await;
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let older = provider.client(1).await;
    let other = provider.client(2).await;
    let newer = provider.client(1).await;
    let ConnectionError::ApplicationClosed(close) = soon(older.connection().closed()).await else { panic!() };
    assert_eq!(close.error_code, codes::REPLACED.into());
    assert!(soon(older.pull(Pull::after(0))).await.is_err());
    assert!(soon(newer.pull(Pull::after(0))).await.is_ok());
    assert!(soon(other.pull(Pull::after(0))).await.is_ok());
    assert_eq!(metrics.get("mimiq_provider_connections_replaced_total"), 1);
    assert_eq!(metrics.get("mimiq_provider_clients"), 2);
    newer.connection().close(0u8.into(), b"");
    eventually("it is gone", || metrics.get("mimiq_provider_clients") == 1).await;
    // Nobody is replaced any more.
    provider.client(1).await;
    assert_eq!(metrics.get("mimiq_provider_connections_replaced_total"), 1);
    provider.stop().await;
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.limits.connections = 2;
    let provider = Provider::start(&config, dir.path());
    let (first, _second) = (provider.client(1).await, provider.client(2).await);
    let endpoint = endpoint(3);
    let third = || endpoint.connect(provider.address, "provider").unwrap();
    assert!(matches!(soon(third()).await, Err(ConnectionError::ConnectionClosed(_))));
    assert_eq!(metrics.get("mimiq_provider_connections_refused_total{reason=\"full\"}"), 1);
    first.connection().close(0u8.into(), b"");
    eventually("there is a place", || metrics.get("mimiq_provider_clients") == 1).await;
    assert!(soon(third()).await.is_ok());
    provider.stop().await;
}
