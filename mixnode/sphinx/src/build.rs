//! Building packets.

use std::time::Duration;

use rand::CryptoRng;

use crate::dh::LANES;
use crate::schedule::Schedule;
use crate::{Geometry, NodeId, NodeKey, header, lioness};

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
    /// Each order has one buffer.
    #[error("packets: {packets} buffers for {orders} orders")]
    Packets {
        /// Packets asked for.
        orders: usize,
        /// Buffers given.
        packets: usize,
    },
    /// Does not fit 32 bits of microseconds.
    #[error("delay: {0:?} is more than {max} s", max = u32::MAX / 1_000_000)]
    Delay(Duration),
}

/// A packet to be built.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The low byte of the epoch of the path's keys.
    pub epoch: u8,
    /// The hops, from the first on.
    pub path: &'a [Hop<'a>],
    /// What happens at the last.
    pub destination: Destination,
    /// As many bytes as the geometry says; none for cover traffic, whose payload is random. That of a packet with a random payload is random too, whatever
    /// keys it is encrypted with, so it is drawn in its place, and not encrypted.
    pub payload: Option<&'a [u8]>,
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
    fits(geometry, Some(payload), packet)?;
    let (head, body) = packet.split_at_mut(geometry.header_len());
    let schedules = header::build(geometry, epoch, path, destination, rng, head)?;
    body.copy_from_slice(payload);
    encrypt(&[schedules], &mut [body]);
    Ok(())
}

/// Builds packets, each into the buffer of its number: those with payloads the same as [`build`] makes of one after the other, in less time if they
/// are several and the CPU has AVX-512. Groups of eight are the fastest.
///
/// # Errors
/// If there are not as many buffers as orders, or as [`build`] of the first order that does not fit; then no packet is to be sent.
pub fn build_batch(
    geometry: &Geometry,
    orders: &[Order<'_>],
    rng: &mut impl CryptoRng,
    packets: &mut [&mut [u8]],
) -> Result<(), BuildError> {
    if orders.len() != packets.len() {
        return Err(BuildError::Packets { orders: orders.len(), packets: packets.len() });
    }
    for (order, packet) in orders.iter().zip(&*packets) {
        fits(geometry, order.payload, packet)?;
    }
    for (orders, packets) in orders.chunks(LANES).zip(packets.chunks_mut(LANES)) {
        let mut heads: Vec<&mut [u8]> = Vec::with_capacity(LANES);
        let mut bodies: Vec<&mut [u8]> = Vec::with_capacity(LANES);
        for packet in packets {
            let (head, body) = packet.split_at_mut(geometry.header_len());
            heads.push(head);
            bodies.push(body);
        }
        let mut schedules = header::build_group(geometry, orders, rng, &mut heads)?;
        for ((order, body), schedules) in orders.iter().zip(&mut bodies).zip(&mut schedules) {
            if let Some(payload) = order.payload {
                body.copy_from_slice(payload);
            } else {
                rng.fill_bytes(body);
                schedules.clear();
            }
        }
        encrypt(&schedules, &mut bodies);
    }
    Ok(())
}

fn fits(geometry: &Geometry, payload: Option<&[u8]>, packet: &[u8]) -> Result<(), BuildError> {
    if let Some(payload) = payload.filter(|payload| payload.len() != geometry.payload_len()) {
        return Err(BuildError::Payload { length: payload.len(), wanted: geometry.payload_len() });
    }
    if packet.len() != geometry.packet_len() {
        return Err(BuildError::Packet { length: packet.len(), wanted: geometry.packet_len() });
    }
    Ok(())
}

/// The payloads, for the last hop first.
fn encrypt(schedules: &[Vec<Schedule>], bodies: &mut [&mut [u8]]) {
    for hop in (0..schedules.iter().map(Vec::len).max().unwrap_or_default()).rev() {
        let with_body = schedules.iter().zip(&mut *bodies);
        let mut blocks: Vec<(&lioness::Keys, &mut [u8])> =
            with_body.filter_map(|(hops, body)| Some((&hops.get(hop)?.payload, &mut **body))).collect();
        lioness::encrypt(&mut blocks);
    }
}
