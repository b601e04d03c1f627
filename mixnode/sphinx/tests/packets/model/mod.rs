//! The format once more, slowly and straight from its definition: what the fast code must agree with, byte for byte.

use aes::Aes256;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use mimiq_sphinx::{Action, Destination};
use rand::RngCore;
use sha2::{Digest as _, Sha256};

pub(crate) struct ModelHop {
    pub(crate) node: [u8; 16],
    pub(crate) public: [u8; 32],
    pub(crate) micros: u32,
}

fn ctr(key: &[u8], length: usize) -> Vec<u8> {
    let key: [u8; 32] = key.try_into().unwrap();
    let mut stream = vec![0; length];
    ctr::Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut stream);
    stream
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    Sha256::digest(parts.concat()).to_vec()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

fn clamp(bytes: &[u8]) -> [u8; 32] {
    let mut bytes: [u8; 32] = bytes.try_into().unwrap();
    bytes[0] &= 0b1111_1000;
    bytes[31] = bytes[31] & 0b0111_1111 | 0b0100_0000;
    bytes
}

/// All that a hop derives.
struct Keys {
    tag: Vec<u8>,
    blinding: [u8; 32],
    mac: Vec<u8>,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Keys {
    fn new(secret: &[u8; 32]) -> Self {
        let all = ctr(&sha256(&[b"mimiq sphinx 1 hop", secret]), 240);
        Self {
            tag: all[..16].to_vec(),
            blinding: clamp(&all[16..48]),
            mac: all[48..80].to_vec(),
            header: all[80..112].to_vec(),
            payload: all[112..].to_vec(),
        }
    }

    fn mac(&self, epoch: u8, beta: &[u8]) -> Vec<u8> {
        sha256(&[&self.mac, &[1, epoch], beta])[..16].to_vec()
    }
}

pub(crate) fn lioness(keys: &[u8], block: &[u8], encrypt: bool) -> Vec<u8> {
    let (mut left, mut right) = (block[..32].to_vec(), block[32..].to_vec());
    let rounds: Vec<usize> = if encrypt { (0..4).collect() } else { (0..4).rev().collect() };
    for round in rounds {
        let key = &keys[32 * round..32 * (round + 1)];
        if round % 2 == 0 {
            right = xor(&right, &ctr(&xor(&left, key), right.len()));
        } else {
            left = xor(&left, &sha256(&[key, &right]));
        }
    }
    [left, right].concat()
}

/// The secrets of all hops. Each blinded point is really computed.
fn secrets(path: &[ModelHop], x: Scalar) -> (MontgomeryPoint, Vec<Keys>) {
    let first = MontgomeryPoint::mul_base(&x);
    let (mut alpha, mut blindings, mut keys) = (first, Vec::<[u8; 32]>::new(), Vec::new());
    for hop in path {
        // ((y^x)^b0)^b1 …
        let mut secret = MontgomeryPoint(hop.public) * x;
        for blinding in &blindings {
            secret = secret.mul_clamped(*blinding);
        }
        let derived = Keys::new(&secret.to_bytes());
        blindings.push(derived.blinding);
        alpha = alpha.mul_clamped(derived.blinding);
        keys.push(derived);
    }
    (first, keys)
}

/// Draws from `rng` what `build` draws, in its order: the secret exponent, the padding, names that mean nothing.
pub(crate) fn build(
    hops: usize,
    epoch: u8,
    path: &[ModelHop],
    destination: &Destination,
    payload: &[u8],
    rng: &mut impl RngCore,
) -> Vec<u8> {
    let mut draw = |length: usize| {
        let mut bytes = vec![0; length];
        rng.fill_bytes(&mut bytes);
        bytes
    };
    let x = Scalar::from_bytes_mod_order_wide(&draw(64).try_into().unwrap());
    let (alpha, keys) = secrets(path, x);
    let (length, last) = (37 * hops, path.len() - 1);

    let mut filler = Vec::new();
    for keys in &keys[..last] {
        filler.extend([0; 37]);
        let stream = ctr(&keys.header, length + 37);
        filler = xor(&filler, &stream[stream.len() - filler.len()..]);
    }
    let padding = draw(length - 37 - filler.len());
    let (flag, address, name) = match destination {
        Destination::Inbox { recipient, id } => (1, recipient.to_vec(), id.to_vec()),
        Destination::Drop => (2, draw(16), draw(16)),
        Destination::Loop { id } => (3, draw(16), id.to_vec()),
    };
    let plain = [vec![flag], path[last].micros.to_be_bytes().to_vec(), address, name, padding].concat();
    let mut beta = [xor(&plain, &ctr(&keys[last].header, plain.len())), filler].concat();
    let mut gamma = keys[last].mac(epoch, &beta);
    for hop in (0..last).rev() {
        let (delay, next) = (path[hop].micros.to_be_bytes(), path[hop + 1].node);
        let plain = [&[0], &delay[..], &next, &gamma, &beta[..length - 37]].concat();
        beta = xor(&plain, &ctr(&keys[hop].header, length));
        gamma = keys[hop].mac(epoch, &beta);
    }
    let delta = keys.iter().rev().fold(payload.to_vec(), |delta, keys| lioness(&keys.payload, &delta, true));
    [vec![1, epoch], alpha.to_bytes().to_vec(), gamma, beta, delta].concat()
}

/// The next packet, its replay tag, delay (µs) and action; nothing if it is not authentic.
pub(crate) fn unwrap(hops: usize, secret: [u8; 32], packet: &[u8]) -> Option<(Vec<u8>, [u8; 16], u32, Action)> {
    let length = 37 * hops;
    let alpha = MontgomeryPoint(packet[2..34].try_into().unwrap());
    let shared = alpha.mul_clamped(secret);
    let (gamma, beta, delta) = (&packet[34..50], &packet[50..50 + length], &packet[50 + length..]);
    let keys = Keys::new(&shared.to_bytes());
    if shared.to_bytes() == [0; 32] || keys.mac(packet[1], beta) != gamma {
        return None;
    }
    let plain = xor(&[beta, &[0; 37]].concat(), &ctr(&keys.header, length + 37));
    let delay = u32::from_be_bytes(plain[1..5].try_into().unwrap());
    let address: [u8; 16] = plain[5..21].try_into().unwrap();
    let name: [u8; 16] = plain[21..37].try_into().unwrap();
    let delta = lioness(&keys.payload, delta, false);
    let tag = keys.tag.try_into().unwrap();
    let relayed =
        [&[1, packet[1]], &alpha.mul_clamped(keys.blinding).to_bytes()[..], &name, &plain[37..], &delta].concat();
    let kept = [&packet[..50 + length], &delta].concat();
    match plain[0] {
        0 => Some((relayed, tag, delay, Action::Relay { next: address })),
        1 => Some((kept, tag, delay, Action::Deliver { recipient: address, id: name })),
        2 => Some((kept, tag, delay, Action::Drop)),
        3 => Some((kept, tag, delay, Action::Loop { id: name })),
        _ => None,
    }
}

/// What a last hop sees behind its block.
pub(crate) fn behind_block(hops: usize, secret: [u8; 32], packet: &[u8]) -> Vec<u8> {
    let shared = MontgomeryPoint(packet[2..34].try_into().unwrap()).mul_clamped(secret);
    let beta = &packet[50..50 + 37 * hops];
    xor(beta, &ctr(&Keys::new(&shared.to_bytes()).header, beta.len()))[37..].to_vec()
}
