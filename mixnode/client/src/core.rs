//! A client without I/O: when to send what, and what comes back. Times are nanoseconds since any moment, but where they are said to be seconds since 1970.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use mimiq_access::Pull;
use mimiq_directory::{MOST_COVER, Routes};
use mimiq_loops::{Config, ConfigError, Ledger, Report};
use mimiq_messages::{
    Acknowledgement, Address, Fragment, Identity, Inbox, InboxConfig, InboxError, MOST_BODY, MessageId, Outbox,
    OutboxConfig, OutboxError, Outcome, Snapshot, SubmitError, open,
};
use mimiq_sphinx::{Geometry, reply};
use rand::{CryptoRng, Rng};

use crate::cover::Cover;
use crate::packets::{Ready, Sender, What};
use crate::replies::Replies;
use crate::traffic::{Stream, Traffic};

/// Acknowledgements that wait for being sent. One that finds no place is asked for again.
const MOST_ACKNOWLEDGEMENTS: usize = 1024;

/// What a client sets out with cannot be.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The inbox.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The test for attacks.
    #[error("loops: {0}")]
    Loops(#[from] ConfigError),
}

/// An acknowledgement, and the reply block that it is for.
type Answer = (Vec<u8>, Acknowledgement);

/// What the user is told.
#[derive(Debug)]
pub enum Event {
    /// A message. It counts as received after [`Core::taken`].
    Message(Message),
    /// Of one that was sent.
    Sent(mimiq_messages::Event),
    /// Too few loops come back, or enough again.
    Attack(Box<Report>),
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who proved to have sent it, with the address at which it can be answered.
    pub from: Address,
    /// Its name.
    pub id: MessageId,
    /// What it says.
    pub text: Vec<u8>,
}

/// See the module.
pub struct Core {
    identity: Identity,
    address: Address,
    geometry: Geometry,
    outbox: Outbox,
    inbox: Inbox,
    traffic: Option<Traffic>,
    ledger: Ledger,
    alarmed: bool,
    /// What is sent next of the user's: built ahead, so that it takes no longer than cover.
    payload: Option<Ready>,
    /// Whether the last of the user's was an acknowledgement.
    answered: bool,
    /// When the last of the user's leaves.
    last: u64,
    cover: Cover,
    acknowledgements: VecDeque<Answer>,
    replies: Replies,
    /// Complete messages that the user has not taken, with the acknowledgements to send then, and the place in the provider's inbox.
    untaken: HashMap<MessageId, (u64, Option<Answer>)>,
    /// The last place in the inbox that was seen.
    seen: u64,
    events: VecDeque<Event>,
}

impl Core {
    /// For who has these keys and this address. `snapshot` is of what an earlier process received.
    ///
    /// # Errors
    /// If packets are too small for messages.
    pub fn new(
        identity: Identity,
        address: Address,
        geometry: Geometry,
        outbox: OutboxConfig,
        snapshot: Snapshot,
    ) -> Result<Self, CoreError> {
        let mut inbox = Inbox::new(InboxConfig::default())?;
        snapshot.0.into_iter().for_each(|received| inbox.remember(received));
        Ok(Self {
            identity,
            address,
            geometry,
            outbox: Outbox::new(outbox, &geometry)?,
            inbox,
            traffic: None,
            ledger: Ledger::new(Config { slack: slack(1.0), most_cover: MOST_COVER, ..Config::default() })?,
            alarmed: false,
            payload: None,
            answered: false,
            last: 0,
            cover: Cover::default(),
            acknowledgements: VecDeque::new(),
            replies: Replies::default(),
            untaken: HashMap::new(),
            seen: 0,
            events: VecDeque::new(),
        })
    }

