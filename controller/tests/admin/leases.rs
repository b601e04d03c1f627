use mimiq_api::{admin::ListLeasesRequest, allocation::server_push::Push};
use serde_json::{Value, json};

use crate::{Managed, common::Options};

#[tokio::test]
async fn operators_see_clients_and_leases_and_end_them() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let bob = managed.network.client("bob", 2, 1).await;
    let (of_alice, of_bob) = (alice.acquire(3).await, bob.acquire(2).await);

    let clients = managed.json("clients list").await;
    let rows = clients["clients"].as_array().unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row["name"].clone(), row["location"]["switch"].clone())).collect();
    assert_eq!(shown, [(json!("alice"), json!("access1")), (json!("bob"), json!("access2"))]);
    let text = managed.ctl("clients show alice").await;
    assert!(of_alice.iter().all(|address| text.contains(&address.to_string())), "{text}");

    let listed = |list: Value| {
        let mut addresses: Vec<String> =
            list["leases"].as_array().unwrap().iter().map(|row| row["address"].as_str().unwrap().to_owned()).collect();
        addresses.sort();
        addresses
    };
    let sorted = |addresses: &[std::net::Ipv6Addr]| {
        let mut addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        addresses.sort();
        addresses
    };
    assert_eq!(listed(managed.json("leases list").await), sorted(&[of_alice.clone(), of_bob.clone()].concat()));
    for filter in
        ["--client alice", "--switch access1", "--client alice --pool home --state leased --prefix 2001:db8:100::/48"]
    {
        assert_eq!(listed(managed.json(&format!("leases list {filter}")).await), sorted(&of_alice), "{filter}");
    }
    for filter in ["--pool legacy", "--state grace", "--prefix 2001:db8:200::/48"] {
        assert_eq!(listed(managed.json(&format!("leases list {filter}")).await), [""; 0], "{filter}");
    }
    let one = format!("leases list --prefix {}", of_bob[0]);
    assert_eq!(listed(managed.json(&one).await), [of_bob[0].to_string()]);
    assert_eq!(listed(managed.json("leases list --limit 4").await).len(), 4);

    let revoked = managed.ctl(&format!("leases revoke {} 2001:db8:100::1", of_alice[0])).await;
    assert_eq!(revoked, "1 addresses revoked\n2001:db8:100::1: is not leased\n");
    let Push::Revoke(push) = alice.pushed().await else { panic!("another push") };
    assert_eq!(push.addresses, [of_alice[0].octets().to_vec()]);
    assert_eq!(managed.ctl("clients revoke bob --close").await, "2 addresses revoked, 1 connections closed\n");
    bob.connection.closed().await;
    let grace = managed.json("leases list --state grace").await;
    assert_eq!(listed(grace), sorted(&[vec![of_alice[0]], of_bob].concat()));
    managed.controller.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let managed = Managed::start(Options { quota: 64, ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    alice.acquire(50).await;
    let mut server = managed.connect().await;
    let mut request = ListLeasesRequest { page_size: 20, client: "alice".into(), ..Default::default() };
    let (mut sizes, mut addresses) = (Vec::new(), std::collections::BTreeSet::new());
    loop {
        let page = server.list_leases(request.clone()).await.unwrap().into_inner();
        sizes.push(page.leases.len());
        addresses.extend(page.leases.into_iter().map(|lease| lease.address));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        // Only good for this list.
        let other = ListLeasesRequest { client: String::new(), ..request.clone() };
        let refused = server.list_leases(other).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
    assert_eq!((sizes.iter().sum::<usize>(), addresses.len()), (50, 50));
    assert!(sizes.iter().all(|size| *size <= 20), "{sizes:?}");
    let unknown = ListLeasesRequest { client: "nobody".into(), ..Default::default() };
    let refused = server.list_leases(unknown).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (tonic::Code::NotFound, "client: nobody: is unknown"));
    managed.controller.stop().await;
}
