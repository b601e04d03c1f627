//! Building packets.

use std::time::Duration;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use rand::{CryptoRng, RngCore};

use crate::schedule::Schedule;
use crate::wire::{ALPHA, BETA, BLOCK, Block, DELIVER, DROP, GAMMA, LOOP, MOST_STREAM, RELAY, VERSION};
use crate::{Geometry, NodeId, NodeKey};

/// One hop of a path.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Its name.
    pub node: NodeId,
    /// Its key in the packet's epoch.
    pub key: &'a NodeKey,
    /// How long it keeps the packet: microseconds count, up to about 71 minutes.
    pub delay: Duration,
}

/// What the last hop does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// It goes to a recipient's inbox.
    Inbox {
        /// Whose.
        recipient: [u8; 16],
        /// The message's name there: random, so that those of replies do not stand out.
        id: [u8; 16],
    },
    /// Cover traffic that ends here.
    Drop,
    /// The last hop's own loop is back.
    Loop {
        /// Its name.
        id: [u8; 16],
    },
}

/// Why a packet cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// At least one hop, and no more than the geometry has.
    #[error("path: {hops} hops, and the packets have room for 1 to {most}")]
    Path {
        /// Asked for.
        hops: usize,
        /// Possible.
        most: usize,
    },
    /// The payload must fill its place.
    #[error("payload: {length} bytes instead of {wanted}")]
    Payload {
        /// Given.
        length: usize,
        /// Needed.
        wanted: usize,
    },
    /// The packet's buffer must have its size.
    #[error("packet: a buffer of {length} bytes instead of {wanted}")]
    Packet {
        /// Given.
        length: usize,
        /// Needed.
        wanted: usize,
    },
    /// Does not fit 32 bits of microseconds.
    #[error("delay: {0:?} is more than {max} s", max = u32::MAX / 1_000_000)]
    Delay(Duration),
}

/// Builds a packet for a path, for keys of an epoch, into `packet`.
///
/// # Errors
/// If the path, a delay or one of the sizes does not fit; then `packet` is not to be sent.
pub fn build(
    geometry: &Geometry,
    epoch: u8,
    path: &[Hop<'_>],
    destination: &Destination,
    payload: &[u8],
    rng: &mut impl CryptoRng,
    packet: &mut [u8],
) -> Result<(), BuildError> {
    if payload.len() != geometry.payload_len() {
        return Err(BuildError::Payload { length: payload.len(), wanted: geometry.payload_len() });
    }
    if packet.len() != geometry.packet_len() {
        return Err(BuildError::Packet { length: packet.len(), wanted: geometry.packet_len() });
    }
    let (head, body) = packet.split_at_mut(geometry.header_len());
    let schedules = header(geometry, epoch, path, destination, rng, head)?;
    body.copy_from_slice(payload);
    for schedule in schedules.iter().rev() {
        schedule.payload.encrypt(body);
    }
    Ok(())
}

/// Writes a header, whose buffer has the right size, and says what each hop will derive.
pub(crate) fn header(
    geometry: &Geometry,
    epoch: u8,
    path: &[Hop<'_>],
    destination: &Destination,
    rng: &mut impl CryptoRng,
    to: &mut [u8],
) -> Result<Vec<Schedule>, BuildError> {
    let Some(last) = path.len().checked_sub(1).filter(|last| *last < geometry.hops()) else {
        return Err(BuildError::Path { hops: path.len(), most: geometry.hops() });
    };
    let delays = path.iter().map(|hop| micros(hop.delay)).collect::<Result<Vec<_>, _>>()?;

    let mut seed = [0; 64];
    rng.fill_bytes(&mut seed);
    let mut exponent = Scalar::from_bytes_mod_order_wide(&seed);
    to[0] = VERSION;
    to[1] = epoch;
    to[ALPHA..GAMMA].copy_from_slice(&EdwardsPoint::mul_base(&exponent).to_montgomery().to_bytes());
    // The blinded points themselves are not needed: the exponents are multiplied modulo the order of their group.
    let schedules: Vec<Schedule> = path
        .iter()
        .map(|hop| {
            let schedule = Schedule::new(&hop.key.multiply(&exponent));
            exponent *= Scalar::from_bytes_mod_order(schedule.blinding);
            schedule
        })
        .collect();

    let length = geometry.beta_len();
    let beta = &mut to[BETA..];
    // What the hops before the last one append: each shifts in zeros, which its stream encrypts.
    let mut filler = [0; MOST_STREAM];
    for (done, schedule) in schedules.iter().take(last).enumerate() {
        let mut stream = [0; MOST_STREAM];
        schedule.apply(&mut stream[..length + BLOCK]);
        let from = length - done * BLOCK;
        filler[..(done + 1) * BLOCK].iter_mut().zip(&stream[from..]).for_each(|(filler, stream)| *filler ^= stream);
    }
    // Random behind the last block, so that its hop does not see how long the path was.
    let (own, appended) = beta.split_at_mut(length - last * BLOCK);
    rng.fill_bytes(&mut own[BLOCK..]);
    let (flag, address, name) = match *destination {
        Destination::Inbox { recipient, id } => (DELIVER, recipient, id),
        Destination::Drop => (DROP, random(rng), random(rng)),
        Destination::Loop { id } => (LOOP, random(rng), id),
    };
    put(own, &Block { flag, delay: delays[last], address, name });
    schedules[last].apply(own);
    appended.copy_from_slice(&filler[..last * BLOCK]);
    let mut code = schedules[last].authenticate(VERSION, epoch, beta);
    for hop in (0..last).rev() {
        beta.copy_within(..length - BLOCK, BLOCK);
        put(beta, &Block { flag: RELAY, delay: delays[hop], address: path[hop + 1].node, name: code });
        schedules[hop].apply(beta);
        code = schedules[hop].authenticate(VERSION, epoch, beta);
    }
    to[GAMMA..BETA].copy_from_slice(&code);
    Ok(schedules)
}

fn put(beta: &mut [u8], block: &Block) {
    if let Some(to) = beta.first_chunk_mut::<BLOCK>() {
        block.write(to);
    }
}

fn random<const N: usize>(rng: &mut impl RngCore) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn micros(delay: Duration) -> Result<u32, BuildError> {
    u32::try_from(delay.as_micros()).map_err(|_| BuildError::Delay(delay))
}