    /// Takes a message for someone, and names it. It leaves when the payload clock says so. What became of it is an event.
    ///
    /// # Errors
    /// If it is too long, or there are too many.
    pub fn submit(
        &mut self,
        to: Address,
        text: &[u8],
        reliable: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<MessageId, SubmitError> {
        let own = self.address.to_string();
        let most = MOST_BODY - own.len() - 1;
        if text.len() > most {
            return Err(SubmitError::Length { length: text.len(), most });
        }
        // An address is 65 characters and a provider's name: it fits a byte.
        let body = [&[own.len() as u8], own.as_bytes(), text].concat();
        self.outbox.submit(to, body, reliable, rng)
    }

    /// The provider is reached: clocks start anew. Packets may be handed out so long `ahead` of their times as the link waits with them, nanoseconds. Loops on their way do not count, as they could not be asked for meanwhile; what earlier ones said does,
    /// or whoever cuts the connection could end an alarm.
    pub fn connected(&mut self, now: u64, ahead: u64, routes: &Routes, rng: &mut impl Rng) {
        let rates = &routes.directory().state().rates;
        // The provider may have lost its inboxes, and count anew. What comes twice is told by its name.
        self.seen = 0;
        self.traffic = Traffic::new(rates, ahead, now, rng);
        self.ledger.begin_again(slack(rates.pull));
    }

    /// The provider is not reached any more: nothing is sent.
    pub fn disconnected(&mut self) {
        self.traffic = None;
    }

    /// When [`Self::fire`] is to be called: `u64::MAX` is never.
    #[must_use]
    pub fn next(&self) -> u64 {
        let traffic = self.traffic.as_ref().map_or(u64::MAX, Traffic::next);
        let given_up = self.ledger.next().map_or(u64::MAX, |due| nanos(due).saturating_add(1));
        let outbox = self.outbox.deadline().unwrap_or(u64::MAX);
        if self.traffic.is_some() { traffic.min(given_up).min(outbox) } else { outbox }
    }

    /// Whoever calls [`Self::fire`] is that much later than [`Self::next`] said. Whether that is so late that loops may come back late for it.
    pub fn woken(&mut self, late: Duration) -> bool {
        self.ledger.woken(late)
    }

    /// Whether a pull is due. To be asked before [`Self::fire`]: what that hands out leaves later.
    pub fn pull(&mut self, now: u64) -> bool {
        self.traffic.as_mut().is_some_and(|traffic| traffic.pull(now))
    }

    /// Hands out what the clocks ask for, each packet with the time at which it is to leave, one after the other. If that is something now, what they will ask
    /// for soon as well, as far as the link waits with it. When that happens depends on the clocks alone.
    pub fn fire(
        &mut self,
        now: u64,
        routes: &Routes,
        rng: &mut (impl CryptoRng + Rng),
        mut send: impl FnMut(u64, Stream, Vec<u8>),
    ) {
        self.outbox.advance(now);
        self.outcomes();
        let Some(due) = self.traffic.as_mut().map(|traffic| traffic.begin(now)) else { return };
        self.ledger.advance(Duration::from_nanos(now));
        self.look(now, routes, rng);
        for stream in Stream::ALL {
            let times = self.traffic.as_mut().map_or(0, |traffic| traffic.due(stream, now, rng));
            for _ in 0..times {
                self.hand_out(now, stream, routes, rng, &mut send);
            }
        }
        while due && let Some((stream, at)) = self.traffic.as_mut().and_then(|traffic| traffic.ahead(now, rng)) {
            self.hand_out(at, stream, routes, rng, &mut send);
        }
        self.outcomes();
    }

    fn hand_out(
        &mut self,
        at: u64,
        stream: Stream,
        routes: &Routes,
        rng: &mut (impl CryptoRng + Rng),
        send: &mut impl FnMut(u64, Stream, Vec<u8>),
    ) {
        if let Some(Ready { packet, what, .. }) = self.ready(stream) {
            send(at, stream, packet);
            self.sent(at, what, rng);
        }
        self.prepare(at, routes, rng);
    }

    /// Builds what is sent next, so that it is there when the clocks ask for it. To be called after something was submitted or received.
    pub fn prepare(&mut self, now: u64, routes: &Routes, rng: &mut (impl CryptoRng + Rng)) {
        // A packet's epoch can be read by whoever holds it: one of another than all cover traffic has would be known for a message.
        if let Some(old) = self.payload.take_if(|ready| ready.epoch != routes.epoch())
            && let What::Piece(piece, _) = old.what
        {
            self.outbox.give_back(piece);
        }
        self.cover.fill(&Sender { own: &self.address, routes }, rng);
        if self.payload.is_none() {
            // In turns: anybody can cause acknowledgements, and they would keep the user's messages back.
            self.payload = if self.answered {
                self.piece(now, routes, rng).or_else(|| self.acknowledgement(routes))
            } else {
                self.acknowledgement(routes).or_else(|| self.piece(now, routes, rng))
            };
            self.answered = self.payload.as_ref().is_some_and(|ready| matches!(ready.what, What::Acknowledgement));
        }
    }

    /// Takes what came from the inbox: its place there, its name, its payload. The time is in seconds since 1970.
    pub fn received(&mut self, now: u64, seconds: u64, place: u64, id: [u8; 16], payload: &mut [u8]) {
        if place <= self.seen {
            return;
        }
        self.seen = place;
        if self.ledger.returned(id, Duration::from_nanos(now)) != mimiq_loops::Outcome::Unknown {
            return;
        }
        if let Some((piece, keys)) = self.replies.take(&id) {
            keys.open(payload);
            match Acknowledgement::parse(payload) {
                Some(acknowledgement) => {
                    self.outbox.acknowledged(piece, &acknowledgement);
                }
                None => tracing::debug!("a reply was changed on its way"),
            }
            return self.outcomes();
        }
        let Some(opened) = open(&self.identity, payload) else { return };
        let (sender, content) = (opened.sender, opened.content);
        let fragment = match Fragment::parse(content, &self.geometry) {
            Ok(fragment) => fragment,
            Err(error) => return tracing::debug!(%error, "a fragment"),
        };
        let accepted = match self.inbox.accept(seconds, &sender, &fragment) {
            Ok(accepted) => accepted,
            Err(error) => return tracing::debug!(%error, "a fragment"),
        };
        let answer = fragment.block.map(<[u8]>::to_vec).zip(accepted.acknowledgement);
        match accepted.outcome {
            Outcome::Complete(body) => match message(&body, &sender, fragment.piece.message) {
                Some(message) => {
                    self.untaken.insert(message.id, (place, answer));
                    self.events.push_back(Event::Message(message));
                }
                None => tracing::debug!("a message does not say who sent it"),
            },
            // The user does not have it yet: nobody may be told so.
            Outcome::Duplicate if self.untaken.contains_key(&fragment.piece.message) => {}
            Outcome::Incomplete | Outcome::Duplicate => self.answer(answer),
        }
    }

    /// The user has a message, and will have it after a crash as well: now its sender is told. What [`Self::snapshot`] gives is to be stored before.
    pub fn taken(&mut self, id: MessageId) {
        if let Some((_, answer)) = self.untaken.remove(&id) {
            self.answer(answer);
        }
    }

    /// What to ask of the inbox: it may be emptied up to the first message that the user has not taken, but what comes behind that is wanted.
    #[must_use]
    pub fn wanted(&self) -> Pull {
        // After the provider lost its inboxes, old places say nothing of new messages.
        let done = self.untaken.values().map(|(place, _)| place - 1).fold(self.seen, u64::min);
        Pull { done, seen: self.seen }
    }

    /// What it has received, but for what the user has not taken.
    #[must_use]
    pub fn snapshot(&self, taking: Option<MessageId>) -> Snapshot {
        let untaken: HashSet<&MessageId> = self.untaken.keys().filter(|id| Some(**id) != taking).collect();
        let all = self.inbox.snapshot();
        Snapshot(all.0.into_iter().filter(|received| !untaken.contains(&received.message)).collect())
    }

    /// What the user is to be told.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether all of the user's has left that is to be sent.
    #[must_use]
    pub fn is_idle(&self, now: u64) -> bool {
        self.payload.is_none() && self.acknowledgements.is_empty() && self.last <= now
    }

    /// What its loops say of the network.
    #[must_use]
    pub fn report(&self) -> Report {
        self.ledger.report()
    }

    fn ready(&mut self, stream: Stream) -> Option<Ready> {
        let cover = self.cover.take(stream);
        match stream {
            Stream::Payload => self.payload.take().or(cover),
            Stream::Loop | Stream::Drop => cover,
        }
    }

    fn sent(&mut self, now: u64, what: What, rng: &mut impl Rng) {
        if matches!(what, What::Acknowledgement | What::Piece(..)) {
            self.last = now;
        }
        match what {
            What::Drop | What::Acknowledgement => {}
            What::Loop { id, path, delay } => self.ledger.sent(id, &path, Duration::from_nanos(now), delay),
            What::Piece(piece, awaited) => {
                self.outbox.sent(now, piece, rng);
                if let Some(awaited) = awaited {
                    self.replies.await_one(awaited, piece);
                }
            }
        }
    }

    /// The packet of the first piece of a message that is due.
    fn piece(&mut self, now: u64, routes: &Routes, rng: &mut (impl CryptoRng + Rng)) -> Option<Ready> {
        let due = self.outbox.next(now)?;
        let piece = due.piece;
        match (Sender { own: &self.address, routes }).piece(&due, &self.identity, rng) {
            Ok(ready) => Some(ready),
            Err(error) => {
                tracing::warn!(%error, "a message cannot be sent now");
                // It is tried again when it would be if it had got lost.
                self.outbox.sent(now, piece, rng);
                None
            }
        }
    }

    /// The packet of the first acknowledgement that waits.
    fn acknowledgement(&mut self, routes: &Routes) -> Option<Ready> {
        let geometry = routes.directory().geometry();
        while let Some((block, acknowledgement)) = self.acknowledgements.pop_front() {
            let mut packet = vec![0; geometry.packet_len()];
            // The first hop must be the own provider: packets go nowhere else, and another one would show that this is a reply.
            let provider = routes.directory().provider(self.address.provider()).map(mimiq_directory::Node::id);
            match reply(&geometry, &block, &acknowledgement.payload(&geometry), &mut packet) {
                // The sender tries again, with a block of this epoch.
                Ok(_) if packet.get(1) != Some(&routes.epoch_byte()) => {
                    tracing::debug!("a reply block of another epoch")
                }
                Ok(first) if Some(first) == provider => {
                    return Some(Ready { packet, epoch: routes.epoch(), what: What::Acknowledgement });
                }
                Ok(_) => tracing::debug!("a reply block leads elsewhere"),
                Err(error) => tracing::debug!(%error, "a reply block"),
            }
        }
        None
    }

    fn answer(&mut self, answer: Option<Answer>) {
        if let Some(answer) = answer
            && self.acknowledgements.len() < MOST_ACKNOWLEDGEMENTS
        {
            self.acknowledgements.push_back(answer);
        }
    }

    fn outcomes(&mut self) {
        while let Some(event) = self.outbox.event() {
            self.events.push_back(Event::Sent(event));
        }
    }

    /// What the loops say, and what follows from it.
    fn look(&mut self, now: u64, routes: &Routes, rng: &mut impl Rng) {
        let alarmed = self.ledger.is_alarmed();
        if let Some(traffic) = &mut self.traffic {
            traffic.set(&routes.directory().state().rates, self.ledger.cover(), now, rng);
        }
        if alarmed != self.alarmed {
            self.alarmed = alarmed;
            self.events.push_back(Event::Attack(Box::new(self.ledger.report())));
        }
    }
}

/// Loops come back with a pull: one that just missed it waits for the next, and the provider takes a moment to store it.
fn slack(pull: f64) -> Duration {
    Config::default().slack + Duration::try_from_secs_f64(2.0 / pull).unwrap_or(Duration::from_secs(3600))
}

/// A body, if it begins with an address at which its sender can be reached.
fn message(body: &[u8], sender: &[u8; 32], id: MessageId) -> Option<Message> {
    let (length, rest) = body.split_first()?;
    let (address, text) = rest.split_at_checked(usize::from(*length))?;
    let from: Address = std::str::from_utf8(address).ok()?.parse().ok()?;
    (from.key() == sender).then(|| Message { from, id, text: text.to_vec() })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
