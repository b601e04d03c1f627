//! A client over QUIC, as its provider sees it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimiq_access::{Access, AccessConfig, InboxLimits, Limits, Published, Registration, Shape, Store};
use mimiq_client::{Client, Keys, Link, Settings};
use mimiq_directory::{Rates, Role, Routes, SigningKey};
use mimiq_messages::{OutboxConfig, Snapshot};
use rand::Rng as _;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::network::{directory, distance, rates};

const PROVIDER: [u8; 32] = [77; 32];
const RATE: f64 = 60.0;
const PACKETS: usize = 600;
/// Enough for a packet on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

/// When packets of a client reach its provider, nanoseconds, over a link that loses so large a share of all datagrams.
async fn arrivals(losing: f64) -> Vec<u64> {
    // Loops do not come back here: there must be no alarm.
    let rates = Rates { lambda_p: RATE, lambda_l: 0.001, lambda_d: 0.001, ..rates() };
    let (folder, socket) = (TempDir::new().unwrap(), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let identity = SigningKey::from_seed(&PROVIDER).unwrap().public_key();
    let address = relay(socket.local_addr().unwrap(), losing).await;
    let directory = Arc::new(directory(rates, |state| {
        state.nodes[3].identity = identity;
        if let Role::Provider { access, .. } = &mut state.nodes[3].role {
            *access = address;
        }
    }));
    let limits = Limits { packets_per_second: 1000.0, packet_burst: 1000, pull_burst: 50, connections: 20 };
    let inbox = InboxLimits { messages: 100, age_s: 1_000_000 };
    let config = AccessConfig { registration: Registration::Open, tokens: vec![], blocked: vec![], limits, inbox };
    let shape = Shape::of(&directory).unwrap();
    let store = Arc::new(Store::open(&folder.path().join("inboxes"), inbox, shape.payload_len()).unwrap());
    let (_state, published) = watch::channel(Published { serial: 1, shape, envelope: Arc::from([]) });
    let (sender, mut arrived) = mpsc::unbounded_channel();
    let take = move |_: &[u8]| sender.send(Instant::now()).is_ok();
    let access = Access::start(&config, socket, &PROVIDER, store, take, published).unwrap();
    tokio::spawn(access.run(std::future::pending()));

    let keys = Keys::generate(&mut rand::rng());
    let settings = Settings {
        address: keys.address("p3").unwrap(),
        keys,
        token: None,
        link: Link::Plain,
        folder: None,
        outbox: OutboxConfig { first_timeout: 1, most_attempts: 1, most_messages: 2 },
        states: None,
    };
    let geometry = directory.geometry();
    let (_routes, routes) = watch::channel(Some(Arc::new(Routes::new(directory, 0).unwrap())));
    let client = Client::start(settings, Snapshot::default(), geometry, routes).unwrap();
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < PACKETS {
        let at = timeout(SOON, arrived.recv()).await.expect("it sends nothing").unwrap();
        times.push((at - start).as_nanos() as u64);
    }
    client.stop().await;
    times
}

/// Carries datagrams between a client and a server.
async fn relay(server: SocketAddr, losing: f64) -> SocketAddr {
    let any = (Ipv4Addr::LOCALHOST, 0);
    let (front, back) =
        (tokio::net::UdpSocket::bind(any).await.unwrap(), tokio::net::UdpSocket::bind(any).await.unwrap());
    back.connect(server).await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut up, mut down, mut client) = ([0; 2000], [0; 2000], None);
        loop {
            tokio::select! {
                came = front.recv_from(&mut up) => {
                    let (length, from) = came.unwrap();
                    client = Some(from);
                    if !rand::rng().random_bool(losing) {
                        back.send(&up[..length]).await.unwrap();
                    }
                }
                came = back.recv(&mut down) => {
                    if !rand::rng().random_bool(losing) {
                        front.send_to(&down[..came.unwrap()], client.unwrap()).await.unwrap();
                    }
                }
            }
        }
    });
    address
}

/// They are made a few at a time, and those would arrive together. Late timers of a machine that is busy count for little beside that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_arrive_one_by_one_at_random_times() {
    let times = arrivals(0.0).await;
    // In pairs it would be 0.5, by eight 0.8; late by a third of the time between two, 0.25.
    let largest = distance(&times, RATE) / (PACKETS as f64).sqrt();
    assert!(largest < 0.3, "{largest}");
}

/// What gets lost of a Poisson process leaves one. CUBIC would let a third of it leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_loses_packets_does_not_slow_the_clocks() {
    let times = arrivals(0.1).await;
    let rate = (PACKETS - 1) as f64 / (times[PACKETS - 1] - times[0]) as f64 * 1e9;
    assert!(rate > 0.75 * RATE, "{rate} a second");
    let largest = distance(&times, 0.9 * RATE) / (PACKETS as f64).sqrt();
    assert!(largest < 0.3, "{largest}");
}
