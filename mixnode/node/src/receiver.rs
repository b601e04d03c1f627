//! The thread that reads datagrams.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mimiq_mixing::Aqm;
use mimiq_mixing::link::Incoming;
use mimiq_mixing::udp::Udp;

use crate::Clock;
use crate::counters::Counters;
use crate::intake::{Batch, Intake};

/// How soon it sees that it is to stop.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) struct Receiver {
    pub(crate) clock: Clock,
    pub(crate) aqm: Aqm,
    pub(crate) incoming: Arc<Mutex<Incoming>>,
    pub(crate) intake: Intake,
    pub(crate) batch: Batch,
    pub(crate) counters: Arc<Counters>,
}

impl Receiver {
    /// Until `stop` is set, or the kernel refuses to wait.
    pub(crate) fn run(mut self, mut udp: Udp, stop: &AtomicBool) -> io::Result<()> {
        let mut too_long = 0;
        while !stop.load(Ordering::Relaxed) {
            if udp.wait(LOOK)? {
                // An ICMP error that came back for what was sent is no reason to end.
                if let Err(error) = self.receive(&mut udp) {
                    tracing::debug!(%error, "receiving");
                }
                self.counters.dropped("too_long", udp.too_long() - too_long);
                too_long = udp.too_long();
            }
        }
        Ok(())
    }

    fn receive(&mut self, udp: &mut Udp) -> io::Result<()> {
        let Self { clock, aqm, incoming, batch, counters, .. } = self;
        let (mut rng, now) = (rand::rng(), clock.now());
        let mut incoming = incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let received = udp.receive(|received| {
            let arrived = now.saturating_sub(received.age);
            if !aqm.admit(now, arrived, &mut rng) {
                counters.dropped("overload", 1);
                return;
            }
            match incoming.open(now, received.datagram) {
                Ok(opened) => {
                    if !batch.push(opened.packet, arrived) {
                        counters.dropped("length", 1);
                    }
                }
                Err(error) => counters.dropped(error.name(), 1),
            }
        });
        drop(incoming);
        counters.received.increment(received.as_ref().map_or(0, |received| *received as u64));
        if !self.batch.is_empty() {
            self.intake.process(&mut self.batch);
        }
        received.map(drop)
    }
}
