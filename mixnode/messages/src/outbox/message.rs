//! A message on its way.

use crate::Address;

/// Where a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// To be taken by the client.
    Due,
    /// Taken, and not yet sent.
    Taken,
    /// Sent; due again at that time.
    Sent(u64),
    /// Acknowledged, or sent and no more to be asked of it.
    Done,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) state: State,
    /// How often it was taken.
    pub(super) attempts: u32,
}

pub(super) struct Message {
    pub(super) to: Address,
    pub(super) reliable: bool,
    pub(super) parts: Vec<Part>,
    /// Parts that are not done.
    pub(super) open: usize,
    body: Vec<u8>,
    /// Bytes of all fragments but the last.
    room: usize,
}

impl Message {
    pub(super) fn new(to: Address, body: Vec<u8>, reliable: bool, count: u16, room: usize) -> Self {
        let parts = vec![Part { state: State::Due, attempts: 0 }; count.into()];
        Self { to, reliable, open: parts.len(), parts, body, room }
    }

    pub(super) fn bytes(&self, index: u16) -> &[u8] {
        let from = (usize::from(index) * self.room).min(self.body.len());
        &self.body[from..(from + self.room).min(self.body.len())]
    }

    pub(super) fn part(&mut self, index: u16) -> Option<&mut Part> {
        self.parts.get_mut(usize::from(index))
    }

    /// Marks a fragment. Says whether all are.
    pub(super) fn done(&mut self, index: u16) -> bool {
        if let Some(part) = self.part(index)
            && part.state != State::Done
        {
            part.state = State::Done;
            self.open -= 1;
        }
        self.open == 0
    }
}
