//! Descriptors that are read, and all that are not.

use mimiq_directory::{Descriptor, DescriptorError, Envelope};
use proptest::prelude::*;

use crate::setup::{bytes, key, statement};

#[test]
fn a_node_speaks_for_itself_only() {
    assert_eq!(Descriptor::open(&bytes(&statement(1), 1)).unwrap(), statement(1));
    assert!(matches!(Descriptor::open(&bytes(&statement(1), 2)), Err(DescriptorError::Signature(_))));
    let mut other = Descriptor::new(&statement(1), &key(1)).unwrap();
    other.statement = other.statement.replace("\"sequence\":1", "\"sequence\":2");
    let refused = Descriptor::open(&serde_json::to_vec(&other).unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), format!("signature: {} is not of the identity in the statement", other.signature));
}

/// A node that is also an authority does not sign the one when it signs the other.
#[test]
fn a_signature_of_a_state_is_none_of_a_descriptor() {
    let descriptor = Descriptor::new(&statement(1), &key(1)).unwrap();
    let mut envelope = Envelope { state: descriptor.statement.clone(), signatures: Vec::new() };
    envelope.sign(&key(1));
    let disguised = Descriptor { signature: envelope.signatures[0].signature, ..descriptor };
    let refused = Descriptor::open(&serde_json::to_vec(&disguised).unwrap());
    assert!(matches!(refused, Err(DescriptorError::Signature(_))));
}

#[test]
fn what_is_no_descriptor_is_refused() {
    assert!(matches!(Descriptor::open(b""), Err(DescriptorError::Descriptor(_))));
    assert!(matches!(Descriptor::open(&[b'['; 16 << 10]), Err(DescriptorError::Descriptor(_))));
    let mut padded = bytes(&statement(1), 1);
    padded.resize(16 << 10, b' ');
    assert!(Descriptor::open(&padded).is_ok());
    padded.push(b' ');
    assert!(matches!(Descriptor::open(&padded), Err(DescriptorError::Size(16_385))));
    let mut descriptor = Descriptor::new(&statement(1), &key(1)).unwrap();
    descriptor.statement = descriptor.statement.replace("\"sequence\"", "\"more\":1,\"sequence\"");
    let refused = Descriptor::open(&serde_json::to_vec(&descriptor).unwrap());
    assert!(matches!(refused, Err(DescriptorError::Statement(_))));
}

proptest! {
    /// Whatever bytes change: what is read is what was signed.
    #[test]
    fn damaged_descriptors_are_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut damaged = bytes(&statement(7), 7);
        for (at, byte) in changes {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        if let Ok(read) = Descriptor::open(&damaged) {
            prop_assert_eq!(read, statement(7));
        }
    }

    #[test]
    fn garbage_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Descriptor::open(&bytes).is_err());
    }
}
