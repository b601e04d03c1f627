//! quiet-logs: no client address or MAC in logs above DEBUG, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use common::{Network, Options, eventually, relay::mac_at};
use mimiq_contract::EntryKey;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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

#[tokio::test(flavor = "multi_thread")]
async fn logs_name_no_client_address() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let options = Options { guards: Some(4), t_ip: "1s", t_remove: "100ms", ..Options::default() };
    let mut network = Network::start(options).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    let mut addresses = client.acquire(3).await;
    client.try_acquire(3).await.unwrap_err();
    let moved = network.client("alice", 2, 2).await;
    addresses.extend(moved.acquire(2).await);
    network.relays[0].inject(b"garbage").await;
    network.access[0].kill();
    network.access[0].revive().await;
    let leased = |now: &Option<std::collections::HashMap<EntryKey, _>>| {
        now.as_ref().is_some_and(|now| !now.keys().any(|key| matches!(key, EntryKey::ClientV6(_))))
    };
    eventually("all leases over", || network.access[1].try_entries(), leased).await;
    controller.stop().await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("client connected") && text.contains("a client moved"), "{text}");
    for address in addresses {
        assert!(!text.contains(&address.to_string()), "{address} in\n{text}");
    }
    for mac in [mac_at(1), mac_at(2)] {
        assert!(!text.contains(&mac.to_string()), "{mac} in\n{text}");
    }
    assert!(!text.contains("fe80::"), "{text}");
}
