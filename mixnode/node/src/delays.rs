//! The queue between those who unwrap packets and the one who sends them: packets and what is to be done with them once their delay is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mimiq_mixing::Queue;
use mimiq_mixing::udp::BATCH;
use mimiq_sphinx::NodeId;

use crate::Clock;

/// What is done with a packet when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// It goes to the next node.
    Relay {
        /// Its name.
        next: NodeId,
    },
    /// Its payload goes to an inbox.
    Deliver {
        /// Whose.
        recipient: [u8; 16],
        /// The message's name.
        id: [u8; 16],
    },
    /// An own loop is back.
    Loop {
        /// Its name.
        id: [u8; 16],
    },
    /// It was cover traffic, and ends here.
    Drop,
}

/// Packets that wait for their delay to end.
pub struct Delays {
    clock: Clock,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    queue: Queue<Task>,
    /// Until when the one who sends sleeps; 0 while it does not.
    asleep_until: u64,
    stopped: bool,
}

/// A packet that is due.
pub(crate) struct Due {
    /// When it was to leave.
    pub(crate) deadline: u64,
    pub(crate) task: Task,
    pub(crate) packet: Vec<u8>,
}

impl Delays {
    /// For so many packets of so many bytes.
    #[must_use]
    pub fn new(clock: Clock, places: u32, size: usize) -> Self {
        let waiting = Waiting { queue: Queue::new(places, size), asleep_until: 0, stopped: false };
        Self { clock, waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// The clock of its deadlines.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Puts packets in, each with its deadline. How many found no place.
    pub fn push<'a>(&self, packets: impl Iterator<Item = (u64, Task, &'a [u8])>) -> u64 {
        let mut waiting = self.lock();
        let mut full = 0;
        for (deadline, task, packet) in packets {
            full += u64::from(waiting.queue.push(deadline, task, packet).is_err());
        }
        if waiting.queue.next().is_some_and(|next| next < waiting.asleep_until) {
            // Once is enough: it is awake until it has seen what is new.
            waiting.asleep_until = 0;
            drop(waiting);
            self.changed.notify_one();
        }
        full
    }

    /// Waits until packets are due, and takes up to 64 of them into `due`, whose buffers are used again. How many; none after [`Self::stop`].
    pub(crate) fn take(&self, due: &mut Vec<Due>) -> Option<usize> {
        let mut waiting = self.lock();
        loop {
            if waiting.stopped {
                return None;
            }
            let now = self.clock.now();
            let mut taken = 0;
            while taken < BATCH
                && waiting.queue.pop(now, |deadline, task, packet| put(due, taken, deadline, task, packet))
            {
                taken += 1;
            }
            if taken > 0 {
                return Some(taken);
            }
            let next = waiting.queue.next();
            waiting.asleep_until = next.unwrap_or(u64::MAX);
            waiting = match next {
                Some(next) => {
                    let time = Duration::from_nanos(next.saturating_sub(now));
                    self.changed.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
            waiting.asleep_until = 0;
        }
    }

    /// Lets the one who sends end.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Packets that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(due: &mut Vec<Due>, at: usize, deadline: u64, task: Task, packet: &[u8]) {
    match due.get_mut(at) {
        Some(place) => {
            (place.deadline, place.task) = (deadline, task);
            place.packet.clear();
            place.packet.extend_from_slice(packet);
        }
        None => due.push(Due { deadline, task, packet: packet.to_vec() }),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn named(name: u8) -> Task {
        Task::Relay { next: [name; 16] }
    }

    #[test]
    fn packets_leave_in_the_order_of_their_deadlines_and_not_before() {
        let delays = Delays::new(Clock::default(), 8, 4);
        let now = delays.clock().now();
        let (soon, later, never) = (now + 10_000_000, now + 20_000_000, u64::MAX / 2);
        assert_eq!(delays.push([(never, named(3), &[3; 4][..]), (soon, named(1), &[1; 4][..])].into_iter()), 0);
        let mut seen = Vec::new();
        thread::scope(|scope| {
            // One that is due earlier than what is waited for wakes the one who waits.
            scope.spawn(|| {
                while delays.lock().asleep_until != never {
                    thread::yield_now();
                }
                assert_eq!(delays.push([(later, named(2), &[2; 4][..])].into_iter()), 0);
            });
            let mut due = Vec::new();
            while seen.len() < 2 {
                let taken = delays.take(&mut due).unwrap();
                for due in &due[..taken] {
                    assert!(due.deadline <= delays.clock().now());
                    seen.push((due.task, due.packet[0]));
                }
            }
        });
        assert_eq!(seen, [(named(1), 1), (named(2), 2)]);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_a_stopped_one_gives_no_more() {
        let delays = Delays::new(Clock::default(), 2, 4);
        let packet = [0; 4];
        assert_eq!(delays.push((0..5).map(|_| (0, Task::Drop, &packet[..]))), 3);
        assert_eq!(delays.len(), 2);
        delays.stop();
        assert_eq!(delays.take(&mut Vec::new()), None);
    }

    #[test]
    fn who_waits_for_nothing_is_stopped_all_the_same() {
        let delays = Delays::new(Clock::default(), 2, 4);
        thread::scope(|scope| {
            scope.spawn(|| {
                while delays.lock().asleep_until == 0 {
                    thread::yield_now();
                }
                delays.stop();
            });
            assert_eq!(delays.take(&mut Vec::new()), None);
        });
    }
}
