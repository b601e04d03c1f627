//! A client, or a host without a certificate, that floods the server or says that it is somebody else.

use mimiq_api::allocation::{RefusalReason, server_reply::Reply};
use mimiq_contract::{EntryKey, MacAddr, PortId, tables::*};

use crate::common::{Network, Options, relay::mac_at};

/// Of another client at the same port.
const SECOND: MacAddr = MacAddr([2, 0, 0, 0, 0x78, 1]);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_refused_and_others_are_not() {
    let network = Network::start(Options { requests: [5, 2000], ..Options::default() }).await;
    let controller = network.controller().await;
    let flooding = network.client("mallory", 1, 1).await;
    let other = network.client_as("alice", 1, 1, SECOND).await;
    let mut refused = Vec::new();
    for _ in 0..20 {
        refused.extend(flooding.try_acquire(1).await.err());
    }
    assert!(refused.len() >= 10, "{} of 20 refused", refused.len());
    for refused in &refused {
        assert_eq!(refused.reason(), RefusalReason::RateLimited, "{}", refused.message);
        assert!(refused.retry_after_ms > 0 && refused.message.contains("this client"), "{}", refused.message);
    }
    assert_eq!(other.acquire(3).await.len(), 3);
    assert!(controller.allocator().with(|core, _| core.stats().rate_limited) >= 10);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_floods_is_limited_and_other_ports_are_served() {
    let network = Network::start(Options { requests: [1000, 10], ..Options::default() }).await;
    let controller = network.controller().await;
    // Many clients behind one port, each far below its own limit.
    let first = network.client("mallory", 1, 1).await;
    let second = network.client_as("oscar", 1, 1, SECOND).await;
    let mut limited = 0;
    for _ in 0..10 {
        for client in [&first, &second] {
            if let Err(refused) = client.try_acquire(1).await {
                assert_eq!(refused.reason(), RefusalReason::RateLimited, "{}", refused.message);
                assert!(refused.message.contains("this port"), "{}", refused.message);
                limited += 1;
            }
        }
    }
    assert!(limited >= 5, "{limited} of 20 refused");
    assert_eq!(network.client("alice", 1, 2).await.acquire(3).await.len(), 3);
    controller.stop().await;
}

/// The location is the port that the switch says, not what the host says.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_mac_address_gives_nothing_and_takes_nothing() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let alice = network.client("alice", 1, 1).await;
    let hers = alice.acquire(2).await;
    let mallory = network.client_as("mallory", 1, 2, mac_at(1)).await;
    assert!(matches!(mallory.renew(&hers).await, Reply::Refused(r) if r.reason() == RefusalReason::NotHeld));
    assert!(matches!(mallory.release(&hers).await, Reply::Released(r) if r.count == 0));
    let own = mallory.acquire(1).await[0];
    let entries = network.access[0].entries().await;
    let guard =
        |port, src_addr| EntryKey::SourceGuardV6(SourceGuardV6Key { port: PortId(port), src_mac: mac_at(1), src_addr });
    for address in &hers {
        assert!(entries.contains_key(&guard(1, *address)) && !entries.contains_key(&guard(2, *address)));
        assert!(entries.contains_key(&EntryKey::ClientV6(ClientV6Key { dst_addr: *address })));
    }
    assert!(entries.contains_key(&guard(2, own)) && !entries.contains_key(&guard(1, own)));
    assert!(matches!(alice.renew(&hers).await, Reply::AddressSet(_)));
    controller.stop().await;
}
