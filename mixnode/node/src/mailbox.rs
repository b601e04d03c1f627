//! Packets of a provider's clients, on their way to the thread that unwraps them.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A packet, and when it came (nanoseconds).
pub(crate) type Letter = (Vec<u8>, u64);

/// A bounded queue whose reader takes all at once. The reader has a real-time priority: it must sleep while a writer that was interrupted holds it up.
/// Channels spin there, for moments in most cases; but spinning takes the processor from the one that is waited for.
pub(crate) struct Mailbox {
    most: usize,
    letters: Mutex<Letters>,
    filled: Condvar,
}

struct Letters {
    waiting: Vec<Letter>,
    closed: bool,
}

impl Mailbox {
    /// For so many packets.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, letters: Mutex::new(Letters { waiting: Vec::new(), closed: false }), filled: Condvar::new() }
    }

    /// Puts a packet in, without waiting. False if there is no room, or it is closed.
    pub(crate) fn put(&self, packet: &[u8], arrived: u64) -> bool {
        let packet = packet.to_vec();
        let mut letters = self.lock();
        if letters.closed || letters.waiting.len() >= self.most {
            return false;
        }
        letters.waiting.push((packet, arrived));
        let first = letters.waiting.len() == 1;
        drop(letters);
        if first {
            self.filled.notify_one();
        }
        true
    }

    /// Waits until there is a packet. False when it is closed.
    pub(crate) fn wait(&self) -> bool {
        let letters = self.lock();
        let empty = |letters: &mut Letters| letters.waiting.is_empty() && !letters.closed;
        !self.filled.wait_while(letters, empty).unwrap_or_else(PoisonError::into_inner).closed
    }

    /// Takes all into an empty list, whose memory is used again.
    pub(crate) fn take(&self, into: &mut Vec<Letter>) {
        into.clear();
        mem::swap(&mut self.lock().waiting, into);
    }

    /// It takes no more, and what waits is dropped.
    pub(crate) fn close(&self) {
        let mut letters = self.lock();
        letters.closed = true;
        letters.waiting = Vec::new();
        drop(letters);
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn all_come_out_in_their_order_and_no_more_than_fit_wait() {
        let (mailbox, mut taken) = (Mailbox::new(3), vec![(vec![9], 9)]);
        assert_eq!((0..5).filter(|number| mailbox.put(&[*number], 7)).count(), 3);
        assert!(mailbox.wait());
        mailbox.take(&mut taken);
        assert_eq!(taken, [(vec![0], 7), (vec![1], 7), (vec![2], 7)]);
        assert!(mailbox.put(&[3], 8));
        mailbox.take(&mut taken);
        assert_eq!(taken, [(vec![3], 8)]);
    }

    #[test]
    fn a_closed_one_drops_what_waits() {
        let (mailbox, mut taken) = (Mailbox::new(3), Vec::new());
        assert!(mailbox.put(&[1], 0));
        mailbox.close();
        assert!(!mailbox.wait());
        mailbox.take(&mut taken);
        assert_eq!((taken, mailbox.put(&[2], 0)), (vec![], false));
    }

    #[test]
    fn a_reader_gets_all_of_many_writers_until_it_is_closed() {
        let mailbox = Mailbox::new(usize::MAX);
        let mut numbers = Vec::new();
        thread::scope(|scope| {
            for writer in 0..4u8 {
                let mailbox = &mailbox;
                scope.spawn(move || (0..100).for_each(|number| assert!(mailbox.put(&[writer, number], 0))));
            }
            let mut taken = Vec::new();
            while numbers.len() < 400 {
                assert!(mailbox.wait());
                mailbox.take(&mut taken);
                numbers.extend(taken.drain(..).map(|(packet, _)| (packet[0], packet[1])));
            }
            scope.spawn(|| mailbox.close());
            assert!(!mailbox.wait());
        });
        assert!(!mailbox.put(&[0], 0));
        for writer in 0..4 {
            let own: Vec<_> = numbers.iter().filter(|(of, _)| *of == writer).map(|(_, number)| *number).collect();
            assert_eq!(own, (0..100).collect::<Vec<_>>());
        }
    }
}
