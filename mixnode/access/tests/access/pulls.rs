//! Messages stay until their recipient says that it has them.

use mimiq_access::{ClientError, Pull};

use crate::setup::{Metrics, Provider, SLOTS, account, config, eventually, numbers, soon};

#[tokio::test]
async fn a_message_is_deleted_when_the_next_pull_acknowledges_it() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    assert_eq!(soon(client.pull(Pull::after(0))).await.unwrap(), []);
    provider.client(2).await;
    provider.deliver(2, 100..=101).await;
    provider.deliver(1, 1..=7).await;
    let first = soon(client.pull(Pull::after(0))).await.unwrap();
    assert_eq!(numbers(&first), [1, 2, 3, 4, 5]);
    assert_eq!(first.len(), SLOTS as usize);
    assert_eq!(provider.inbox(1), [1, 2, 3, 4, 5, 6, 7]);
    // A part of it.
    let second = soon(client.pull(Pull::after(first[2].seq))).await.unwrap();
    assert_eq!(numbers(&second), [4, 5, 6, 7]);
    eventually("deleted", || provider.inbox(1) == [4, 5, 6, 7]).await;
    assert_eq!(soon(client.pull(Pull::after(second[3].seq))).await.unwrap(), []);
    eventually("deleted", || provider.inbox(1).is_empty()).await;
    assert_eq!(provider.inbox(2), [100, 101]);
    // What was never there cannot be acknowledged.
    provider.deliver(1, 8..=8).await;
    assert_eq!(numbers(&soon(client.pull(Pull::after(u64::MAX))).await.unwrap()), [8]);
    // What was acknowledged is deleted before the next message is stored.
    provider.deliver(1, 9..=9).await;
    assert_eq!(provider.inbox(1), [8, 9]);
    provider.stop().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    provider.deliver(1, 1..=2).await;
    assert_eq!(numbers(&soon(client.pull(Pull::after(0))).await.unwrap()), [1, 2]);
    client.connection().close(0u8.into(), b"");
    let client = provider.client(1).await;
    let again = soon(client.pull(Pull::after(0))).await.unwrap();
    assert_eq!(numbers(&again), [1, 2]);
    assert_eq!(soon(client.pull(Pull::after(again[1].seq))).await.unwrap(), []);
    provider.stop().await;
}

#[tokio::test]
async fn a_pull_that_was_given_up_spoils_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    // Polled once: the request is sent, and the answer cannot be there yet.
    let mut pull = Box::pin(client.pull(Pull::after(0)));
    assert!(poll_once(&mut pull).await.is_none());
    drop(pull);
    assert!(matches!(soon(client.pull(Pull::after(0))).await, Err(ClientError::Broken)));
    provider.stop().await;
}

/// Polls once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn who_pulls_too_fast_gets_dummies_and_loses_nothing() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.limits.pull_burst = 3;
    let provider = Provider::start(&config, dir.path());
    let client = provider.client(1).await;
    provider.deliver(1, 1..=2).await;
    for _ in 0..2 {
        assert_eq!(numbers(&soon(client.pull(Pull::after(0))).await.unwrap()), [1, 2]);
    }
    // A new connection does not bring a new burst, and a pull that is refused acknowledges nothing.
    let client = provider.client(1).await;
    let messages = soon(client.pull(Pull::after(0))).await.unwrap();
    for _ in 0..2 {
        assert_eq!(soon(client.pull(Pull::after(messages[1].seq))).await.unwrap(), []);
    }
    assert_eq!(metrics.get("mimiq_provider_pulls_refused_total{reason=\"rate_limited\"}"), 2);
    assert_eq!(metrics.get("mimiq_provider_pulls_total"), 3);
    provider.deliver(1, 3..=3).await;
    assert_eq!(provider.inbox(1), [1, 2, 3]);
    assert!(provider.store.is_registered(account(1)).unwrap());
    provider.stop().await;
}
