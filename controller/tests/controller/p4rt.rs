//! Sessions with the software switch: arbitration, lost connections, programs, the limit on ICMP errors.

use std::sync::Arc;

use mimiq_contract::Entry;
use mimiq_controller::p4rt::{self, ElectionId, Events, Target};
use mimiq_core::Fault;
use p4runtime::v1::{MeterConfig, update::Type};

use crate::common::{
    eventually,
    session::{self, always, gateway, in_sync},
    switch::Switch,
};

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
    let handle = session::start(&switch, switch.uri(), &Arc::default(), 7);
    in_sync(&handle).await;
    switch.forgetful().forget_next_write();
    // They are applied, though nobody says so.
    let _ = handle.set((1..=20).map(gateway).collect()).await;
    assert!(!switch.forgetful().will_forget());
    eventually("there", || switch.entries(), |now| now.len() == always().len() + 20).await;
    in_sync(&handle).await;
    switch.forgetful().forget_next_write();
    let _ = handle.remove((1..=20).map(|n| gateway(n).key()).collect()).await;
    eventually("gone", || switch.entries(), |now| now.len() == always().len()).await;
    in_sync(&handle).await;
}

/// Hands on what a session reads first.
struct FirstRead(std::sync::mpsc::Sender<Vec<Entry>>);

impl Events for FirstRead {
    fn read(&self, _: u64, entries: &[Entry]) {
        // Only the first one is waited for.
        let _ = self.0.send(entries.to_vec());
    }

    fn wrote(&self, _: u64, _: &[Fault]) {}

    fn lost(&self, _: u64) {}

    fn failed(&self, _: &str) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_is_loaded_and_the_same_is_not() {
    let switch = Switch::start(1);
    let stranger = gateway(9);
    let mut holder = None;
    for (n, (program, kept)) in [("", false), ("one", false), ("one", true), ("another", false)].into_iter().enumerate()
    {
        if holder.is_some() {
            switch.meddle(vec![(Type::Insert, stranger.to_p4())]).await;
        }
        let target = Target {
            name: "tested".into(),
            uri: switch.uri(),
            tls: None,
            device_id: 1,
            election_id: ElectionId(1 + n as u64),
            device_config: program.as_bytes().into(),
        };
        let (sender, first) = std::sync::mpsc::channel();
        holder = Some(p4rt::start(target, Arc::new(FirstRead(sender))));
        let entries =
            tokio::task::spawn_blocking(move || first.recv_timeout(crate::common::PATIENCE)).await.unwrap().unwrap();
        // That shows whether the tables were emptied.
        assert_eq!(entries.contains(&stranger), kept, "{n}");
        if kept {
            switch.meddle(vec![(Type::Delete, stranger.to_p4())]).await;
        }
        assert_eq!(switch.pipeline().await.p4_device_config, program.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn icmp_errors_are_limited_after_every_synchronisation() {
    let mut switch = Switch::start(1);
    let handle = session::start(&switch, switch.uri(), &Arc::default(), 7);
    in_sync(&handle).await;
    let config = |rate, burst| MeterConfig { cir: rate, pir: rate, cburst: burst, pburst: burst, ..Default::default() };
    let limit = Some(config(100, 10));
    assert_eq!(switch.meter().await, limit);
    for found in [None, Some(config(50, 10)), Some(config(100, 11))] {
        switch.meddle_with_meter(found).await;
        switch.server().close_streams();
        eventually("limited again", || switch.meter(), |now| *now == limit).await;
        in_sync(&handle).await;
    }
    // A switch that rounds gets no write each time.
    switch.meddle_with_meter(Some(config(99, 10))).await;
    switch.server().close_streams();
    eventually("lost", || async { handle.is_synced() }, |synced| !synced).await;
    in_sync(&handle).await;
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
