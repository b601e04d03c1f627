//! Links: what is sealed is opened once, and nothing else is.

use aws_lc_rs::agreement::{PrivateKey, X25519};
use mimiq_mixing::link::{Ends, Incoming, LinkError, OVERHEAD, Opened, Outgoing};
use proptest::prelude::*;
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const A: [u8; 16] = [0xa; 16];
const B: [u8; 16] = [0xb; 16];
const A_SECRET: [u8; 32] = [11; 32];
const B_SECRET: [u8; 32] = [22; 32];
const TO_B: Ends = Ends { sender: A, receiver: B };
const EPOCH: u32 = 7;

fn public(secret: [u8; 32]) -> [u8; 32] {
    let key = PrivateKey::from_private_key(&X25519, &secret).unwrap().compute_public_key().unwrap();
    key.as_ref().try_into().unwrap()
}

/// A start of A: each draws another salt.
fn start(seed: u64, epoch: u32) -> Outgoing {
    Outgoing::new(&A_SECRET, &public(B_SECRET), TO_B, epoch, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap()
}

fn receiver() -> Incoming {
    let mut incoming = Incoming::new(B_SECRET, B, EPOCH);
    incoming.insert(A, &public(A_SECRET)).unwrap();
    incoming
}

fn seal(link: &mut Outgoing, packet: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0xee; 3];
    link.seal(packet, &mut datagram).unwrap();
    datagram
}

/// Opens a copy.
fn open(incoming: &mut Incoming, datagram: &[u8]) -> Result<Vec<u8>, LinkError> {
    let mut datagram = datagram.to_vec();
    incoming.open(0, &mut datagram).map(|opened| opened.packet.to_vec())
}

#[test]
fn a_packet_arrives_once() {
    let (mut link, mut incoming) = (start(1, EPOCH), receiver());
    for packet in [&b""[..], b"one", &[5; 1136]] {
        let sealed = seal(&mut link, packet);
        assert_eq!(sealed.len(), packet.len() + OVERHEAD);
        let opened = Opened { sender: A, epoch: EPOCH, packet: &mut packet.to_vec() };
        assert_eq!(incoming.open(0, &mut sealed.clone()), Ok(opened));
        assert_eq!(open(&mut incoming, &sealed), Err(LinkError::Replayed));
    }
}

/// The key and the datagram are what the documentation says, by another implementation of HKDF: HMAC by hand.
#[test]
fn the_format_is_the_documented_one() {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::agreement::{UnparsedPublicKey, agree};
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    let datagram = seal(&mut start(1, EPOCH), b"packet");
    assert_eq!(datagram[..21], [&[1, 0, 0, 0, 7][..], &A].concat());
    assert_eq!(datagram[37..45], [0; 8]);
    let secret = PrivateKey::from_private_key(&X25519, &B_SECRET).unwrap();
    let peer = UnparsedPublicKey::new(&X25519, public(A_SECRET));
    let shared = agree(&secret, peer, (), |product| Ok(product.to_vec())).unwrap();
    let extracted = sign(&Key::new(HMAC_SHA256, &datagram[21..37]), &shared);
    let info = [b"mimiq loopix link v1", &7u32.to_be_bytes()[..], &A, &B, &[1]].concat();
    let key = sign(&Key::new(HMAC_SHA256, extracted.as_ref()), &info);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key.as_ref()[..16]).unwrap());
    let mut sealed = datagram[45..].to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    assert_eq!(key.open_in_place(nonce, Aad::from(&datagram[..45]), &mut sealed).unwrap(), b"packet");
}

