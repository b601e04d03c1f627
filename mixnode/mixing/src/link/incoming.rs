//! The receiving end of all links to a node.

use std::collections::{HashMap, VecDeque};

use zeroize::Zeroizing;

use super::key::{Key, Shared};
use super::window::Window;
use super::{COUNTER_AT, Ends, HEADER, LinkError, OVERHEAD, SALT_AT, VERSION};

/// Salts that are remembered for each peer: its starts in two epochs. What is replayed from an earlier one is opened once more; the packets' own
/// replay tags, which outlive also the receiver, are what it fails at.
const STARTS: usize = 8;

/// What a datagram held.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The node that sealed it.
    pub sender: [u8; 16],
    /// The key epoch that it was sealed in.
    pub epoch: u32,
    /// The packet.
    pub packet: &'a mut [u8],
}

/// Links from any number of peers to this node.
///
/// Whoever forges a datagram makes the receiver derive one key (HKDF, no scalar multiplication) and check one tag. It keeps nothing of that.
pub struct Incoming {
    secret: Zeroizing<[u8; 32]>,
    receiver: [u8; 16],
    epoch: u32,
    /// The epoch before, and when it ends.
    previous: Option<(u32, u64)>,
    peers: HashMap<[u8; 16], Peer>,
}

struct Peer {
    public: [u8; 32],
    shared: Shared,
    /// The latest first.
    sessions: VecDeque<Session>,
}

/// One start of a peer in one epoch.
struct Session {
    epoch: u32,
    salt: [u8; 16],
    key: Key,
    window: Window,
}

impl Incoming {
    /// To the node of that name with that link secret (X25519).
    #[must_use]
    pub fn new(secret: [u8; 32], receiver: [u8; 16], epoch: u32) -> Self {
        Self { secret: Zeroizing::new(secret), receiver, epoch, previous: None, peers: HashMap::new() }
    }

    /// Lets a peer in, by its public link key. One that has the same key already stays as it is.
    ///
    /// # Errors
    /// If the key is of low order; a peer of that name stays as it is.
    pub fn insert(&mut self, peer: [u8; 16], public: &[u8; 32]) -> Result<(), LinkError> {
        if self.peers.get(&peer).is_some_and(|known| known.public == *public) {
            return Ok(());
        }
        let shared = Shared::new(&self.secret, public)?;
        self.peers.insert(peer, Peer { public: *public, shared, sessions: VecDeque::new() });
        Ok(())
    }

    /// Lets a peer in no more.
    pub fn remove(&mut self, peer: &[u8; 16]) {
        self.peers.remove(peer);
    }

    /// Goes on to a later epoch, and accepts the present one until that time (nanoseconds). Peers' clocks differ: call it earlier than they change
    /// by as much as that, and let the grace last as much longer. An epoch that is not later changes nothing.
    pub fn advance(&mut self, epoch: u32, until: u64) {
        if epoch <= self.epoch {
            return;
        }
        let previous = self.epoch;
        self.previous = Some((previous, until));
        self.epoch = epoch;
        for peer in self.peers.values_mut() {
            peer.sessions.retain(|session| session.epoch >= previous);
        }
    }

    /// Opens a datagram in place, at that time (nanoseconds).
    ///
    /// # Errors
    /// Each for a datagram that is to be dropped; what it held is then lost.
    pub fn open<'a>(&mut self, now: u64, datagram: &'a mut [u8]) -> Result<Opened<'a>, LinkError> {
        let length = datagram.len();
        if length < OVERHEAD {
            return Err(LinkError::Short(length));
        }
        let (header, sealed) = datagram.split_at_mut(HEADER);
        let header = &*header;
        if header[0] != VERSION {
            return Err(LinkError::Version(header[0]));
        }
        let epoch = u32::from_be_bytes(field(header, 1));
        if epoch != self.epoch && !self.previous.is_some_and(|(previous, until)| epoch == previous && now < until) {
            return Err(LinkError::Epoch(epoch));
        }
        let sender = field(header, 5);
        let peer = self.peers.get_mut(&sender).ok_or(LinkError::Sender)?;
        let salt = field(header, SALT_AT);
        let counter = u64::from_be_bytes(field(header, COUNTER_AT));
        if let Some(session) = peer.sessions.iter_mut().find(|known| known.salt == salt && known.epoch == epoch) {
            if !session.window.is_fresh(counter) {
                return Err(LinkError::Replayed);
            }
            let packet = session.key.open(counter, header, sealed)?;
            session.window.mark(counter);
            return Ok(Opened { sender, epoch, packet });
        }
        let key = peer.shared.key(Ends { sender, receiver: self.receiver }, epoch, &salt)?;
        let packet = key.open(counter, header, sealed)?;
        // Only now it is known that the peer drew this salt.
        let mut window = Window::default();
        window.mark(counter);
        peer.sessions.truncate(STARTS - 1);
        peer.sessions.push_front(Session { epoch, salt, key, window });
        Ok(Opened { sender, epoch, packet })
    }
}

/// The field of a header that is long enough.
fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&header[at..at + N]);
    field
}
