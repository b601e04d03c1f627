//! Whatever a client sends, it is counted, and the provider goes on.

use mimiq_access::{Pull, Refusal, codes};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use quinn::{Connection, ConnectionError};

use crate::setup::{Metrics, Provider, config, soon};

const HELLO: usize = 34;

fn hello() -> Vec<u8> {
    [&[1, 2][..], &[0; 32]].concat()
}

/// Sends bytes on a new stream, ends it, and reads what comes.
async fn send(connection: &Connection, bytes: &[u8]) {
    let Ok((mut send, mut receive)) = connection.open_bi().await else { return };
    // It may be closed already.
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let _ = soon(receive.read_to_end(1 << 20)).await;
}

async fn closed_with(connection: &Connection) -> u32 {
    match soon(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner() as u32,
        error => panic!("{error}"),
    }
}

fn malformed(metrics: &Metrics, place: &str) -> u64 {
    metrics.get(&format!("mimiq_provider_malformed_total{{where=\"{place}\"}}"))
}

#[tokio::test]
async fn every_truncation_ends_the_connection_and_is_counted() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    for length in 0..HELLO {
        let connection = provider.connect(1).await;
        send(&connection, &hello()[..length]).await;
        assert_eq!(closed_with(&connection).await, codes::MALFORMED);
        assert_eq!(malformed(&metrics, "hello"), length as u64 + 1);
    }
    for length in 1..16 {
        let connection = provider.connect(1).await;
        send(&connection, &[hello(), vec![0; 16], vec![0; length]].concat()).await;
        assert_eq!(closed_with(&connection).await, codes::MALFORMED);
        assert_eq!(malformed(&metrics, "pull"), length as u64);
    }
    for length in 0..9 {
        let client = provider.client(1).await;
        send(client.connection(), &[2; 9][..length]).await;
        assert_eq!(closed_with(client.connection()).await, codes::MALFORMED);
        assert_eq!(malformed(&metrics, "state"), length as u64 + 1);
    }
    // A second stream for pulls, and an unknown kind.
    for kind in [1, 0, 3, 255] {
        let client = provider.client(1).await;
        send(client.connection(), &[kind; HELLO]).await;
        assert_eq!(closed_with(client.connection()).await, codes::MALFORMED);
    }
    assert_eq!(malformed(&metrics, "stream"), 4);
    // The first stream is that for pulls.
    let connection = provider.connect(1).await;
    send(&connection, &[2; HELLO]).await;
    assert_eq!(closed_with(&connection).await, codes::MALFORMED);
    assert_eq!(malformed(&metrics, "hello"), HELLO as u64 + 1);
    assert!(soon(provider.client(1).await.pull(Pull::after(0))).await.is_ok());
    provider.stop().await;
}

#[tokio::test]
async fn another_version_is_told_so() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let connection = provider.connect(1).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&[&[1, 1][..], &[0; 32]].concat()).await.unwrap();
    assert_eq!(soon(receive.read_to_end(10)).await.unwrap(), [Refusal::Version as u8]);
    assert_eq!(metrics.get("mimiq_provider_connections_refused_total{reason=\"version\"}"), 1);
    // Its place is for others, although it does not close.
    assert_eq!(closed_with(&connection).await, codes::REFUSED);
    assert!(!provider.store.is_registered(crate::setup::account(1)).unwrap());
    provider.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_are_put_up_with() {
    let dir = tempfile::tempdir().unwrap();
    let provider = std::sync::Arc::new(Provider::start(&config(), dir.path()));
    let (runtime, target) = (tokio::runtime::Handle::current(), provider.clone());
    tokio::task::spawn_blocking(move || {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
        TestRunner::new(ProptestConfig::with_cases(48)).run(&(any::<bool>(), bytes(), bytes(), bytes()), |input| {
            let (greets, first, second, datagram) = input;
            runtime.block_on(async {
                let connection = target.connect(1).await;
                let start = if greets { hello() } else { vec![] };
                let _ = connection.send_datagram(datagram.into());
                let pulls = async { send(&connection, &[start, first].concat()).await };
                let state = async { send(&connection, &second).await };
                tokio::join!(pulls, state);
                connection.close(0u8.into(), b"");
            });
            Ok(())
        })
    })
    .await
    .unwrap()
    .unwrap();
    // Its bursts may be used up, but not those of others.
    let client = provider.client(2).await;
    provider.deliver(2, 1..=1).await;
    assert_eq!(soon(client.pull(Pull::after(0))).await.unwrap().len(), 1);
    std::sync::Arc::into_inner(provider).unwrap().stop().await;
}
