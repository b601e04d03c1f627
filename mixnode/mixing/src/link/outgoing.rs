//! The sending end.

use rand::CryptoRng;

use super::key::{Key, Shared};
use super::{COUNTER_AT, Ends, HEADER, LinkError, SALT_AT, VERSION};

/// Datagrams under one key, if packets have at most 2 KB (RFC 9001 §B.1.1).
const MOST: u64 = 1 << 28;

/// A link to another node, for one key epoch.
pub struct Outgoing {
    key: Key,
    header: [u8; HEADER],
    counter: u64,
}

impl Outgoing {
    /// To a peer, by this node's link secret and the peer's public link key (both X25519).
    ///
    /// # Errors
    /// If the public key is of low order.
    pub fn new(
        secret: &[u8; 32],
        peer: &[u8; 32],
        ends: Ends,
        epoch: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, LinkError> {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let key = Shared::new(secret, peer)?.key(ends, epoch, &salt)?;
        let mut header = [0; HEADER];
        header[0] = VERSION;
        header[1..5].copy_from_slice(&epoch.to_be_bytes());
        header[5..SALT_AT].copy_from_slice(&ends.sender);
        header[SALT_AT..COUNTER_AT].copy_from_slice(&salt);
        Ok(Self { key, header, counter: 0 })
    }

    /// Whether it is time for a new one: half of what the key may seal is sealed.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        self.counter >= MOST / 2
    }

    /// Puts the packet's datagram in the place of what `datagram` holds.
    ///
    /// # Errors
    /// After 2^28 datagrams: then a new `Outgoing` is needed. What `datagram` holds after an error must not be sent.
    pub fn seal(&mut self, packet: &[u8], datagram: &mut Vec<u8>) -> Result<(), LinkError> {
        if self.counter >= MOST {
            return Err(LinkError::Exhausted);
        }
        let counter = self.counter;
        self.counter += 1;
        self.header[COUNTER_AT..].copy_from_slice(&counter.to_be_bytes());
        datagram.clear();
        datagram.extend_from_slice(&self.header);
        datagram.extend_from_slice(packet);
        let tag = self.key.seal(counter, &self.header, &mut datagram[HEADER..])?;
        datagram.extend_from_slice(&tag);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_key_is_not_worn_out() {
        let ends = Ends { sender: [1; 16], receiver: [2; 16] };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let base = std::array::from_fn(|i| if i == 0 { 9 } else { 0 });
        let mut link = Outgoing::new(&[3; 32], &base, ends, 1, &mut rng).unwrap();
        link.counter = MOST / 2 - 1;
        assert!(!link.is_worn());
        link.seal(b"half", &mut Vec::new()).unwrap();
        assert!(link.is_worn());
        link.counter = MOST - 1;
        let mut datagram = Vec::new();
        link.seal(b"last", &mut datagram).unwrap();
        assert_eq!(link.seal(b"one more", &mut datagram), Err(LinkError::Exhausted));
    }
}
