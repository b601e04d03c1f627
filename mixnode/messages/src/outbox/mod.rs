//! Messages on their way: cut into fragments, sent again until they are acknowledged. Pure: times are nanoseconds of any clock that does not go back.
//!
//! A fragment goes round: [`Outbox::next`] hands it out, the client puts it into the queue of its payload clock and says when it left
//! ([`Outbox::sent`]), for it may have waited there for long; then its timeout runs.
//!
//! A message is delivered when an acknowledgement says that the recipient has all of it. That each fragment was acknowledged is not enough: the
//! recipient may have lost what it had, by a crash or for want of room. Then all are sent again.

mod config;
mod event;
mod message;

pub use config::{OutboxConfig, OutboxError};
pub use event::{Event, Failure, SubmitError};

use std::collections::{BTreeSet, HashMap, VecDeque};

use mimiq_sphinx::Geometry;
use rand::{CryptoRng, Rng};

use crate::{Acknowledgement, Address, Fragment, MOST_BODY, MOST_FRAGMENTS, MessageId, Piece};
use message::{Message, State};

/// A fragment that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// To whom.
    pub to: &'a Address,
    /// Its name, by which the client speaks of it.
    pub piece: Piece,
    /// How many its message has.
    pub count: u16,
    /// What is in it.
    pub bytes: &'a [u8],
    /// Whether it needs a reply block: a new one each time.
    pub wants_block: bool,
}

/// See the module.
pub struct Outbox {
    config: OutboxConfig,
    /// Bytes of a fragment, at least one.
    room: usize,
    room_with_block: usize,
    messages: HashMap<MessageId, Message>,
    due: VecDeque<Piece>,
    timers: BTreeSet<(u64, Piece)>,
    events: VecDeque<Event>,
}

impl Outbox {
    /// An empty one.
    ///
    /// # Errors
    /// If the configuration is out of its ranges, or payloads are too short.
    pub fn new(config: OutboxConfig, geometry: &Geometry) -> Result<Self, OutboxError> {
        config.check()?;
        let room =
            |with_block| Fragment::room(geometry, with_block).ok_or(OutboxError::Payload(geometry.payload_len()));
        Ok(Self {
            config,
            room: room(false)?,
            room_with_block: room(true)?,
            messages: HashMap::new(),
            due: VecDeque::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
        })
    }

    /// Takes a message, and names it.
    ///
    /// # Errors
    /// If it is too long, or there are too many.
    pub fn submit(
        &mut self,
        to: Address,
        body: Vec<u8>,
        reliable: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<MessageId, SubmitError> {
        let room = if reliable { self.room_with_block } else { self.room };
        let most = MOST_BODY.min(usize::from(MOST_FRAGMENTS) * room);
        if body.len() > most {
            return Err(SubmitError::Length { length: body.len(), most });
        }
        if self.messages.len() >= self.config.most_messages {
            return Err(SubmitError::Full(self.messages.len()));
        }
        let mut id = MessageId([0; 16]);
        rng.fill_bytes(&mut id.0);
        let count = body.len().div_ceil(room).max(1) as u16;
        self.messages.insert(id, Message::new(to, body, reliable, count, room));
        self.due.extend((0..count).map(|index| Piece { message: id, index }));
        Ok(id)
    }

    /// The next fragment to put into the client's queue, if one is due.
    pub fn next(&mut self, now: u64) -> Option<Due<'_>> {
        self.advance(now);
        let piece = loop {
            let piece = self.due.pop_front()?;
            // Acknowledged meanwhile, or handed out already.
            if let Some(part) = self.messages.get_mut(&piece.message).and_then(|message| message.part(piece.index))
                && part.state == State::Due
            {
                part.state = State::Taken;
                part.attempts += 1;
                break piece;
            }
        };
        let message = self.messages.get(&piece.message)?;
        let count = message.parts.len() as u16;
        let bytes = message.bytes(piece.index);
        Some(Due { to: &message.to, piece, count, bytes, wants_block: message.reliable })
    }

    /// A fragment that was handed out could not be sent: it is the next again.
    pub fn give_back(&mut self, piece: Piece) {
        if let Some(part) = self.messages.get_mut(&piece.message).and_then(|message| message.part(piece.index))
            && part.state == State::Taken
        {
            part.state = State::Due;
            part.attempts -= 1;
            self.due.push_front(piece);
        }
    }

    /// A fragment that was handed out has been sent now.
    pub fn sent(&mut self, now: u64, piece: Piece, rng: &mut impl Rng) {
        let Some(message) = self.messages.get_mut(&piece.message) else { return };
        let reliable = message.reliable;
        let Some(part) = message.part(piece.index).filter(|part| part.state == State::Taken) else { return };
        if reliable {
            let timeout = self.config.first_timeout.saturating_mul(1 << (part.attempts - 1));
            // Or fragments that were lost together would be lost together again.
            let until = now.saturating_add(timeout).saturating_add(rng.random_range(0..=timeout / 2));
            part.state = State::Sent(until);
            self.timers.insert((until, piece));
        } else if message.done(piece.index) {
            self.finish(Event::Sent(piece.message), piece.message);
        }
    }

    /// An acknowledgement came back in the reply block of that fragment. Says whether it fits.
    pub fn acknowledged(&mut self, piece: Piece, acknowledgement: &Acknowledgement) -> bool {
        if acknowledgement.piece != piece {
            return false;
        }
        let Some(message) = self.messages.get_mut(&piece.message) else { return true };
        if acknowledgement.complete {
            self.finish(Event::Delivered(piece.message), piece.message);
            return true;
        }
        if let Some(State::Sent(until)) = message.part(piece.index).map(|part| part.state) {
            self.timers.remove(&(until, piece));
        }
        if message.done(piece.index) {
            self.again(piece.message);
        }
        true
    }

    /// What became of a message, one at a time.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::advance`] or [`Self::next`] again at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.timers.first().map(|(until, _)| *until)
    }

    /// Lets the timeouts until now pass. [`Self::next`] does, too.
    pub fn advance(&mut self, now: u64) {
        while let Some((until, piece)) = self.timers.first().copied()
            && until <= now
        {
            self.timers.pop_first();
            let message = self.messages.get_mut(&piece.message);
            let Some(part) = message.and_then(|message| message.part(piece.index)) else { continue };
            if part.attempts >= self.config.most_attempts {
                let failure = Failure::Unanswered { index: piece.index, attempts: part.attempts };
                self.finish(Event::Failed(piece.message, failure), piece.message);
            } else {
                part.state = State::Due;
                self.due.push_back(piece);
            }
        }
    }

    /// All fragments are acknowledged, and the message is not complete.
    fn again(&mut self, id: MessageId) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        let attempts = message.parts.iter().map(|part| part.attempts).max().unwrap_or_default();
        if attempts >= self.config.most_attempts {
            return self.finish(Event::Failed(id, Failure::Lost { attempts }), id);
        }
        message.open = message.parts.len();
        message.parts.iter_mut().for_each(|part| part.state = State::Due);
        let count = message.parts.len() as u16;
        self.due.extend((0..count).map(|index| Piece { message: id, index }));
    }

    fn finish(&mut self, event: Event, id: MessageId) {
        let Some(message) = self.messages.remove(&id) else { return };
        for (index, part) in message.parts.iter().enumerate() {
            if let State::Sent(until) = part.state {
                self.timers.remove(&(until, Piece { message: id, index: index as u16 }));
            }
        }
        self.due.retain(|piece| piece.message != id);
        self.events.push_back(event);
    }
}
