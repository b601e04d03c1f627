//! Leases, from the request over QUIC through the relay to the entries in real switches.

use std::{collections::HashSet, net::Ipv6Addr, time::Duration};

use mimiq_api::allocation::{RefusalReason, Revoke, server_push::Push, server_reply::Reply};
use mimiq_contract::{EntryKey, PortId, tables::*};
use tokio::time::timeout;

use crate::common::{Network, Options, client::addresses, eventually, relay::mac_at, switch::Switch};

fn guard(port: u16, src_addr: Ipv6Addr) -> EntryKey {
    EntryKey::SourceGuardV6(SourceGuardV6Key { port: PortId(port), src_mac: mac_at(port), src_addr })
}

fn delivery(dst_addr: Ipv6Addr) -> EntryKey {
    EntryKey::ClientV6(ClientV6Key { dst_addr })
}

fn alias_of(address: Ipv6Addr) -> EntryKey {
    EntryKey::Alias(AliasKey { alias_prefix: Ipv6Addr::from_bits(address.to_bits() >> 64 << 64) })
}

async fn has(switch: &Switch, key: EntryKey) -> bool {
    switch.try_entries().await.is_some_and(|entries| entries.contains_key(&key))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_switch_has_the_rules_before_the_reply() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;

    // While the switch does not take the rules, there is no reply.
    let held = network.access[0].hold().await;
    let mut asking = Box::pin(client.try_acquire(3));
    assert!(timeout(Duration::from_millis(300), &mut asking).await.is_err(), "a reply before the rules");
    drop(held);
    let set = asking.await.unwrap();

    let entries = network.access[0].entries().await;
    let edges = [network.edges[0].entries().await, network.edges[1].entries().await];
    let got = addresses(&set.addresses);
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), 3);
    for address in &got {
        assert!(entries.contains_key(&guard(1, *address)) && entries.contains_key(&delivery(*address)));
        assert!(edges.iter().all(|edge| edge.contains_key(&alias_of(*address))));
    }
    assert!((1..=60_000).contains(&set.lifetime_ms), "{}", set.lifetime_ms);
    assert_eq!((set.grace_ms, set.mtu), (1000, 1500));
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_stops_sending_then_delivery_then_the_address_rests() {
    let network =
        Network::start(Options { t_ip: "1s", t_remove: "1s", cool_down: "100ms", ..Options::default() }).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let address = client.acquire(1).await[0];
    let look = || async {
        let entries = network.access[0].entries().await;
        (entries.contains_key(&guard(1, address)), entries.contains_key(&delivery(address)))
    };
    eventually("no sending, still delivery", look, |seen| *seen == (false, true)).await;
    eventually("no delivery", look, |seen| *seen == (false, false)).await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn release_renewal_and_quota() {
    let network = Network::start(Options { quota: 4, ..Options::default() }).await;
    let controller = network.controller().await;
    let (alice, bob) = (network.client("alice", 1, 1).await, network.client("bob", 1, 2).await);
    let got = alice.acquire(3).await;
    let refused = alice.try_acquire(2).await.unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::Quota);
    assert!(refused.message.contains("count = 2") && refused.message.contains("quota of 4"), "{}", refused.message);

    assert!(matches!(alice.renew(&got).await, Reply::AddressSet(set) if addresses(&set.addresses) == got));
    assert!(matches!(bob.renew(&got).await, Reply::Refused(r) if r.reason() == RefusalReason::NotHeld));
    assert!(matches!(bob.release(&got).await, Reply::Released(r) if r.count == 0));
    assert!(matches!(alice.release(&got[..2]).await, Reply::Released(r) if r.count == 2));
    eventually("released", || has(&network.access[0], guard(1, got[0])), |has| !has).await;
    assert!(has(&network.access[0], guard(1, got[2])).await);
    eventually("grace over", || has(&network.access[0], delivery(got[0])), |has| !has).await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_moved_loses_its_old_addresses() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let before = network.client("alice", 1, 1).await;
    let old = before.acquire(2).await;
    let after = network.client("alice", 2, 2).await;
    let new = after.acquire(1).await;
    let Push::Revoke(Revoke { addresses: revoked }) = after.pushed().await else { panic!("no revocation") };
    assert_eq!(addresses(&revoked).iter().collect::<HashSet<_>>(), old.iter().collect());
    assert!(has(&network.access[1], guard(2, new[0])).await);
    eventually("old guard gone", || has(&network.access[0], guard(1, old[0])), |has| !has).await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_controller_says_so_and_leaves_the_entries() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let address = client.acquire(1).await[0];
    let (push, ()) = tokio::join!(client.pushed(), controller.stop());
    assert!(matches!(push, Push::Drain(_)));
    assert!(has(&network.access[0], guard(1, address)).await);
}
