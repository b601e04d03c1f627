//! Which of the client's answers to PATH_CHALLENGE have arrived at the server.
//!
//! A server has validated an address when it has the answer to the challenge that it sent there (RFC 9000 §8.2.3). QUIC does not repeat
//! a lost answer, but the packet that carries it is acknowledged like any other. quinn tells neither, so this reads along where packets
//! are encrypted and decrypted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frames::{Frame, Frames, Token};
use super::ids;

/// A connection ID of the client.
pub(crate) type ClientId = [u8; ids::LENGTH];

/// How many challenges, answers and arrivals are remembered.
const REMEMBERED: usize = 32;

/// Read along since the first hop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Connections that do not hop are not read.
    reading: AtomicBool,
    book: Mutex<Book>,
}

impl Answers {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from now on.
    pub(crate) fn begin(&self) {
        self.0.reading.store(true, Ordering::Relaxed);
    }

    /// Those connection IDs of the client to which a challenge came whose answer has arrived.
    pub(crate) fn arrived(&self) -> Vec<ClientId> {
        self.book().arrived.iter().copied().collect()
    }

    /// A packet is about to be encrypted.
    pub(crate) fn sends(&self, number: u64, packet: &[u8], payload: &[u8]) {
        if self.reads(packet) {
            self.book().sent(number, payload);
        }
    }

    /// A packet was decrypted.
    pub(crate) fn hears(&self, header: &[u8], payload: &[u8]) {
        if self.reads(header)
            && let Some(id) = header.get(1..).and_then(|rest| rest.first_chunk())
        {
            self.book().came(*id, payload);
        }
    }

    /// Not packets of the handshake, whose numbers are others.
    fn reads(&self, packet: &[u8]) -> bool {
        self.0.reading.load(Ordering::Relaxed) && packet.first().is_some_and(|first| first & 0x80 == 0)
    }
}

/// Pure.
#[derive(Debug, Default)]
struct Book {
    challenges: VecDeque<(Token, ClientId)>,
    /// By packet number.
    answers: VecDeque<(u64, ClientId)>,
    arrived: VecDeque<ClientId>,
}

impl Book {
    fn sent(&mut self, number: u64, payload: &[u8]) {
        for frame in Frames::of(payload) {
            if let Frame::Response(token) = frame
                && let Some((_, id)) = self.challenges.iter().find(|(challenge, _)| *challenge == token)
            {
                remember(&mut self.answers, (number, *id));
            }
        }
    }

    fn came(&mut self, to: ClientId, payload: &[u8]) {
        for frame in Frames::of(payload) {
            match frame {
                Frame::Challenge(token) => remember(&mut self.challenges, (token, to)),
                Frame::Acks(ranges) => {
                    for (number, id) in &self.answers {
                        if ranges.iter().any(|range| range.contains(number)) {
                            remember(&mut self.arrived, *id);
                        }
                    }
                }
                Frame::Response(_) | Frame::Other => {}
            }
        }
    }
}

fn remember<T: PartialEq>(queue: &mut VecDeque<T>, item: T) {
    if queue.contains(&item) {
        return;
    }
    if queue.len() == REMEMBERED {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ClientId = [1; 8];
    const BEFORE: ClientId = [2; 8];

    fn frame(kind: u8, token: u8) -> Vec<u8> {
        [vec![kind], vec![token; 8]].concat()
    }

    #[test]
    fn an_answer_has_arrived_when_its_packet_is_acknowledged() {
        let answers = Answers::default();
        let short = |id: ClientId| [&[0x40][..], &id].concat();
        answers.hears(&short(HERE), &frame(0x1a, 5));
        answers.begin();
        answers.sends(6, &[0x40], &frame(0x1b, 5));
        answers.hears(&short(HERE), &[0x02, 6, 0, 0, 6]);
        assert!(answers.arrived().is_empty(), "challenged before");
        answers.hears(&short(BEFORE), &frame(0x1a, 6));
        answers.hears(&short(HERE), &frame(0x1a, 7));
        answers.sends(7, &[0x40], &frame(0x1b, 6));
        answers.sends(8, &[0x40], &[0x01]);
        answers.sends(9, &[0x40], &frame(0x1b, 7));
        answers.hears(&short(HERE), &[0x02, 8, 0, 0, 8]);
        assert_eq!(answers.arrived(), [BEFORE]);
        answers.hears(&[0xc0, 1, 1, 1, 1, 1, 1, 1, 1], &[0x02, 9, 0, 0, 0]);
        assert_eq!(answers.arrived(), [BEFORE], "packets of the handshake count for themselves");
        answers.hears(&short(HERE), &[0x02, 9, 0, 0, 0]);
        assert_eq!(answers.arrived(), [BEFORE, HERE]);
    }
}
