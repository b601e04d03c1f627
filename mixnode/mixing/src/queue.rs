//! Packets that wait for their delay to end: the Poisson mix (Loopix §3.3).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// There is no room for another packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full: {0} packets")]
pub struct Full(pub usize);

/// A fixed number of places for packets of one size, each with what the caller wants to know of it, in the order of their deadlines.
/// Nothing is allocated after the first moment.
pub struct Queue<T> {
    packets: Box<[u8]>,
    size: usize,
    notes: Box<[Option<T>]>,
    free: Vec<u32>,
    /// Deadline and place. Of two with the same deadline any may be first.
    order: BinaryHeap<Reverse<(u64, u32)>>,
}

impl<T> Queue<T> {
    /// For so many packets of so many bytes.
    #[must_use]
    pub fn new(places: u32, size: usize) -> Self {
        Self {
            packets: vec![0; places as usize * size].into(),
            size,
            notes: (0..places).map(|_| None).collect(),
            free: (0..places).rev().collect(),
            order: BinaryHeap::with_capacity(places as usize),
        }
    }

    /// Keeps a packet until its deadline (nanoseconds). One of another size is cut or filled with zeros.
    ///
    /// # Errors
    /// If all places are taken.
    pub fn push(&mut self, deadline: u64, note: T, packet: &[u8]) -> Result<(), Full> {
        let place = self.free.pop().ok_or(Full(self.len()))?;
        let (at, length) = (place as usize * self.size, packet.len().min(self.size));
        let slot = &mut self.packets[at..at + self.size];
        slot[..length].copy_from_slice(&packet[..length]);
        slot[length..].fill(0);
        self.notes[place as usize] = Some(note);
        self.order.push(Reverse((deadline, place)));
        Ok(())
    }

    /// The packet with the earliest deadline, with that and its note, to `take`, if its deadline has come. False if none has.
    pub fn pop(&mut self, now: u64, take: impl FnOnce(u64, T, &mut [u8])) -> bool {
        let Some(&Reverse((deadline, place))) = self.order.peek() else { return false };
        if deadline > now {
            return false;
        }
        self.order.pop();
        self.free.push(place);
        let at = place as usize * self.size;
        if let Some(note) = self.notes[place as usize].take() {
            take(deadline, note, &mut self.packets[at..at + self.size]);
        }
        true
    }

    /// When the next packet is due, nanoseconds.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Packets that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
