//! Who signed, when, and what came before.

use mimiq_directory::{Refused, Seen, Trust, TrustError};
use proptest::prelude::*;

use crate::setup::{NETWORK, NOW, authority, bytes, hex, signed, state, trust};

/// Every set of signers, of whom the last two are strangers, against every threshold.
#[test]
fn k_of_n_must_have_signed() {
    for set in 0..32u8 {
        let by: Vec<u8> = (1..=5).filter(|number| set >> (number - 1) & 1 == 1).collect();
        let trusted = by.iter().filter(|number| **number <= 3).count();
        for threshold in 1..=3 {
            let opened = trust(threshold).open(&bytes(&signed(&state(), &by)), NETWORK, NOW, None);
            match opened {
                Ok(directory) => {
                    assert!(trusted >= threshold);
                    assert_eq!(*directory.state(), state());
                }
                Err(Refused::TooFew { signed, needed }) => {
                    assert_eq!((signed, needed), (trusted, threshold));
                    assert!(trusted < threshold);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_signature_counts_once_and_for_its_text_only() {
    let too_few = |envelope| {
        matches!(trust(2).open(&bytes(envelope), NETWORK, NOW, None), Err(Refused::TooFew { signed: 1, .. }))
    };
    // One authority's signature under another's name.
    let mut envelope = signed(&state(), &[1, 4]);
    envelope.signatures[1].authority = authority(2).public_key();
    assert!(too_few(&envelope));
    // The same values in another text.
    let mut envelope = signed(&state(), &[1, 2, 3]);
    envelope.state.push(' ');
    let refused = trust(1).open(&bytes(&envelope), NETWORK, NOW, None);
    assert!(matches!(refused, Err(Refused::TooFew { signed: 0, needed: 1 })));
    envelope.signatures.resize(65, envelope.signatures[0]);
    assert!(matches!(trust(1).open(&bytes(&envelope), NETWORK, NOW, None), Err(Refused::Signatures(65))));
}

/// Also behind enough others, and a stranger too: nobody has a reason to write that.
#[test]
fn who_is_named_twice_is_refused() {
    for twice in [1, 3, 4] {
        let mut envelope = signed(&state(), &[1, 2, 3, 4]);
        envelope.signatures.push(envelope.signatures[usize::from(twice) - 1]);
        let refused = trust(2).open(&bytes(&envelope), NETWORK, NOW, None).unwrap_err();
        assert_eq!(refused.to_string(), format!("signatures: {} twice", authority(twice).public_key()));
    }
}

#[test]
fn a_state_counts_in_its_time_and_network() {
    let (state, open) =
        (state(), |network, now| trust(2).open(&bytes(&signed(&crate::setup::state(), &[1, 3])), network, now, None));
    assert!(open(NETWORK, state.valid_after).is_ok());
    assert!(open(NETWORK, state.valid_until - 1).is_ok());
    assert!(matches!(open(NETWORK, state.valid_after - 1), Err(Refused::TooEarly { .. })));
    assert!(matches!(open(NETWORK, state.valid_until), Err(Refused::TooLate { .. })));
    let refused = open("other", NOW).unwrap_err();
    assert_eq!(refused.to_string(), "network: \"example\" is another one");
}

#[test]
fn nothing_older_and_nothing_different_is_opened() {
    let open =
        |state: &mimiq_directory::State, seen| trust(2).open(&bytes(&signed(state, &[1, 3])), NETWORK, NOW, seen);
    let mut state = state();
    let first = open(&state, None).unwrap().seen();
    assert_eq!(first.serial, 5);
    assert_eq!(open(&state, Some(first)).unwrap().seen(), first, "the same again");
    state.rates.mu = 3.0;
    assert!(matches!(open(&state, Some(first)), Err(Refused::Equivocation(5))));
    state.serial = 4;
    assert!(matches!(open(&state, Some(first)), Err(Refused::Older { serial: 4, seen: 5 })));
    state.serial = 6;
    let second = open(&state, Some(first)).unwrap().seen();
    assert_ne!(second, first);
    assert!(matches!(open(&state, Some(Seen { serial: 7, ..second })), Err(Refused::Older { serial: 6, seen: 7 })));
}

#[test]
fn trust_must_make_sense() {
    let keys = vec![hex(1), hex(2)];
    for threshold in [0, 3] {
        assert_eq!(Trust::new(keys.clone(), threshold), Err(TrustError::Threshold { threshold, authorities: 2 }));
    }
    assert_eq!(Trust::new(vec![hex(1), hex(1)], 1), Err(TrustError::Twice(hex(1))));
    assert!(Trust::new(keys, 2).is_ok());
    // All of the most that there can be may have signed.
    let keys: Vec<_> = (1..=65).map(|number| authority(number).public_key()).collect();
    assert_eq!(Trust::new(keys.clone(), 2), Err(TrustError::TooMany(65)));
    let all: Vec<u8> = (1..=64).collect();
    let trust = Trust::new(keys[..64].to_vec(), 64).unwrap();
    assert!(trust.open(&bytes(&signed(&state(), &all)), NETWORK, NOW, None).is_ok());
}

#[test]
fn what_is_no_state_is_refused() {
    let open = |bytes: &[u8]| trust(1).open(bytes, NETWORK, NOW, None);
    assert!(matches!(open(b""), Err(Refused::Envelope(_))));
    assert!(matches!(open(&vec![b'['; 1 << 20]), Err(Refused::Envelope(_))), "no stack is deep enough for that");
    assert!(matches!(open(&vec![b' '; (8 << 20) + 1]), Err(Refused::Size(_))));
    let mut envelope = signed(&state(), &[]);
    for text in ["{}".to_owned(), envelope.state.replacen("\"serial\"", "\"more\": 1, \"serial\"", 1)] {
        envelope.state = text;
        envelope.sign(&authority(1));
        assert!(matches!(open(&bytes(&envelope)), Err(Refused::State(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever bytes change, what is opened is what was signed.
    #[test]
    fn damaged_envelopes_are_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let envelope = signed(&state(), &[1, 2]);
        let mut damaged = bytes(&envelope);
        for (at, byte) in changes {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        if let Ok(directory) = trust(2).open(&damaged, NETWORK, NOW, None) {
            prop_assert_eq!(directory.state(), &state());
        }
    }

    /// As one who can sign may damage the text before.
    #[test]
    fn damaged_states_are_read_or_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), 32..127u8), 1..4)) {
        let mut envelope = signed(&state(), &[]);
        let mut text = envelope.state.into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        envelope.state = String::from_utf8(text).unwrap();
        envelope.sign(&authority(1));
        let opened = trust(1).open(&bytes(&envelope), NETWORK, NOW, None);
        let reviewed = Trust::review(&envelope.state).is_ok();
        prop_assert!(opened.is_err() || reviewed);
    }
}
