//! Switches that restart or stay away, controllers that restart, clients that misbehave.

use std::{collections::HashSet, net::Ipv6Addr, time::Duration};

use mimiq_api::allocation::{MAX_MESSAGE, RefusalReason, server_reply::Reply};
use mimiq_contract::{Entry, EntryKey, PortId, Role, tables::*};
use mimiq_controller::{Controller, network::static_entries, pki};
use p4runtime::v1::update::Type;
use tokio::time::timeout;

use crate::common::{Network, Options, client::Client, eventually, relay::mac_at};

fn rules(port: u16, address: Ipv6Addr) -> [EntryKey; 2] {
    let guard = SourceGuardV6Key { port: PortId(port), src_mac: mac_at(port), src_addr: address };
    [EntryKey::SourceGuardV6(guard), EntryKey::ClientV6(ClientV6Key { dst_addr: address })]
}

fn alias_of(address: Ipv6Addr) -> EntryKey {
    EntryKey::Alias(AliasKey { alias_prefix: Ipv6Addr::from_bits(address.to_bits() >> 64 << 64) })
}

fn aliases<'a>(entries: impl IntoIterator<Item = &'a EntryKey>) -> HashSet<EntryKey> {
    entries.into_iter().filter(|key| matches!(key, EntryKey::Alias(_))).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_restarts_is_refilled() {
    let mut network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let address = client.acquire(1).await[0];
    let before = [network.access[0].entries().await, network.edges[0].entries().await];
    for (switch, entries) in network.config.switches.iter().step_by(2).zip(&before) {
        for entry in static_entries(&network.config, switch) {
            assert_eq!(entries.get(&entry.key()), Some(&entry), "{}", switch.name);
        }
    }
    assert!(rules(1, address).iter().all(|key| before[0].contains_key(key)));
    network.access[0].kill();
    network.edges[0].kill();
    network.access[0].revive().await;
    network.edges[0].revive().await;
    for (switch, before) in [&network.access[0], &network.edges[0]].into_iter().zip(before) {
        eventually("refilled", || switch.try_entries(), |now| now.as_ref() == Some(&before)).await;
    }
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_changed_is_mended_when_the_switch_is_read_again() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let switch = &network.access[0];
    let before = switch.entries().await;
    let route = before.values().find(|entry| matches!(entry, Entry::RouteV6(..))).unwrap().key();
    let action = PortRoleAction::SetRole { role: Role::Upstream };
    let foreign = Entry::PortRole(PortRoleKey { port: PortId(99) }, action);
    switch.meddle(vec![(Type::Insert, foreign.to_p4()), (Type::Delete, route.to_p4())]).await;
    let meddled = switch.entries().await;
    assert!(meddled.contains_key(&foreign.key()) && !meddled.contains_key(&route));
    switch.server().close_streams();
    eventually("mended", || switch.entries(), |now| *now == before).await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_is_away_refuses_only_its_own_clients() {
    let mut network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let (near, far) = (network.client("alice", 1, 1).await, network.client("bob", 2, 1).await);
    network.access[1].kill();
    let refusal = async || far.try_acquire(1).await.unwrap_err();
    let refused = refusal().await;
    assert_eq!(refused.reason(), RefusalReason::SwitchUnavailable, "{}", refused.message);
    assert!(refused.message.contains("access2") && refused.retry_after_ms > 0, "{}", refused.message);
    assert_eq!(near.acquire(2).await.len(), 2);
    network.access[1].revive().await;
    eventually("served again", || far.try_acquire(1), Result::is_ok).await.unwrap();
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_dies_while_it_writes_refuses_and_keeps_nothing() {
    let mut network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let before = network.access[0].entries().await;
    let held = network.access[0].hold().await;
    let mut asking = Box::pin(client.try_acquire(2));
    assert!(timeout(Duration::from_millis(300), &mut asking).await.is_err(), "a reply before the rules");
    network.access[0].kill();
    drop(held);
    assert_eq!(asking.await.unwrap_err().reason(), RefusalReason::SwitchUnavailable);
    network.access[0].revive().await;
    eventually("refilled", || network.access[0].try_entries(), |now| now.as_ref() == Some(&before)).await;
    assert_eq!(client.acquire(2).await.len(), 2);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_does_not_fit_the_switch_is_taken_back_entirely() {
    let network = Network::start(Options { guards: Some(4), ..Options::default() }).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let kept = client.acquire(3).await;
    let refused = client.try_acquire(3).await.unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::SwitchUnavailable, "{}", refused.message);
    let expected: HashSet<EntryKey> = kept.iter().flat_map(|address| rules(1, *address)).collect();
    let of_leases = |key: &&EntryKey| matches!(key, EntryKey::SourceGuardV6(_) | EntryKey::ClientV6(_));
    eventually(
        "only the first set's rules",
        || network.access[0].entries(),
        |now| now.keys().filter(of_leases).copied().collect::<HashSet<_>>() == expected,
    )
    .await;
    assert_eq!(client.acquire(1).await.len(), 1);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_have_new_aliases_before_their_use() {
    let mut network =
        Network::start(Options { t_sid: "400ms", t_ip: "500ms", t_remove: "200ms", ..Options::default() }).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let mut seen = HashSet::new();
    let first = aliases(network.edges[0].entries().await.keys());
    while seen.len() < 3 {
        // Quota and switches permitting, as fast as they come.
        let Ok(set) = client.try_acquire(1).await else { continue };
        let address = crate::common::client::addresses(&set.addresses)[0];
        for edge in &network.edges {
            assert!(edge.entries().await.contains_key(&alias_of(address)), "an alias before the edges have it");
        }
        let epoch: Vec<EntryKey> = aliases(network.edges[0].entries().await.keys()).into_iter().collect();
        if !epoch.is_empty() {
            seen.insert(alias_of(address));
        }
    }
    eventually("old aliases deleted", || network.edges[0].entries(), |now| first.is_disjoint(&aliases(now.keys())))
        .await;

    // Without an edge no new epoch is used, and the old one goes on.
    network.edges[1].kill();
    let known = aliases(network.edges[0].entries().await.keys());
    let grown =
        eventually("an epoch begun", || network.edges[0].entries(), |now| !aliases(now.keys()).is_subset(&known)).await;
    let pending: HashSet<EntryKey> = aliases(grown.keys()).difference(&known).copied().collect();
    for _ in 0..5 {
        let address = client.acquire(1).await[0];
        assert!(!pending.contains(&alias_of(address)), "an alias that one edge lacks is used");
    }
    network.edges[1].revive().await;
    eventually(
        "the epoch in use",
        || client.try_acquire(1),
        |set| {
            set.as_ref()
                .is_ok_and(|set| !known.contains(&alias_of(crate::common::client::addresses(&set.addresses)[0])))
        },
    )
    .await
    .unwrap();
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_controller_keeps_leases_and_reuses_nothing() {
    let network = Network::start(Options { t_ip: "2s", ..Options::default() }).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let old = client.acquire(8).await;
    let old_aliases = aliases(network.edges[0].entries().await.keys());
    controller.stop().await;
    let controller = network.controller().await;
    let entries = network.access[0].entries().await;
    assert!(
        old.iter().flat_map(|a| rules(1, *a)).all(|key| entries.contains_key(&key)),
        "a running lease lost its rules"
    );
    assert!(old_aliases.is_subset(&aliases(network.edges[0].entries().await.keys())), "a running lease lost its alias");
    let client = network.client("alice", 1, 1).await;
    let new = client.acquire(8).await;
    assert!(new.iter().all(|a| !old.contains(a)), "an address is reused");
    eventually(
        "old leases end",
        || network.access[0].entries(),
        |now| !old.iter().flat_map(|a| rules(1, *a)).any(|key| now.contains_key(&key)),
    )
    .await;
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_another_authority_are_refused() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let other = network.dir.path().join("other");
    pki::init(&other).unwrap();
    pki::enrol(&other, pki::Kind::Client, "mallory").unwrap();
    let at = network.relays[0].attach(1).await;
    let ca = network.pki().join("ca.pem");
    // TLS 1.3: a client may be told only after its handshake is done.
    let served = timeout(crate::common::PATIENCE, async {
        match Client::connect_with(&ca, &other, "mallory", at).await {
            Ok(client) => client.connection.closed().await,
            Err(error) => error,
        }
    });
    let error = served.await.expect("neither refused nor closed").to_string();
    assert!(error.contains("certificate") || error.contains("cert"), "{error}");
    assert!(network.client("alice", 1, 2).await.try_acquire(1).await.is_ok());
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_with_its_name() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    for bytes in [&b""[..], b"\x01", &[0xff; 200]] {
        network.relays[0].inject(bytes).await;
    }
    let client = network.client("alice", 1, 1).await;
    let cases: [(&[u8], &str); 4] = [
        (&[0xff; 30], "message of 30 bytes"),
        (&[0; MAX_MESSAGE + 1], "message: more than 65536 bytes"),
        (b"", "request: none"),
        (b"\x0a\x05\x08\x01\x10\xb9\x17", "ipv4: 3001, a set has at most 3000"),
    ];
    for (bytes, message) in cases {
        let reply = timeout(crate::common::PATIENCE, client.send(bytes)).await.unwrap().unwrap();
        let Reply::Refused(refused) = reply else { panic!("{reply:?}") };
        assert_eq!(refused.reason(), RefusalReason::Invalid);
        assert!(refused.message.starts_with(message), "{}", refused.message);
    }
    assert_eq!(client.acquire(1).await.len(), 1);
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_controller_does_not_take_the_state_file() {
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let error = Controller::start(&network.config).err().expect("two controllers on one state file").to_string();
    assert!(error.contains("state_file"), "{error}");
    controller.stop().await;
}
