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
use crate::rounds::Rounds;

/// How soon it sees that it is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Batches in a round, at most: then it looks whether it is to stop.
const MOST: usize = 8;

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
        let (mut too_long, mut rounds) = (0, Rounds::default());
        while !stop.load(Ordering::Relaxed) {
            // What the last round has left does not wait for more.
            if self.batch.is_empty() && !udp.wait(LOOK)? {
                continue;
            }
            rounds.begin();
            // An ICMP error that came back for what was sent is no reason to end.
            if let Err(error) = self.round(&mut udp) {
                tracing::debug!(%error, "receiving");
            }
            self.counters.dropped("too_long", udp.too_long() - too_long);
            too_long = udp.too_long();
        }
        Ok(())
    }

    /// Takes what has come in full batches. What does not fill the last one is left for the next round, unless there was no other: it takes as long
    /// to unwrap as a full one.
    fn round(&mut self, udp: &mut Udp) -> io::Result<()> {
        let mut processed = false;
        for _ in 0..MOST {
            let room = self.batch.room();
            let received = self.receive(udp);
            if !self.batch.is_empty() && (self.batch.room() == 0 || !processed) {
                self.intake.process(&mut self.batch);
                processed = true;
            }
            if received? < room {
                break;
            }
        }
        Ok(())
    }

    /// Into the batch, as many as it has room for. How many have come.
    fn receive(&mut self, udp: &mut Udp) -> io::Result<usize> {
        let Self { clock, aqm, incoming, batch, counters, .. } = self;
        let (mut rng, now) = (rand::rng(), clock.now());
        let mut incoming = incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let received = udp.receive_up_to(batch.room(), |received| {
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
        received
    }
}
