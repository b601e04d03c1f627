//! Sessions with the software switch: arbitration, lost connections, programs, the limit on ICMP errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod common;

use std::{collections::HashSet, sync::Arc};

use common::{
    eventually,
    session::{self, always, gateway, in_sync},
    switch::Switch,
};
use mimiq_contract::Entry;
use mimiq_controller::p4rt::{self, ElectionId, Target};
use p4runtime::v1::{MeterConfig, update::Type};

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_do_not_lock_the_controller_out() {
    session::survives_half_open_connections(&Switch::start(1), &Arc::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_election_id_has_the_switch() {
    session::the_higher_election_id_has_the_switch(&Switch::start(1), &Arc::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_a_large_write_is_heard() {
    session::every_error_of_a_large_write_is_heard(&Switch::start(1), &Arc::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_unknown_outcome_is_read_back() {
    let switch = Switch::start(1);
    let mut handle = session::start(&switch, switch.uri(), &Arc::default(), 7);
    in_sync(&mut handle).await;
    switch.forgetful().forget_next_write();
    let refused = handle.set((1..=20).map(gateway).collect()).await;
    assert!(refused.is_err() && !switch.forgetful().will_forget());
    // They were applied, though nobody said so; and nobody wants them now.
    eventually("taken back", || switch.entries(), |now| now.len() == always().len()).await;
    in_sync(&mut handle).await;
    // A removal is confirmed only when it is sure.
    handle.set(vec![gateway(1)]).await.unwrap();
    switch.forgetful().forget_next_write();
    assert!(handle.remove(vec![gateway(1).key()]).await);
    assert!(!switch.entries().await.contains_key(&gateway(1).key()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_is_loaded_and_the_same_is_not() {
    let switch = Switch::start(1);
    let stranger = gateway(9);
    let mut holder = None;
    for (n, (program, kept)) in [("", false), ("one", false), ("one", true), ("another", false)].into_iter().enumerate()
    {
        // Adopting shows whether the tables were emptied.
        let (seen, sees) = std::sync::mpsc::channel();
        let adopt = move |found: &[Entry]| {
            seen.send(found.contains(&stranger)).unwrap();
            HashSet::new()
        };
        if holder.is_some() {
            switch.meddle(vec![(Type::Insert, stranger.to_p4())]).await;
        }
        let target = Target {
            name: "tested".into(),
            uri: switch.uri(),
            device_id: 1,
            election_id: ElectionId(1 + n as u64),
            device_config: program.as_bytes().into(),
        };
        let handle = holder.insert(p4rt::start(target, always(), Box::new(adopt)));
        in_sync(handle).await;
        assert_eq!(sees.recv().unwrap(), kept, "{n}");
        assert_eq!(switch.pipeline().await.p4_device_config, program.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn icmp_errors_are_limited_after_every_synchronisation() {
    let mut switch = Switch::start(1);
    let mut handle = session::start(&switch, switch.uri(), &Arc::default(), 7);
    in_sync(&mut handle).await;
    let config = |rate, burst| MeterConfig { cir: rate, pir: rate, cburst: burst, pburst: burst, ..Default::default() };
    let limit = Some(config(100, 10));
    assert_eq!(switch.meter().await, limit);
    for found in [None, Some(config(50, 10)), Some(config(100, 11))] {
        switch.meddle_with_meter(found).await;
        switch.server().close_streams();
        eventually("limited again", || switch.meter(), |now| *now == limit).await;
        in_sync(&mut handle).await;
    }
    // A switch that rounds gets no write each time.
    switch.meddle_with_meter(Some(config(99, 10))).await;
    switch.server().close_streams();
    eventually("lost", || async { handle.is_synced() }, |synced| !synced).await;
    in_sync(&mut handle).await;
    assert_eq!(switch.meter().await, Some(config(99, 10)));
    switch.kill();
    switch.revive().await;
    eventually(
        "synced anew",
        || switch.try_entries(),
        |now| now.as_ref().is_some_and(|now| now.len() == always().len()),
    )
    .await;
    assert_eq!(switch.meter().await, limit);
}
