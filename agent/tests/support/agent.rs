//! A real daemon core on a real Unix socket; the allocation server is a counter.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mimiq_agent::address::IpVersion;
use mimiq_agent::daemon::{Daemon, Event};
use mimiq_agent::local;
use mimiq_agent::session::Request;
use mimiq_agent::stock::{Grant, Marks};
use tokio::sync::mpsc;

pub(crate) struct TestAgent {
    pub(crate) socket: PathBuf,
    pub(crate) events: mpsc::Sender<Event>,
    /// How many addresses came back.
    pub(crate) released: Arc<AtomicU32>,
    _directory: tempfile::TempDir,
}

impl TestAgent {
    pub(crate) fn start(lifetime: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let listener = local::bind(&socket).unwrap();
        let (events, inbox) = mpsc::channel(64);
        let (requests, mut outbox) = mpsc::unbounded_channel();
        tokio::spawn(local::serve(listener, events.clone()));
        let released = Arc::new(AtomicU32::new(0));
        let (counter, grants) = (released.clone(), events.clone());
        tokio::spawn(async move {
            // Not two runs in a row with the same addresses.
            let mut next = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + rand::random_range(0..0x40_0000);
            while let Some(request) = outbox.recv().await {
                match request {
                    Request::Acquire(version, count) => {
                        let addresses = (next..next + count).map(|bits| IpAddr::V4(bits.into())).collect();
                        next += count;
                        let grant = Grant { addresses, lifetime, grace: Duration::from_secs(1), mtu: 1500 };
                        grants.send(Event::Granted(version, grant)).await.unwrap();
                    }
                    Request::Release(addresses) => {
                        counter.fetch_add(addresses.len() as u32, Ordering::Relaxed);
                    }
                }
            }
        });
        tokio::spawn(async move {
            let mut daemon = Daemon::new(&[(IpVersion::V4, Marks { low: 8, high: 32 })], None, requests);
            daemon.serve(inbox).await;
        });
        let connected = events.clone();
        tokio::spawn(async move { connected.send(Event::Connected).await });
        Self { socket, events, released, _directory: directory }
    }
}
