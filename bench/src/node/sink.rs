//! The node behind the mix: counts datagrams, and opens one of each 64 completely.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mimiq_mixing::link::OVERHEAD;
use mimiq_mixing::udp::Udp;
use mimiq_sphinx::{Action, Unwrapper, payload};

use super::packets::FILL;
use super::place::Place;

/// How often it empties its socket: it should not take the processor from the mix for each datagram.
const STEP: Duration = Duration::from_millis(2);
/// Bytes of the socket's buffer: for more than what comes in a step.
pub(super) const BUFFER: usize = 4 << 20;
const OPENED: u64 = 64;

/// A running sink.
pub(super) struct Sink {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<()>>,
}

#[derive(Default)]
struct Shared {
    arrived: AtomicU64,
    stop: AtomicBool,
}

impl Sink {
    pub(super) fn start(place: &Place) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(place.behind.node.address)?;
        let geometry = place.directory.geometry();
        let unwrapper = Unwrapper::new(geometry, place.behind.packets.clone());
        let mut incoming = place.incoming()?;
        let shared = Arc::new(Shared::default());
        let (seen, size) = (shared.clone(), geometry.packet_len() + OVERHEAD);
        let body = move || -> anyhow::Result<()> {
            let mut udp = Udp::new(socket, size, BUFFER)?;
            let mut arrived = 0;
            while !seen.stop.load(Relaxed) {
                let mut good = Ok(());
                let received = udp.receive(|received| {
                    if arrived % OPENED == 0 && good.is_ok() {
                        good = open(
                            incoming.open(0, received.datagram).map(|opened| opened.packet),
                            &unwrapper,
                            &geometry,
                        );
                    }
                    arrived += 1;
                })?;
                good?;
                seen.arrived.store(arrived, Relaxed);
                if received == 0 {
                    thread::park_timeout(STEP);
                }
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("sink".to_owned()).spawn(body)?;
        Ok(Self { shared, thread })
    }

    /// How many datagrams have come.
    pub(super) fn arrived(&self) -> u64 {
        self.shared.arrived.load(Relaxed)
    }

    /// Waits until so many have come, but no longer than `quiet` after the last one.
    pub(super) fn wait(&self, wanted: u64, quiet: Duration) {
        let (mut last, mut since) = (self.arrived(), Instant::now());
        while last < wanted && since.elapsed() < quiet {
            thread::park_timeout(STEP);
            let now = self.arrived();
            if now > last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    /// Ends it; an error if a datagram was not as it should be.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.shared.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| anyhow::anyhow!("sink: thread"))?
    }
}

fn open(
    packet: Result<&mut [u8], mimiq_mixing::link::LinkError>,
    unwrapper: &Unwrapper,
    geometry: &mimiq_sphinx::Geometry,
) -> anyhow::Result<()> {
    let packet = packet?;
    let mut results = Vec::new();
    unwrapper.unwrap_batch(&mut [&mut *packet], &mut results);
    let unwrapped = results.pop().context("nothing unwrapped")??;
    ensure!(matches!(unwrapped.action, Action::Deliver { .. }), "not for an inbox: {unwrapped:?}");
    ensure!(payload(geometry, packet).iter().all(|byte| *byte == FILL), "another payload than was sent");
    Ok(())
}
