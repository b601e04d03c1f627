//! Reply blocks that were given out and not used yet.

use std::collections::{HashMap, VecDeque};

use mimiq_messages::Piece;
use mimiq_sphinx::ReplyKeys;

use crate::packets::Awaited;

/// So many are waited for; of more, the oldest are forgotten.
const MOST: usize = 4096;

/// What opens the replies that may come.
#[derive(Default)]
pub(crate) struct Replies {
    awaited: HashMap<[u8; 16], (Piece, ReplyKeys)>,
    order: VecDeque<[u8; 16]>,
}

impl Replies {
    pub(crate) fn await_one(&mut self, awaited: Awaited, piece: Piece) {
        self.awaited.insert(awaited.id, (piece, awaited.keys));
        self.order.push_back(awaited.id);
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.awaited.remove(&oldest);
            }
        }
    }

    /// The one that a message's name belongs to. Each is good for one reply.
    pub(crate) fn take(&mut self, id: &[u8; 16]) -> Option<(Piece, ReplyKeys)> {
        self.awaited.remove(id)
    }
}
