//! What one authority signs, and what it does not.

use mimiq_authority::{Core, Reluctance, Signed, Store};
use mimiq_directory::{Envelope, Epochs, Policy};

use crate::setup::{NODES, descriptor, identity, key, policy, statement, trust};

pub(crate) const EPOCHS: Epochs = Epochs { genesis: 1_000_000, length: 3_600 };
pub(crate) const ROUND: u64 = 60;
/// In epoch 10, at the start of a round whose proposer is authority 101.
pub(crate) const NOW: u64 = EPOCHS.genesis + 10 * EPOCHS.length + 1_800;
pub(crate) const SERIAL: u64 = 10 * 60 + 30 + 1;

fn three() -> Policy {
    policy(3, 2, ROUND, EPOCHS)
}

/// An authority that knows these nodes.
pub(crate) fn authority(number: u8, nodes: impl Iterator<Item = u8>) -> Core {
    remembering(number, nodes, None)
}

fn remembering(number: u8, nodes: impl Iterator<Item = u8>, signed: Option<Signed>) -> Core {
    let mut core = Core::new(key(number), three(), signed).unwrap();
    nodes.for_each(|node| learn(&mut core, node, 1));
    core
}

pub(crate) fn learn(core: &mut Core, node: u8, sequence: u64) {
    let change = core.consider(&descriptor(&statement(node, sequence, 10..13))).unwrap().unwrap();
    core.apply(change);
}

/// What the first authority proposes.
pub(crate) fn proposed(core: &mut Core, now: u64) -> Option<Envelope> {
    let vow = core.propose(now).unwrap()?;
    let serial = vow.signed().serial;
    core.keep(vow);
    core.proposal(serial).cloned()
}

fn reluctance(core: &mut Core, heard: &Envelope, now: u64) -> String {
    core.hear(heard.clone(), now).unwrap_err().to_string()
}

#[test]
fn two_of_three_publish() {
    let (mut first, mut second) = (authority(101, NODES), authority(102, NODES));
    assert!(proposed(&mut second, NOW).is_none(), "it is not its turn");
    let proposal = proposed(&mut first, NOW).unwrap();
    assert!(first.complete().is_none(), "one signature");
    let vow = second.hear(proposal, NOW).unwrap().unwrap();
    assert!(second.proposal(SERIAL).is_none(), "not before it is on disk");
    second.keep(vow);
    let both = second.complete().unwrap().clone();
    let bytes = serde_json::to_vec(&both).unwrap();
    let state = trust(&three()).open(&bytes, "example", NOW, None).unwrap();
    assert_eq!((state.state().serial, state.state().nodes.len()), (SERIAL, 8));

    assert!(first.hear(both, NOW).unwrap().is_none(), "nothing more to sign");
    assert_eq!(first.complete().unwrap().signatures.len(), 2);
    let published = first.open(&bytes, NOW).unwrap().unwrap();
    first.publish(published);
    assert!(first.open(&bytes, NOW).unwrap().is_none(), "the same again");
    // Nothing has changed, so that there is nothing to propose in its next round.
    assert!(proposed(&mut first, NOW + 3 * ROUND).is_none());
    learn(&mut first, 3, 2);
    assert!(proposed(&mut first, NOW + 3 * ROUND).is_none(), "the same with another number");
}

#[test]
fn only_what_follows_from_the_descriptors_is_signed() {
    let proposal = proposed(&mut authority(101, NODES), NOW).unwrap();
    let mut second = authority(102, 1..=7);
    let differs = format!("state: the proposal with serial {SERIAL} is not what follows from policy and descriptors");
    assert_eq!(reluctance(&mut second, &proposal, NOW), differs);
    learn(&mut second, 8, 1);
    assert!(second.hear(proposal, NOW).unwrap().is_some(), "once it has heard of the last node");

    // Another rate, another node's key: whatever the proposer made up.
    let honest = proposed(&mut authority(101, NODES), NOW).unwrap();
    for (from, to) in [("\"mu\": 2.5", "\"mu\": 9.5"), ("192.0.2.3:1700", "192.0.2.33:1700")] {
        assert!(honest.state.contains(from));
        let mut lie = Envelope { state: honest.state.replace(from, to), signatures: Vec::new() };
        lie.sign(&key(101));
        assert_eq!(reluctance(&mut authority(102, NODES), &lie, NOW), differs);
    }
    let mut none = authority(102, 1..=2);
    assert!(matches!(none.hear(honest, NOW), Err(Reluctance::NoDraft(_))));
}

