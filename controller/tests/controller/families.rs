//! Pools of both families, restarts as clients see them, and what happens when a pool is full.

use std::net::Ipv4Addr;

use mimiq_api::allocation::{AddressSet, RefusalReason, server_reply::Reply};
use mimiq_contract::{Entry, EntryKey, PortId, tables::*};

use crate::common::{Network, Options, client::addresses, eventually, relay::mac_at};

/// The IPv4 addresses of a set, which come behind the others.
fn ipv4(set: &AddressSet) -> Vec<Ipv4Addr> {
    set.addresses.iter().filter_map(|bytes| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.as_slice()).ok()?))).collect()
}

fn binding(dst_addr: Ipv4Addr) -> EntryKey {
    EntryKey::BindingV4(BindingV4Key { dst_addr })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_of_both_families_has_its_rules_everywhere_before_the_reply() {
    let network = Network::start(Options { t_remove: "300ms", ..Options::default() }).await;
    let mut controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let set = client.try_acquire_both(2, 3).await.unwrap();
    let (access, edges) =
        (network.access[0].entries().await, [network.edges[0].entries().await, network.edges[1].entries().await]);
    let legacy = ipv4(&set);
    assert_eq!((set.addresses.len(), legacy.len()), (5, 3));
    let tunnel = network.config.switches[0].tunnel_addr;
    for dst_addr in &legacy {
        assert_eq!(dst_addr.octets()[..1], [198]);
        let key = SourceGuardV4Key { port: PortId(1), src_mac: mac_at(1), src_addr: *dst_addr };
        assert!(access.contains_key(&EntryKey::SourceGuardV4(key)));
        let deliver = ClientV4Action::Deliver { port: PortId(1), mac: mac_at(1) };
        let delivery = Entry::ClientV4(ClientV4Key { dst_addr: *dst_addr }, deliver);
        assert_eq!(access.get(&delivery.key()), Some(&delivery));
        for edge in &edges {
            let action = BindingV4Action::Tunnel { switch_addr: tunnel };
            assert_eq!(
                edge.get(&binding(*dst_addr)),
                Some(&Entry::BindingV4(BindingV4Key { dst_addr: *dst_addr }, action))
            );
        }
    }
    assert!(matches!(client.release_bytes(set.addresses.clone()).await, Reply::Released(r) if r.count == 5));
    for switch in network.edges.iter().chain([&network.access[0]]) {
        let gone = |now: &std::collections::HashMap<EntryKey, Entry>| {
            !now.keys().any(|key| mimiq_core::rules::address_of(key).is_some())
        };
        eventually("no rule is left", || switch.entries(), gone).await;
    }
    controller.ready().await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_refuses_with_a_time_and_serves_first_who_has_nothing() {
    let options = Options { legacy: "198.51.100.0/29", t_remove: "200ms", cool_down: "200ms", ..Options::default() };
    let network = Network::start(options).await;
    let controller = network.controller().await;
    let [alice, bob, carol] =
        [network.client("alice", 1, 1).await, network.client("bob", 1, 2).await, network.client("carol", 2, 1).await];
    let many = alice.try_acquire_both(0, 4).await.unwrap();
    bob.try_acquire_both(0, 2).await.unwrap();
    let refused = carol.try_acquire_both(0, 1).await.unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::Exhausted, "{}", refused.message);
    assert!(refused.retry_after_ms > 0 && refused.message.contains("0 addresses are free"), "{}", refused.message);
    alice.release_bytes(many.addresses[..1].to_vec()).await;
    // One becomes free: not for those that hold others.
    let fair = |refused: &Result<AddressSet, mimiq_api::allocation::Refused>| {
        refused.as_ref().is_err_and(|refused| refused.message.contains("clients that have none wait"))
    };
    let refused = eventually("one is free", || bob.try_acquire_both(0, 1), fair).await.unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::Exhausted);
    assert_eq!(carol.try_acquire_both(0, 1).await.unwrap().addresses.len(), 1);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_switch_that_is_away_holds_up_only_what_needs_it() {
    let mut network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    network.edges[1].kill();
    let refused = eventually("noticed", || client.try_acquire_both(0, 1), Result::is_err).await.unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::SwitchUnavailable);
    assert!(refused.message.contains("edge1"), "{}", refused.message);
    assert_eq!(client.acquire(2).await.len(), 2);
    // The operator says that nobody is to wait for it.
    controller.allocator().with(|core, now| core.drain_switch(now, "edge1", true)).unwrap();
    assert_eq!(client.try_acquire_both(1, 1).await.unwrap().addresses.len(), 2);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_where_it_is_after_a_restart_of_the_controller() {
    let mut network = Network::start(Options { cool_down: "100ms", ..Options::default() }).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let kept = client.acquire(3).await;
    controller.stop().await;
    // An edge switch away does not keep clients from being served: it has the aliases that are in use.
    network.edges[1].kill();
    let controller = mimiq_controller::Controller::start(&network.config).unwrap();
    let (client, stranger) = (network.client("alice", 1, 1).await, network.client("bob", 1, 2).await);
    let renewed =
        eventually("the leases are known", || client.renew(&kept), |reply| matches!(reply, Reply::AddressSet(_)));
    assert!(matches!(renewed.await, Reply::AddressSet(set) if addresses(&set.addresses) == kept));
    assert!(matches!(stranger.renew(&kept).await, Reply::Refused(r) if r.reason() == RefusalReason::NotHeld));
    let new = eventually("served", || client.try_acquire(2), Result::is_ok).await.unwrap();
    assert!(addresses(&new.addresses).iter().all(|address| !kept.contains(address)));
    controller.stop().await;
}
