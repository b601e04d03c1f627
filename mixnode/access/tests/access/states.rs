//! The network's state comes on the same connection.

use mimiq_access::{Published, Pull};

use crate::setup::{Metrics, Provider, SLOTS, config, numbers, shape, shape_with, soon};

#[tokio::test]
async fn a_newer_state_is_sent_and_no_other() {
    let (metrics, recorder) = Metrics::new();
    let _guard = Metrics::record(&recorder);
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    // Larger than what may wait for a client at a time.
    let envelope: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(soon(client.state(0)).await.unwrap(), None);
    provider.state.send_replace(Published { serial: 7, shape: shape(), envelope: envelope.clone().into() });
    assert!(soon(client.state(6)).await.unwrap() == Some(envelope.clone()));
    assert_eq!(soon(client.state(7)).await.unwrap(), None);
    assert!(soon(client.state(0)).await.unwrap() == Some(envelope));
    // It has had four.
    assert_eq!(soon(client.state(0)).await.unwrap(), None);
    let sent = |what: &str| metrics.get(&format!("mimiq_provider_states_total{{sent=\"{what}\"}}"));
    assert_eq!((sent("state"), sent("not_newer"), sent("rate_limited")), (2, 2, 1));
    assert_eq!(soon(client.pull(Pull::after(0))).await.unwrap(), []);
    provider.stop().await;
}

/// The rates of a network change while it runs. Connections that are there go on as they began, and new ones have the new number of messages, although
/// the clients' state is still the old one.
#[tokio::test]
async fn other_rates_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.limits.pull_burst = 1;
    let provider = Provider::start(&config, dir.path());
    let before = provider.client(1).await;
    provider.client(2).await;
    provider.deliver(1, 1..=9).await;
    provider.deliver(2, 1..=9).await;
    assert_eq!(soon(before.pull(Pull::after(0))).await.unwrap().len(), SLOTS as usize);
    assert_eq!(soon(before.pull(Pull::after(0))).await.unwrap(), [], "too fast");
    let change = |messages| {
        let shape = shape_with(1e6, messages);
        provider.state.send_modify(|state| state.shape = shape);
    };
    for messages in [SLOTS - 2, SLOTS + 2] {
        change(messages);
        let client = provider.client(2).await;
        for _ in 0..3 {
            assert_eq!(soon(client.pull(Pull::after(0))).await.unwrap().len(), messages as usize);
        }
        assert_eq!(
            numbers(&soon(before.pull(Pull::after(0))).await.unwrap()),
            [1, 2, 3, 4, 5],
            "as often as the newest state says"
        );
    }
    provider.stop().await;
}