#[test]
fn a_proposal_is_its_proposers_and_of_its_round() {
    let proposal = proposed(&mut authority(101, NODES), NOW).unwrap();
    let mut second = authority(102, NODES);
    let mut forged = Envelope { signatures: Vec::new(), ..proposal.clone() };
    forged.sign(&key(103));
    let why = format!("signatures: {SERIAL} is not signed by its proposer {}", identity(101));
    assert_eq!(reluctance(&mut second, &forged, NOW), why);
    forged.signatures[0].authority = identity(101);
    assert_eq!(reluctance(&mut second, &forged, NOW), why, "another's signature under its name");

    let late = format!("serial: {SERIAL} is neither {}, whose round it is, nor the one before", SERIAL + 2);
    assert_eq!(reluctance(&mut second, &proposal, NOW + 2 * ROUND), late);
    let early = format!("serial: {SERIAL} is neither {}, whose round it is, nor the one before", SERIAL - 1);
    assert_eq!(reluctance(&mut second, &proposal, NOW - 1), early);
    assert_eq!(second.serial(EPOCHS.genesis - 1), None);
    assert!(second.hear(proposal.clone(), EPOCHS.genesis - 1).is_err());
    assert!(second.hear(proposal, NOW + 2 * ROUND - 1).unwrap().is_some(), "one round late");
    for state in ["", "{}", "[]", "{\"serial\": -1}", "{\"serial\": \"1\"}"] {
        let garbage = Envelope { state: state.to_owned(), signatures: Vec::new() };
        assert!(matches!(second.hear(garbage, NOW), Err(Reluctance::Malformed(_))), "{state}");
    }
    let last = Envelope { state: format!("{{\"serial\": {}}}", u64::MAX), signatures: Vec::new() };
    assert!(matches!(second.hear(last, NOW), Err(Reluctance::Serial { .. })));
}

/// Two proposals of one round, both from descriptors: the second is not signed, nor is the first one again under another's name.
#[test]
fn one_text_is_signed_with_a_serial() {
    let one = proposed(&mut authority(101, NODES), NOW).unwrap();
    let mut liar = authority(101, 1..=7);
    let other = proposed(&mut liar, NOW).unwrap();
    let mut second = authority(102, 1..=7);
    let vow = second.hear(other, NOW).unwrap().unwrap();
    second.keep(vow);
    learn(&mut second, 8, 1);
    assert_eq!(reluctance(&mut second, &one, NOW), format!("serial: another text was signed with {SERIAL}"));
    // Nor in the next round, in which it would still be early enough.
    assert_eq!(reluctance(&mut second, &one, NOW + ROUND), format!("serial: another text was signed with {SERIAL}"));
    let vow = second.propose(NOW + ROUND).unwrap().unwrap();
    second.keep(vow);
    let old = format!("serial: {SERIAL} is older than {}, which is signed already", SERIAL + 1);
    assert_eq!(reluctance(&mut second, &one, NOW + ROUND), old);
}

/// The process ends after what it signs is on disk and before anybody has seen the signature.
#[test]
fn what_was_vowed_is_remembered_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let one = proposed(&mut authority(101, NODES), NOW).unwrap();
    let other = proposed(&mut authority(101, 1..=7), NOW).unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        let vow = authority(102, NODES).hear(one.clone(), NOW).unwrap().unwrap();
        store.write_signed(&vow.signed()).unwrap();
        assert!(Store::open(folder.path()).is_err(), "one process at a time");
    }
    let signed = Store::open(folder.path()).unwrap().signed().unwrap();
    assert_eq!(signed.unwrap().serial, SERIAL);
    let mut again = remembering(102, 1..=7, signed);
    assert!(matches!(again.hear(other, NOW), Err(Reluctance::Another(SERIAL))));
    learn(&mut again, 8, 1);
    let vow = again.hear(one, NOW).unwrap().unwrap();
    again.keep(vow);
    assert_eq!(again.complete().unwrap().signatures.len(), 2, "the same text may be signed again");

    // A proposer does not make another proposal either.
    let vow = authority(101, NODES).propose(NOW).unwrap().unwrap();
    let mut again = remembering(101, 1..=7, Some(vow.signed()));
    assert!(again.propose(NOW).unwrap().is_none());
    assert!(again.propose(NOW + 3 * ROUND).unwrap().is_some());

    std::fs::write(folder.path().join("signed.json"), "{}").unwrap();
    let refused = Store::open(folder.path()).unwrap().signed().unwrap_err().to_string();
    assert!(refused.contains("signed.json: missing field"), "{refused}");
}

/// A vow that was overtaken by another one is not kept.
#[test]
fn vows_do_not_cross() {
    let mut core = authority(101, 1..=7);
    let early = core.propose(NOW).unwrap().unwrap();
    learn(&mut core, 8, 1);
    let late = core.propose(NOW).unwrap().unwrap();
    assert_ne!(early.signed(), late.signed());
    core.keep(late);
    let kept = core.proposal(SERIAL).unwrap().clone();
    core.keep(early);
    assert_eq!(*core.proposal(SERIAL).unwrap(), kept);
}
