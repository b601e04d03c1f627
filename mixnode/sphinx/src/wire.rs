//! Where the fields of a packet are.

use crate::NodeId;

pub(crate) const VERSION: u8 = 1;
pub(crate) const ALPHA: usize = 2;
pub(crate) const GAMMA: usize = ALPHA + 32;
pub(crate) const BETA: usize = GAMMA + 16;
/// flag 1, delay 4, address 16, the next γ or a name 16.
pub(crate) const BLOCK: usize = 37;
/// The most that β and one more block take.
pub(crate) const MOST_STREAM: usize = (crate::Geometry::MOST_HOPS + 1) * BLOCK;

pub(crate) const RELAY: u8 = 0;
pub(crate) const DELIVER: u8 = 1;
pub(crate) const DROP: u8 = 2;
pub(crate) const LOOP: u8 = 3;

/// What a hop finds in front of β.
pub(crate) struct Block {
    pub(crate) flag: u8,
    /// Microseconds.
    pub(crate) delay: u32,
    /// The next hop, or the recipient.
    pub(crate) address: NodeId,
    /// The next γ, or the name of a message, reply block or loop.
    pub(crate) name: [u8; 16],
}

impl Block {
    pub(crate) fn write(&self, to: &mut [u8; BLOCK]) {
        to[0] = self.flag;
        to[1..5].copy_from_slice(&self.delay.to_be_bytes());
        to[5..21].copy_from_slice(&self.address);
        to[21..].copy_from_slice(&self.name);
    }

    pub(crate) fn read(from: &[u8; BLOCK]) -> Self {
        Self {
            flag: from[0],
            delay: u32::from_be_bytes([from[1], from[2], from[3], from[4]]),
            address: array(&from[5..21]),
            name: array(&from[21..]),
        }
    }
}

/// The first `N` bytes of a slice that has as many; zeros take the place of missing ones.
pub(crate) fn array<const N: usize>(from: &[u8]) -> [u8; N] {
    let mut to = [0; N];
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    to
}