#[test]
fn the_order_does_not_matter_within_the_window() {
    let (mut link, mut incoming) = (start(1, EPOCH), receiver());
    let sealed: Vec<_> = (0..3000u16).map(|n| seal(&mut link, &n.to_be_bytes())).collect();
    for n in (1000..2900).rev() {
        assert_eq!(open(&mut incoming, &sealed[n]), Ok((n as u16).to_be_bytes().to_vec()));
    }
    assert_eq!(open(&mut incoming, &sealed[2899 - 1984]), Err(LinkError::Replayed), "too old to tell");
    assert!(open(&mut incoming, &sealed[2899 - 1983]).is_ok());
    assert!(sealed[1000..2900].iter().all(|datagram| open(&mut incoming, datagram) == Err(LinkError::Replayed)));
}

/// A restarted sender is heard at once, and what it sent before stays refused.
#[test]
fn a_restart_loses_nothing_and_reopens_nothing() {
    let mut incoming = receiver();
    let mut sealed = Vec::new();
    for seed in 0..8 {
        let mut link = start(seed, EPOCH);
        for n in 0..3 {
            sealed.push(seal(&mut link, &[n]));
            assert_eq!(open(&mut incoming, sealed.last().unwrap()), Ok(vec![n]));
        }
    }
    assert!(sealed.iter().all(|datagram| open(&mut incoming, datagram) == Err(LinkError::Replayed)));
}

/// Forged salts are not kept: the peer's own stay, however many come.
#[test]
fn forged_salts_displace_nothing() {
    let (mut link, mut incoming) = (start(1, EPOCH), receiver());
    let sealed = seal(&mut link, b"before");
    assert!(open(&mut incoming, &sealed).is_ok());
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..100 {
        let mut forged = sealed.clone();
        rng.fill_bytes(&mut forged[21..37]);
        assert_eq!(open(&mut incoming, &forged), Err(LinkError::Forged));
    }
    assert_eq!(open(&mut incoming, &sealed), Err(LinkError::Replayed), "its window is still there");
    assert!(open(&mut incoming, &seal(&mut link, b"after")).is_ok());
}

/// A forged counter far ahead does not move the window.
#[test]
fn forged_counters_move_nothing() {
    let (mut link, mut incoming) = (start(1, EPOCH), receiver());
    assert!(open(&mut incoming, &seal(&mut link, b"")).is_ok());
    let next = seal(&mut link, b"next");
    let mut forged = next.clone();
    forged[37..45].fill(0xff);
    assert_eq!(open(&mut incoming, &forged), Err(LinkError::Forged));
    assert!(open(&mut incoming, &next).is_ok());
}

#[test]
fn an_epoch_is_accepted_until_its_grace_ends() {
    let mut incoming = receiver();
    let (mut old, mut new) = (start(1, EPOCH), start(2, EPOCH + 1));
    let open = |incoming: &mut Incoming, link: &mut Outgoing, now| {
        incoming.open(now, &mut seal(link, b"")).map(|opened| opened.epoch)
    };
    assert_eq!(open(&mut incoming, &mut new, 0), Err(LinkError::Epoch(EPOCH + 1)));
    assert_eq!(open(&mut incoming, &mut old, 0), Ok(EPOCH));
    incoming.advance(EPOCH + 1, 100);
    assert_eq!(open(&mut incoming, &mut new, 99), Ok(EPOCH + 1));
    assert_eq!(open(&mut incoming, &mut old, 99), Ok(EPOCH));
    assert_eq!(open(&mut incoming, &mut old, 100), Err(LinkError::Epoch(EPOCH)));
    // Neither the same again nor an earlier one makes the grace longer.
    incoming.advance(EPOCH + 1, 1000);
    incoming.advance(EPOCH, 1000);
    assert_eq!(open(&mut incoming, &mut old, 100), Err(LinkError::Epoch(EPOCH)));
    assert_eq!(open(&mut incoming, &mut new, 100), Ok(EPOCH + 1));
}

