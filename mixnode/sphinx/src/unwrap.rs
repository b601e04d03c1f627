//! What a hop does with packets.

use std::time::Duration;

use crate::dh::{self, BASE, Pair};
use crate::schedule::Schedule;
use crate::wire::{ALPHA, BETA, BLOCK, Block, DELIVER, DROP, GAMMA, LOOP, MOST_STREAM, RELAY, VERSION, array};
use crate::{Geometry, NodeId, SecretKey, lioness};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// What is to be done with a packet after its delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the next hop.
    Relay {
        /// Its name.
        next: NodeId,
    },
    /// Put its [`payload`] into an inbox.
    Deliver {
        /// Whose.
        recipient: [u8; 16],
        /// The message's name there.
        id: [u8; 16],
    },
    /// Nothing: it was cover traffic.
    Drop,
    /// One's own loop is back.
    Loop {
        /// Its name.
        id: [u8; 16],
    },
}

/// What a hop learns of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwrapped {
    /// The same for every packet with this header: a second one is a replay. From the shared secret.
    pub tag: [u8; 16],
    /// How long to keep it.
    pub delay: Duration,
    /// What to do then.
    pub action: Action,
}

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not the size of all packets, in bytes.
    #[error("length: {0} bytes")]
    Length(usize),
    /// Unknown.
    #[error("version: {0}")]
    Version(u8),
    /// α is not the canonical encoding of a number below 2^255 − 19.
    #[error("alpha: not canonical")]
    NotCanonical,
    /// α has a small order: the shared secret is zero for every node.
    #[error("alpha: of small order")]
    SmallOrder,
    /// γ is wrong: made for another key, or changed.
    #[error("gamma: wrong")]
    Code,
    /// Authentic, but unknown.
    #[error("flag: {0}")]
    Flag(u8),
}

impl Malformed {
    /// The reason's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Length(_) => "length",
            Self::Version(_) => "version",
            Self::NotCanonical => "alpha_not_canonical",
            Self::SmallOrder => "alpha_small_order",
            Self::Code => "code",
            Self::Flag(_) => "flag",
        }
    }
}

/// Unwraps packets with one secret key.
#[derive(Debug)]
pub struct Unwrapper {
    geometry: Geometry,
    secret: dh::Secret,
}

/// A packet of a group, and what is known of it.
enum Stage {
    Pending,
    Refused(Malformed),
    Derived(Box<Schedule>),
}

impl Unwrapper {
    /// For packets of this size.
    #[must_use]
    pub fn new(geometry: Geometry, secret: SecretKey) -> Self {
        Self { geometry, secret: dh::Secret::new(secret) }
    }

    /// Unwraps packets in place, and appends to `results` what is found, in order. Afterwards a packet to relay is the next hop's, and
    /// the last bytes of one to deliver are its payload; a refused one is not to be used. Groups of [`Self::LANES`] are
    /// the fastest; what is found in one packet does not depend on the others.
    ///
    /// The time of a group depends on how many packets are in it, and on how many are refused and why: these do not get as far.
    /// It depends on no key, address, delay or payload; and on whether an accepted packet is to be relayed, delivered or dropped only by the copying of a
    /// header, since all of them are blinded and their payloads decrypted. With AVX-512 IFMA a group of one takes as long for its multiplications
    /// as a full one, with AVX-512 alone a group of six; else each packet has its own.
    pub fn unwrap_batch(&self, packets: &mut [&mut [u8]], results: &mut Vec<Result<Unwrapped, Malformed>>) {
        for group in packets.chunks_mut(Self::LANES) {
            self.group(group, results);
        }
    }

    /// So many packets are worked on at once.
    pub const LANES: usize = dh::LANES;

