//! From packets to the queue: unwrap, look for replays, and say what is to be done with each.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mimiq_mixing::Verdict;
use mimiq_sphinx::{Action, Geometry, Malformed, Unwrapped, Unwrapper};

use crate::counters::Counters;
use crate::delays::{Delays, Task};
use crate::epochs::{Accepted, Epoch};

/// Packets of a batch, at most: as many as are unwrapped at once. In a larger one the first would wait for the others, which may take longer than its
/// delay.
const BATCH: usize = Unwrapper::LANES;

/// Up to eight packets, each with when it came.
pub struct Batch {
    size: usize,
    packets: Box<[u8]>,
    arrived: Vec<u64>,
}

impl Batch {
    /// For packets of that many bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, packets: vec![0; BATCH * size].into(), arrived: Vec::with_capacity(BATCH) }
    }

    /// Adds a packet that came at a time (nanoseconds). False if it has not the size, or there is no more room.
    pub fn push(&mut self, packet: &[u8], arrived: u64) -> bool {
        let at = self.arrived.len() * self.size;
        match self.packets.get_mut(at..at + self.size) {
            Some(place) if packet.len() == self.size => {
                place.copy_from_slice(packet);
                self.arrived.push(arrived);
                true
            }
            _ => false,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrived.len()
    }

    /// How many more it takes.
    #[must_use]
    pub fn room(&self) -> usize {
        BATCH - self.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }
}

/// Unwraps, for one thread.
pub struct Intake {
    accepted: Arc<Accepted>,
    delays: Arc<Delays>,
    counters: Arc<Counters>,
    longest_delay: Duration,
    results: Vec<Result<Unwrapped, Malformed>>,
    tags: Vec<[u8; 16]>,
    verdicts: Vec<Verdict>,
    log_failed: bool,
}

/// What became of a packet of a batch, by its place there.
type Admitted = (usize, u64, Task);

impl Intake {
    /// Packets whose sender chose a longer delay are dropped: they would hold places in the queue.
    pub(crate) fn new(
        accepted: Arc<Accepted>,
        delays: Arc<Delays>,
        counters: Arc<Counters>,
        longest_delay: Duration,
    ) -> Self {
        let (results, tags, verdicts) = (Vec::new(), Vec::new(), Vec::new());
        Self { accepted, delays, counters, longest_delay, results, tags, verdicts, log_failed: false }
    }

    /// Takes all packets of a batch, and leaves it empty. When it returns, the tags of those in the queue are in the replay log.
    pub fn process(&mut self, batch: &mut Batch) {
        let accepted = self.accepted.now();
        let used = batch.arrived.len();
        let mut packets: Vec<Option<&mut [u8]>> =
            batch.packets.chunks_exact_mut(batch.size).take(used).map(Some).collect();
        let mut admitted: Vec<Admitted> = Vec::with_capacity(used);
        for epoch in accepted.iter().rev() {
            // The low byte says which: two accepted epochs are never 256 apart.
            let of_epoch = |packet: &&mut Option<&mut [u8]>| {
                packet.as_ref().is_some_and(|packet| packet.get(1) == Some(&(epoch.number as u8)))
            };
            let places: Vec<usize> =
                (0..used).filter(|place| packets.get_mut(*place).as_ref().is_some_and(of_epoch)).collect();
            let mut group: Vec<&mut [u8]> = places.iter().filter_map(|place| packets[*place].take()).collect();
            if !group.is_empty() {
                self.unwrap(epoch, &mut group, &places, &batch.arrived, &mut admitted);
            }
        }
        let strangers = packets.iter().filter(|packet| packet.is_some()).count();
        self.counters.dropped("epoch", strangers as u64);
        if !admitted.is_empty() {
            let size = batch.size;
            let packet = |place: usize| &batch.packets[place * size..(place + 1) * size];
            let full = self.delays.push(admitted.iter().map(|(place, due, task)| (*due, *task, packet(*place))));
            self.counters.dropped("queue_full", full);
        }
        batch.arrived.clear();
    }

    fn unwrap(
        &mut self,
        epoch: &Epoch,
        group: &mut [&mut [u8]],
        places: &[usize],
        arrived: &[u64],
        admitted: &mut Vec<Admitted>,
    ) {
        self.results.clear();
        self.tags.clear();
        self.verdicts.clear();
        epoch.unwrapper.unwrap_batch(group, &mut self.results);
        self.tags.extend(self.results.iter().flatten().map(|unwrapped| unwrapped.tag));
        let written = {
            let mut tags = epoch.tags.lock().unwrap_or_else(PoisonError::into_inner);
            tags.admit(&self.tags, &mut self.verdicts)
        };
        if let Err(error) = &written {
            // Without its tag in the log no packet may go on. Said once, and again after it went well.
            if !self.log_failed {
                tracing::error!(epoch = epoch.number, %error, "packets are dropped");
            }
            self.counters.dropped("replay_log", self.tags.len() as u64);
        }
        self.log_failed = written.is_err();
        let mut verdicts = self.verdicts.iter();
        for (result, place) in self.results.iter().zip(places) {
            let unwrapped = match result {
                Ok(unwrapped) => unwrapped,
                Err(malformed) => {
                    self.counters.dropped(malformed.name(), 1);
                    continue;
                }
            };
            match verdicts.next() {
                Some(Verdict::Fresh) => {}
                Some(Verdict::Replayed) => {
                    self.counters.dropped("replayed", 1);
                    continue;
                }
                Some(Verdict::NoRoom) => {
                    self.counters.dropped("no_room_for_tag", 1);
                    continue;
                }
                None => continue,
            }
            if unwrapped.delay > self.longest_delay {
                self.counters.dropped("delay_too_long", 1);
                continue;
            }
            let delay = u64::try_from(unwrapped.delay.as_nanos()).unwrap_or(u64::MAX);
            // From its arrival: what unwrapping took is part of the delay.
            admitted.push((*place, arrived[*place].saturating_add(delay), task(unwrapped.action)));
        }
    }
}

fn task(action: Action) -> Task {
    match action {
        Action::Relay { next } => Task::Relay { next },
        Action::Deliver { recipient, id } => Task::Deliver { recipient, id },
        Action::Loop { id } => Task::Loop { id },
        Action::Drop => Task::Drop,
    }
}

/// The size of packets must be that of the buffers.
pub(crate) fn batch(geometry: &Geometry) -> Batch {
    Batch::new(geometry.packet_len())
}