#[test]
fn what_is_not_for_this_link_is_refused() {
    let mut incoming = receiver();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut refused = |secret, ends| {
        let mut link = Outgoing::new(&secret, &public(B_SECRET), ends, EPOCH, &mut rng).unwrap();
        open(&mut incoming, &seal(&mut link, b"")).unwrap_err()
    };
    assert_eq!(refused(A_SECRET, Ends { sender: [1; 16], receiver: B }), LinkError::Sender);
    assert_eq!(refused([33; 32], TO_B), LinkError::Forged, "another's secret under A's name");
    assert_eq!(refused(A_SECRET, Ends { sender: A, receiver: A }), LinkError::Forged, "for another receiver");
    // What B sends to A does not come back to it as if A had sent it.
    let back = Ends { sender: B, receiver: A };
    let mut link = Outgoing::new(&B_SECRET, &public(A_SECRET), back, EPOCH, &mut rng).unwrap();
    let mut reflected = seal(&mut link, b"");
    reflected[5..21].copy_from_slice(&A);
    assert_eq!(open(&mut incoming, &reflected), Err(LinkError::Forged));
    incoming.remove(&A);
    assert_eq!(open(&mut incoming, &seal(&mut start(4, EPOCH), b"")), Err(LinkError::Sender));
}

#[test]
fn peers_stay_as_they_are_or_change_keys() {
    let (mut link, mut incoming) = (start(1, EPOCH), receiver());
    let sealed = seal(&mut link, b"");
    assert!(open(&mut incoming, &sealed).is_ok());
    incoming.insert(A, &public(A_SECRET)).unwrap();
    assert_eq!(open(&mut incoming, &sealed), Err(LinkError::Replayed), "the same key: nothing is forgotten");
    assert_eq!(incoming.insert(A, &[0; 32]), Err(LinkError::PublicKey));
    assert_eq!(open(&mut incoming, &sealed), Err(LinkError::Replayed));
    incoming.insert(A, &public([33; 32])).unwrap();
    assert_eq!(open(&mut incoming, &sealed), Err(LinkError::Forged));
}

#[test]
fn low_order_keys_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for key in [[0; 32], one] {
        let error = Outgoing::new(&A_SECRET, &key, TO_B, EPOCH, &mut ChaCha8Rng::seed_from_u64(1)).err();
        assert_eq!(error, Some(LinkError::PublicKey));
    }
}

proptest! {
    /// Any change of any byte, any cut and any extension is refused, and harms nothing.
    #[test]
    fn a_changed_datagram_is_refused(at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<prop::sample::Index>(), more in 1..40usize) {
        let (mut link, mut incoming) = (start(1, EPOCH), receiver());
        let sealed = seal(&mut link, &[3; 100]);
        let mut changed = sealed.clone();
        let at = at.index(sealed.len());
        changed[at] ^= flip;
        let error = open(&mut incoming, &changed).unwrap_err();
        let expected = match at {
            0 => LinkError::Version(1 ^ flip),
            1..5 => LinkError::Epoch(u32::from_be_bytes(changed[1..5].try_into().unwrap())),
            5..21 => LinkError::Sender,
            _ => LinkError::Forged,
        };
        prop_assert_eq!(error, expected);
        let cut = cut.index(sealed.len());
        let expected = if cut < OVERHEAD { LinkError::Short(cut) } else { LinkError::Forged };
        prop_assert_eq!(open(&mut incoming, &sealed[..cut]), Err(expected));
        prop_assert_eq!(open(&mut incoming, &[&sealed[..], &vec![0; more]].concat()), Err(LinkError::Forged));
        prop_assert_eq!(open(&mut incoming, &sealed), Ok(vec![3; 100]));
    }

    #[test]
    fn garbage_is_refused(garbage in proptest::collection::vec(any::<u8>(), 0..200), known in any::<bool>()) {
        let mut garbage = garbage;
        if known && garbage.len() > 21 {
            garbage[..5].copy_from_slice(&[1, 0, 0, 0, 7]);
            garbage[5..21].copy_from_slice(&A);
        }
        prop_assert!(open(&mut receiver(), &garbage).is_err());
    }
}
