use std::fs;

use mimiq_controller::pki;

use crate::{
    Managed,
    common::{self, Options, eventually},
};

#[tokio::test]
async fn reloading_lets_switches_come_and_go() {
    let mut managed = Managed::start(Options::default()).await;
    let client = managed.network.client("alice", 2, 1).await;
    client.acquire(1).await;
    assert_eq!(managed.ctl("config reload").await, "nothing was changed\n");
    // The second edge switch goes, and limits change.
    managed.network.edit("addresses_per_client: 64", "addresses_per_client: 1");
    let without = managed.network.remove_last_switch();
    let changes = managed.ctl("config reload").await;
    assert_eq!(changes, "limits.addresses_per_client: 64 is 1 now\nswitches: edge1 removed\n");
    assert!(client.try_acquire(1).await.is_err());
    assert_eq!(managed.json("switches list").await["switches"].as_array().unwrap().len(), 3);
    managed.network.append(&without);
    managed.network.edit("addresses_per_client: 1,", "addresses_per_client: 5,");
    managed.ctl("config reload").await;
    let state = async || managed.json("switches list").await["switches"][3]["state"].clone();
    eventually("the edge switch is back", state, |state| state == "SWITCH_STATE_SYNCED").await;
    client.acquire(1).await;
    // What needs a restart is refused, and nothing is applied.
    managed.network.edit("t_remove: 1s", "t_remove: 2s");
    managed.network.edit("addresses_per_client: 5", "addresses_per_client: 1");
    let refused = managed.refusal("operator", "config reload").await;
    assert!(refused.contains("cannot be changed while the controller runs: timing.t_remove"), "{refused}");
    client.acquire(1).await;
    managed.network.edit("t_remove: 2s", "t_remove: 2 s");
    let refused = managed.refusal("operator", "config reload").await;
    assert!(refused.contains("timing.t_remove: \"2 s\" is no duration"), "{refused}");
    managed.controller.stop().await;
}

#[tokio::test]
async fn the_revoked_are_closed_and_kept_out() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let bob = managed.network.client("bob", 1, 2).await;
    pki::enrol(&managed.network.pki(), pki::Kind::Operator, "olga").unwrap();
    assert!(managed.run_as("olga", "status").await.status.success());
    let keep =
        ["alice.pem", "alice.key", "olga.pem", "olga.key"].map(|name| (name, fs::read(managed.file(name)).unwrap()));
    for name in ["alice", "olga"] {
        pki::revoke(&managed.network.pki(), name).unwrap();
    }
    for (name, bytes) in keep {
        fs::write(managed.file(name), bytes).unwrap();
    }
    let changes = managed.ctl("config reload").await;
    assert_eq!(changes, "pki.crl: 2 certificates are revoked, 1 connections closed\n");
    let closed = alice.connection.closed().await;
    assert!(closed.to_string().contains("the certificate is revoked"), "{closed}");
    let at = managed.network.relays[0].attach(1).await;
    let again = match common::client::Client::connect(&managed.network.pki(), "alice", at).await {
        // TLS 1.3: the client hears of the refusal after its own part of the handshake.
        Ok(client) => client.connection.closed().await,
        Err(error) => error,
    };
    assert!(again.to_string().contains("Revoked"), "{again}");
    bob.acquire(1).await;
    let refused = managed.refusal("olga", "status").await;
    assert!(refused.contains("CertificateRevoked"), "{refused}");
    // Clients are no operators.
    let refused = managed.refusal("bob", "status").await;
    assert!(refused.contains("AccessDenied"), "{refused}");
    managed.controller.stop().await;
}
