//! Sealed payloads.

use mimiq_messages::{SealError, capacity, open, seal};
use proptest::prelude::*;
use rand::RngCore as _;

use crate::setup::{body, identity, rng};

const LENGTH: usize = 901;

fn sealed(content: &[u8], seed: u64) -> Vec<u8> {
    let mut payload = vec![0; LENGTH];
    seal(&identity(1), identity(2).public_key(), content, &mut rng(seed), &mut payload).unwrap();
    payload
}

#[test]
fn every_length_comes_back_with_its_sender() {
    assert_eq!(capacity(LENGTH), 803);
    let recipient = identity(2);
    for length in 0..=capacity(LENGTH) {
        let content = body(length);
        let mut payload = sealed(&content, length as u64);
        let opened = open(&recipient, &mut payload).unwrap();
        assert_eq!((opened.content, opened.sender), (&content[..], *identity(1).public_key()));
    }
}

#[test]
fn no_bit_can_be_changed() {
    let payload = sealed(b"to be changed", 3);
    let recipient = identity(2);
    for bit in 0..8 * LENGTH {
        let mut changed = payload.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&recipient, &mut changed), None, "bit {bit}");
    }
}

#[test]
fn a_box_of_one_payload_does_not_fit_another() {
    let (one, other) = (sealed(b"the same", 4), sealed(b"the same", 5));
    for at in [0..32, 32..80, 80..LENGTH] {
        let mut mixed = one.clone();
        mixed[at.clone()].copy_from_slice(&other[at]);
        assert_eq!(open(&identity(2), &mut mixed), None);
    }
}

#[test]
fn only_the_recipient_opens_it() {
    for other in [1, 3] {
        assert_eq!(open(&identity(other), &mut sealed(b"not for you", 6)), None);
    }
}

#[test]
fn one_can_write_to_oneself() {
    let (own, mut payload) = (identity(1), vec![0; LENGTH]);
    seal(&own, own.public_key(), b"note", &mut rng(7), &mut payload).unwrap();
    assert_eq!(open(&own, &mut payload).unwrap().content, b"note");
}

#[test]
fn loops_are_not_opened() {
    let mut random = rng(8);
    for _ in 0..100 {
        let mut payload = vec![0; LENGTH];
        random.fill_bytes(&mut payload);
        assert_eq!(open(&identity(2), &mut payload), None);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (sender, to) = (identity(1), *identity(2).public_key());
    let mut payload = vec![0; LENGTH];
    let error = seal(&sender, &to, &[0; 804], &mut rng(9), &mut payload).unwrap_err();
    assert_eq!(error, SealError::Content { length: 804, most: 803 });
    assert_eq!(seal(&sender, &to, &[], &mut rng(9), &mut [0; 97]), Err(SealError::Payload(97)));
    assert_eq!(capacity(97), 0);
    let payload = sealed(b"cut", 9);
    for length in 0..LENGTH {
        assert_eq!(open(&identity(2), &mut payload.clone()[..length]), None);
    }
    let mut long = payload;
    long.push(0);
    assert_eq!(open(&identity(2), &mut long), None);
}

#[test]
fn a_recipient_of_low_order_is_refused() {
    let mut payload = vec![0; LENGTH];
    for key in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        assert_eq!(seal(&identity(1), &key, b"", &mut rng(1), &mut payload), Err(SealError::Recipient));
    }
}

/// Each bit of payloads that hold the same, to the same recipient: five standard deviations of 1,000 draws.
#[test]
fn payloads_look_random() {
    const DRAWS: usize = 1000;
    let mut ones = vec![0usize; 8 * 130];
    for seed in 0..DRAWS {
        let mut payload = vec![0; 130];
        seal(&identity(1), identity(2).public_key(), b"", &mut rng(seed as u64), &mut payload).unwrap();
        for (at, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(payload[at / 8] >> (at % 8) & 1);
        }
    }
    for (bit, ones) in ones.into_iter().enumerate() {
        assert!((421..=579).contains(&ones), "bit {bit}: {ones} of {DRAWS}");
    }
}

proptest! {
    #[test]
    fn any_content_in_any_payload(content in prop::collection::vec(any::<u8>(), 0..300), more in 0..200usize, seed: u64) {
        let (sender, recipient) = (identity(seed), identity(seed ^ 1));
        let mut payload = vec![0xaa; 98 + content.len() + more];
        seal(&sender, recipient.public_key(), &content, &mut rng(seed), &mut payload).unwrap();
        let opened = open(&recipient, &mut payload).unwrap();
        prop_assert_eq!(opened.content, content);
        prop_assert_eq!(&opened.sender, sender.public_key());
    }

    #[test]
    fn any_bytes_are_no_payload(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(open(&identity(1), &mut bytes), None);
    }
}