    fn group(&self, packets: &mut [&mut [u8]], results: &mut Vec<Result<Unwrapped, Malformed>>) {
        // A refused packet takes part with a point that does no harm.
        let mut points = [BASE; dh::LANES];
        let mut stages: Vec<Stage> = Vec::with_capacity(packets.len());
        for (packet, point) in packets.iter().zip(&mut points) {
            stages.push(match self.look(packet) {
                Ok(alpha) => {
                    *point = alpha;
                    Stage::Pending
                }
                Err(refusal) => Stage::Refused(refusal),
            });
        }
        let used = packets.len();
        let mut secrets = self.secret.multiply(&points, used);
        let mut pairs = points.map(|point| Pair { scalar: BASE, point });
        for (((packet, stage), pair), secret) in packets.iter_mut().zip(&mut stages).zip(&mut pairs).zip(&secrets) {
            if !matches!(stage, Stage::Pending) {
                continue;
            }
            if bool::from(secret.ct_eq(&[0; 32])) {
                *stage = Stage::Refused(Malformed::SmallOrder);
                continue;
            }
            let schedule = Schedule::new(secret);
            let code = schedule.authenticate(packet[0], packet[1], &packet[BETA..self.geometry.header_len()]);
            if !bool::from(code.ct_eq(&packet[GAMMA..BETA])) {
                *stage = Stage::Refused(Malformed::Code);
                continue;
            }
            pair.scalar = schedule.blinding;
            *stage = Stage::Derived(Box::new(schedule));
        }
        // Who would not need the next point takes part all the same: what a packet is for does not show in the time.
        let blinded = dh::multiply(&pairs, used);
        secrets.zeroize();
        pairs.zeroize();
        let mut payloads = Vec::with_capacity(packets.len());
        for ((packet, stage), alpha) in packets.iter_mut().zip(&stages).zip(&blinded) {
            results.push(match stage {
                Stage::Derived(schedule) => {
                    let (head, body) = packet.split_at_mut(self.geometry.header_len());
                    let done = self.advance(head, schedule, alpha);
                    if done.is_ok() {
                        payloads.push((&schedule.payload, body));
                    }
                    done
                }
                Stage::Refused(refusal) => Err(*refusal),
                Stage::Pending => Err(Malformed::Code),
            });
        }
        lioness::decrypt(&mut payloads);
    }

    /// α, if the packet may be one.
    fn look(&self, packet: &[u8]) -> Result<[u8; 32], Malformed> {
        if packet.len() != self.geometry.packet_len() {
            return Err(Malformed::Length(packet.len()));
        }
        if packet[0] != VERSION {
            return Err(Malformed::Version(packet[0]));
        }
        let alpha = array(&packet[ALPHA..GAMMA]);
        if dh::is_canonical(&alpha) { Ok(alpha) } else { Err(Malformed::NotCanonical) }
    }

    /// Makes the header that of the next hop, if there is one.
    fn advance(&self, head: &mut [u8], schedule: &Schedule, alpha: &[u8; 32]) -> Result<Unwrapped, Malformed> {
        let length = self.geometry.beta_len();
        let mut beta = [0; MOST_STREAM];
        beta[..length].copy_from_slice(&head[BETA..]);
        schedule.apply(&mut beta[..length + BLOCK]);
        let Some((block, rest)) = beta.split_first_chunk::<BLOCK>() else { return Err(Malformed::Code) };
        let Block { flag, delay, address, name } = Block::read(block);
        let action = match flag {
            RELAY => {
                head[ALPHA..GAMMA].copy_from_slice(alpha);
                head[GAMMA..BETA].copy_from_slice(&name);
                head[BETA..].copy_from_slice(&rest[..length]);
                Action::Relay { next: address }
            }
            DELIVER => Action::Deliver { recipient: address, id: name },
            DROP => Action::Drop,
            LOOP => Action::Loop { id: name },
            _ => return Err(Malformed::Flag(flag)),
        };
        Ok(Unwrapped { tag: schedule.tag, delay: Duration::from_micros(delay.into()), action })
    }
}

/// The payload of an unwrapped packet: empty if it has not the size of one.
#[must_use]
pub fn payload<'a>(geometry: &Geometry, packet: &'a [u8]) -> &'a [u8] {
    packet.get(geometry.header_len()..).unwrap_or_default()
}
