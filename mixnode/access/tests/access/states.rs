//! The network's state comes on the same connection.

use mimiq_access::Published;

use crate::setup::{Metrics, Provider, config, soon};

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
    provider.state.send_replace(Published { serial: 7, envelope: envelope.clone().into() });
    assert!(soon(client.state(6)).await.unwrap() == Some(envelope.clone()));
    assert_eq!(soon(client.state(7)).await.unwrap(), None);
    assert!(soon(client.state(0)).await.unwrap() == Some(envelope));
    // It has had four.
    assert_eq!(soon(client.state(0)).await.unwrap(), None);
    let sent = |what: &str| metrics.get(&format!("mimiq_provider_states_total{{sent=\"{what}\"}}"));
    assert_eq!((sent("state"), sent("not_newer"), sent("rate_limited")), (2, 2, 1));
    assert_eq!(soon(client.pull(0)).await.unwrap(), []);
    provider.stop().await;
}
