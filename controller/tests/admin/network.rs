use mimiq_api::admin::{AdviseRequest, Lease, LeaseState, ListLeasesRequest};
use mimiq_contract::{Entry, MacAddr, PortId, tables::*};
use p4runtime::v1::{CounterData, TableEntry, update::Type};
use serde_json::json;

use crate::{
    Managed,
    common::{Options, eventually},
};

#[tokio::test]
async fn pools_switches_and_aliases_are_listed_and_switches_drained() {
    let managed = Managed::start(Options { t_ip: "2s", ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    alice.acquire(3).await;
    let status = managed.json("status").await;
    assert_eq!(
        (&status["ready"], &status["synced_switches"], &status["occupancy"]["leased"]),
        (&json!(true), &json!(4), &json!(3))
    );
    let pools = managed.json("pools list").await;
    assert_eq!((&pools["pools"][0]["name"], &pools["pools"][0]["occupancy"]["leased"]), (&json!("home"), &json!(3)));
    assert_eq!((&pools["pools"][1]["codec"], &pools["pools"][1]["capacity"]), (&json!("naive"), &json!(131_070.0)));
    // Four of each of two switches.
    let aliases = managed.json("aliases list").await;
    let states: Vec<_> = aliases["aliases"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, vec![json!("ALIAS_STATE_USABLE"); 8]);

    let switches = managed.json("switches list").await;
    for row in switches["switches"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let dump = managed.json(&format!("table dump {name}")).await;
        assert_eq!(row["entries"], dump["rows"].as_array().unwrap().len(), "{name}");
        assert_eq!((&row["state"], &row["last_error"]), (&json!("SWITCH_STATE_SYNCED"), &json!("")), "{name}");
    }
    let drained = managed.ctl("switches drain access1").await;
    assert!(drained.starts_with("access1: draining: 3 leased"), "{drained}");
    assert!(alice.try_acquire(1).await.is_err());
    let drain_state = async || managed.json("switches list").await["switches"][0]["drain_state"].clone();
    eventually("the last leases have ended", drain_state, |state| state == "DRAIN_STATE_DRAINED").await;
    managed.ctl("switches undrain access1").await;
    eventually("new aliases", async || alice.try_acquire(1).await, Result::is_ok).await.unwrap();
    assert!(managed.refusal("operator", "switches drain nowhere").await.contains("name: nowhere: is unknown"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn a_table_is_shown_beside_what_is_wanted() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let address = alice.acquire(1).await[0];
    let rows = managed.json("table dump access1 client_v6").await;
    let row = &rows["rows"][0];
    assert_eq!((&row["state"], &row["key"]), (&json!("STATE_SAME"), &json!(format!("dst_addr={address}"))));
    assert!(row["actual"].as_str().unwrap().starts_with("deliver_v6 port=1 mac="), "{row}");
    // Somebody else meddles with the switch.
    let other = ClientV6Key { dst_addr: "2001:db8:100::7".parse().unwrap() };
    let mine = ClientV6Key { dst_addr: address };
    let deliver = |port| ClientV6Action::Deliver { port: PortId(port), mac: MacAddr([2, 0, 0, 0, 0, 9]) };
    let meddled = vec![
        (Type::Insert, Entry::ClientV6(other, deliver(1)).to_p4()),
        (Type::Modify, Entry::ClientV6(mine, deliver(2)).to_p4()),
    ];
    managed.network.access[0].meddle(meddled).await;
    let text = managed.ctl("table dump access1 --differences").await;
    let states: Vec<_> = text.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(states, ["only", "different"], "{text}");
    assert!(managed.refusal("operator", "table dump access1 nothing").await.contains("table: nothing: is unknown"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn late_packets_are_seen() {
    let managed = Managed::start(Options { t_ip: "1s", t_remove: "4s", ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let address = alice.acquire(1).await[0];
    let advice = managed.json("advise").await;
    assert_eq!((&advice["samples"], &advice["proposal"]), (&json!(0), &json!(null)));
    let server = managed.connect().await;
    let graced = async || {
        let request = ListLeasesRequest { state: LeaseState::Grace.into(), ..Default::default() };
        server.clone().list_leases(request).await.unwrap().into_inner().leases
    };
    let lease = eventually("the lease has ended", graced, |leases| !leases.is_empty()).await.remove(0);
    // In the last interval, as if packets had come: the switch's own counter says so from now on.
    let is_last = |lease: &Lease| lease.remaining_ms < 1400;
    assert!(!is_last(&lease), "{lease:?}");
    eventually("the last interval has begun", graced, |leases| leases.iter().all(is_last)).await;
    let access = &managed.network.access[0];
    let is_it = |entry: &Entry| matches!(entry, Entry::ClientV6(key, _) if key.dst_addr == address);
    let entry = access.entries().await.into_values().find(is_it).unwrap();
    let counter_data = Some(CounterData { byte_count: 500, packet_count: 5 });
    access.meddle(vec![(Type::Modify, TableEntry { counter_data, ..entry.to_p4() })]).await;
    let advice = async || server.clone().advise(AdviseRequest {}).await.unwrap().into_inner();
    let seen = eventually("the lease was watched", advice, |advice| advice.samples == 1).await;
    let buckets: Vec<u64> = seen.buckets.iter().map(|bucket| bucket.packets).collect();
    assert_eq!((buckets, seen.proposal), (vec![0, 0, 0, 0, 0, 0, 5], None));
    assert!(managed.ctl("advise").await.contains("1 (at least 1000 are needed)"));
    managed.controller.stop().await;
}
