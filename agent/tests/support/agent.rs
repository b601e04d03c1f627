//! A real daemon core on a real Unix socket; the allocation server is a counter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mimiq_agent::address::IpVersion;
use mimiq_agent::daemon::{Daemon, Event};
use mimiq_agent::local;
use mimiq_agent::policy::Rules;
use mimiq_agent::session::Request;
use mimiq_agent::stock::{Grant, Marks};
use tokio::sync::{Notify, mpsc};

pub(crate) struct TestAgent {
    pub(crate) socket: PathBuf,
    pub(crate) events: mpsc::Sender<Event>,
    /// How many addresses came back.
    pub(crate) released: Arc<AtomicU32>,
    came_back: Arc<Notify>,
    _directory: tempfile::TempDir,
}

impl TestAgent {
    /// With addresses of 127.0.0.0/8, not the same ones in two runs.
    pub(crate) fn start(lifetime: Duration) -> Self {
        Self::start_at(somewhere(), lifetime)
    }

    /// With addresses from `first` on.
    pub(crate) fn start_at(first: IpAddr, lifetime: Duration) -> Self {
        Self::start_with(first, lifetime, Rules::default())
    }

    /// With rules for policies, too.
    pub(crate) fn start_with(first: IpAddr, lifetime: Duration, rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let listener = local::bind(&socket).unwrap();
        let (events, inbox) = mpsc::channel(64);
        let (requests, mut outbox) = mpsc::unbounded_channel();
        tokio::spawn(local::serve(listener, events.clone()));
        let released = Arc::new(AtomicU32::new(0));
        let came_back = Arc::new(Notify::new());
        let (counter, notify, grants) = (released.clone(), came_back.clone(), events.clone());
        tokio::spawn(async move {
            let mut next = first;
            while let Some(request) = outbox.recv().await {
                match request {
                    Request::Acquire(version, count) => {
                        let mut addresses = Vec::new();
                        for _ in 0..count {
                            addresses.push(next);
                            next = after(next);
                        }
                        let grant = Grant { addresses, lifetime, grace: Duration::from_secs(1), mtu: 1500 };
                        grants.send(Event::Granted(version, grant)).await.unwrap();
                    }
                    Request::Release(addresses) => {
                        counter.fetch_add(addresses.len() as u32, Ordering::Relaxed);
                        notify.notify_one();
                    }
                }
            }
        });
        tokio::spawn(async move {
            let stocks = [(IpVersion::from(first), Marks { low: 8, high: 32 })];
            Daemon::new(&stocks, None, requests).with_rules(rules).serve(inbox).await;
        });
        let connected = events.clone();
        tokio::spawn(async move { connected.send(Event::Connected).await });
        Self { socket, events, released, came_back, _directory: directory }
    }

    /// Waits until an address came back.
    pub(crate) async fn back(&self) {
        self.came_back.notified().await;
    }
}

/// An address of 127.0.0.0/8 with many after it.
pub(crate) fn somewhere() -> IpAddr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + rand::random_range(0..0x40_0000)).into()
}

fn after(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() + 1).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() + 1).into(),
    }
}
