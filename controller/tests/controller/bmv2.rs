//! Sessions with BMv2's `simple_switch_grpc`, whose P4Runtime differs from the software switch's. Skipped without it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use mimiq_contract::Entry;
use p4runtime::v1::MeterConfig;
use tracing_subscriber::fmt::MakeWriter;

use crate::common::{
    bmv2::{Bmv2, program},
    eventually,
    session::{self, always, gateway, in_sync, keys},
};

#[tokio::test(flavor = "multi_thread")]
async fn is_programmed_and_refilled_after_a_restart() {
    let Some(mut switch) = Bmv2::start(11).await else { return };
    let handle = session::start(&switch, switch.uri(), &program(), 7);
    in_sync(&handle).await;
    handle.set(vec![gateway(1)]).await.unwrap();
    let limit = MeterConfig { cir: 100, pir: 100, cburst: 10, pburst: 10, ..Default::default() };
    let expected = [always(), vec![gateway(1)]].concat();
    for restarts in 0..2 {
        let entries = switch.entries().await;
        assert_eq!(entries.len(), expected.len(), "after {restarts} restarts");
        assert!(expected.iter().all(|entry| entries.get(&entry.key()) == Some(entry)));
        assert_eq!(switch.meter().await, Some(limit));
        assert_eq!(switch.pipeline().await.p4_device_config, &*program());
        switch.kill().await;
        eventually("lost", || async { handle.is_synced() }, |synced| !synced).await;
        switch.revive().await;
        in_sync(&handle).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_a_large_write_is_heard() {
    let Some(switch) = Bmv2::start(12).await else { return };
    session::every_error_of_a_large_write_is_heard(&switch, &program()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_do_not_lock_the_controller_out() {
    let Some(switch) = Bmv2::start(13).await else { return };
    session::survives_half_open_connections(&switch, &program()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_higher_election_id_has_the_switch_and_the_next_when_it_goes() {
    let Some(switch) = Bmv2::start(14).await else { return };
    session::the_higher_election_id_has_the_switch(&switch, &program()).await;
    // The sessions have ended, and BMv2 remembers no ID: a lower one gets in, and takes the tables over as they are.
    let lowest = session::start(&switch, switch.uri(), &program(), 1);
    in_sync(&lowest).await;
    eventually("mended", || switch.entries(), |now| now.len() == always().len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_table_refuses_and_goes_on() {
    let Some(switch) = Bmv2::start(15).await else { return };
    let handle = session::start(&switch, switch.uri(), &program(), 7);
    in_sync(&handle).await;
    // One more than the table takes: one is among `always`.
    let many: Vec<Entry> = (1..=1024).map(gateway).collect();
    handle.set(many.clone()).await.unwrap_err();
    assert!(handle.is_synced(), "the connection was given up");
    assert!(handle.remove(many.iter().map(Entry::key).collect()).await);
    handle.set(many[1..].to_vec()).await.unwrap();
    let expected = [always(), many[1..].to_vec()].concat();
    assert_eq!(switch.entries().await.into_keys().collect::<std::collections::HashSet<_>>(), keys(&expected));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        print!("{}", String::from_utf8_lossy(bytes));
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// In one thread, so that the log is this test's.
#[tokio::test]
async fn what_is_probably_wrong_is_said() {
    let Some(switch) = Bmv2::start(16).await else { return };
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
    let says = |what: &'static str| eventually(what, || async { log.text() }, move |text| text.contains(what));

    let stranger = crate::common::p4::P4 { address: switch.address, device_id: 99 };
    let other_id = session::start(&stranger, switch.uri(), &program(), 7);
    says("is its device ID 99, and can it run this device_config?").await;
    drop(other_id);
    let without = session::start(&switch, switch.uri(), &Arc::default(), 7);
    says("does it need device_config?").await;
    drop(without);
    let broken = session::start(&switch, switch.uri(), &(*b"{}").into(), 8);
    says("table entries from target (can it run this device_config?)").await;
    drop(broken);
    let right = session::start(&switch, switch.uri(), &program(), 9);
    in_sync(&right).await;
    assert_eq!(switch.entries().await.len(), always().len());
}
