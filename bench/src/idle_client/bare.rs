//! The least that such a client can cost: a thread that sleeps, wakes at random times, and sends a datagram each time.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mimiq_sphinx::Geometry;
use rand::Rng as _;

use crate::cpu;

/// Runs until it is stopped.
pub(super) struct Bare {
    stop: Arc<AtomicBool>,
    sender: thread::JoinHandle<anyhow::Result<f64>>,
}

impl Bare {
    /// Starts sending so many datagrams per second, as a Poisson process, to a thread that reads them.
    pub(super) fn start(rate: f64) -> anyhow::Result<Self> {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.connect(receiver.local_addr()?)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        // An empty datagram ends it.
        thread::spawn(move || while receiver.recv(&mut [0; 2048]).is_ok_and(|length| length > 0) {});
        let sender = thread::spawn(move || {
            let (start, before, rng) = (Instant::now(), cpu::this_thread()?, &mut rand::rng());
            let packet = vec![0; Geometry::default().packet_len()];
            let mut due = start;
            while !stopped.load(Ordering::Relaxed) {
                due += Duration::from_secs_f64(-(1.0 - rng.random::<f64>()).ln() / rate);
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
                sender.send(&packet)?;
            }
            let (used, time) = (cpu::this_thread()? - before, start.elapsed());
            sender.send(&[])?;
            Ok(used as f64 / time.as_nanos() as f64 * 100.0)
        });
        Ok(Self { stop, sender })
    }

    /// Ends it, and says how many percent of a core it took.
    pub(super) fn stop(self) -> anyhow::Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.join().ok().context("the bare sender panicked")?
    }
}
