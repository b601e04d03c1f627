//! What one authority signs, and what it does not.

use mimiq_authority::{Core, Reluctance, Signed, Store};
use mimiq_directory::{Envelope, Epochs, Policy, Refused};

use crate::setup::{NODES, descriptor, identity, key, policy, statement, trust};

const EPOCHS: Epochs = Epochs { genesis: 1_000_000, length: 3_600 };
const ROUND: u64 = 60;
/// In epoch 10, at the start of a round whose proposer is authority 101.
const NOW: u64 = EPOCHS.genesis + 10 * EPOCHS.length + 1_800;
const SERIAL: u64 = 10 * 60 + 30 + 1;

fn three() -> Policy {
    policy(3, 2, ROUND, EPOCHS)
}

/// An authority that knows these nodes.
fn authority(number: u8, nodes: impl Iterator<Item = u8>) -> Core {
    remembering(number, nodes, None)
}

fn remembering(number: u8, nodes: impl Iterator<Item = u8>, signed: Option<Signed>) -> Core {
    let mut core = Core::new(key(number), three(), signed).unwrap();
    nodes.for_each(|node| learn(&mut core, node, 1));
    core
}

fn learn(core: &mut Core, node: u8, sequence: u64) {
    let change = core.consider(&descriptor(&statement(node, sequence, 10..13))).unwrap().unwrap();
    core.apply(change);
}

/// What the first authority proposes.
fn proposed(core: &mut Core, now: u64) -> Option<Envelope> {
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
    assert_eq!(serde_json::to_vec(&first.complete().unwrap().state).unwrap().len() > 2, true);
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

/// When an epoch begins, not each node has sent its new keys.
#[test]
fn a_smaller_network_waits_while_the_last_state_counts() {
    let mut first = authority(101, NODES);
    let mut envelope = proposed(&mut first, NOW).unwrap();
    envelope.sign(&key(102));
    let published = first.open(&serde_json::to_vec(&envelope).unwrap(), NOW).unwrap().unwrap();
    first.publish(published);
    let next = EPOCHS.start(11).unwrap();
    for node in 1..=7 {
        let change = first.consider(&descriptor(&statement(node, 2, 11..13))).unwrap().unwrap();
        first.apply(change);
    }
    // Node 8 has keys of epochs 10 to 12: it is made to have none for 12.
    let change = first.consider(&descriptor(&statement(8, 2, 10..12))).unwrap().unwrap();
    first.apply(change);
    assert!(proposed(&mut first, next).is_none());
    let quarter = next + EPOCHS.length / 4;
    assert!(proposed(&mut first, quarter - 3 * ROUND).is_none());
    let late = proposed(&mut first, quarter).unwrap();
    assert!(!late.state.contains("192.0.2.8:1700"), "not for ever");
    let change = first.consider(&descriptor(&statement(8, 3, 11..13))).unwrap().unwrap();
    first.apply(change);
    assert!(proposed(&mut first, quarter + 3 * ROUND).unwrap().state.contains("192.0.2.8:1700"));
}

#[test]
fn what_others_publish_is_taken_if_it_is_newer() {
    let sign = |envelope: &Envelope, numbers: &[u8]| {
        let mut envelope = Envelope { signatures: Vec::new(), ..envelope.clone() };
        numbers.iter().for_each(|number| envelope.sign(&key(*number)));
        serde_json::to_vec(&envelope).unwrap()
    };
    let one = proposed(&mut authority(101, NODES), NOW).unwrap();
    let other = proposed(&mut authority(101, 1..=7), NOW).unwrap();
    let newer = proposed(&mut authority(102, NODES), NOW + ROUND).unwrap();
    let mut third = authority(103, 0..0);
    assert!(matches!(third.open(&sign(&one, &[101, 104]), NOW), Err(Refused::TooFew { signed: 1, .. })));
    assert_eq!(third.open_serials(NOW), [SERIAL - 1, SERIAL]);
    let published = third.open(&sign(&one, &[101, 102]), NOW).unwrap().unwrap();
    third.publish(published);
    assert!(third.open_serials(NOW).is_empty(), "nothing more to ask for");
    assert!(matches!(third.open(&sign(&other, &[101, 103]), NOW), Err(Refused::Equivocation(SERIAL))));
    let published = third.open(&sign(&newer, &[103, 102]), NOW + ROUND).unwrap().unwrap();
    third.publish(published);
    assert!(matches!(third.open(&sign(&one, &[101, 102]), NOW + ROUND), Err(Refused::Older { .. })));
}

#[test]
fn of_each_node_the_newest_is_kept_and_proof_of_lies() {
    let mut core = authority(101, 0..0);
    let mut consider = |statement: &_| {
        core.consider(&descriptor(statement)).map(|change| {
            change
                .map(|change| {
                    let (count, equivocation) = (change.descriptors().count(), change.equivocation());
                    core.apply(change);
                    (count, equivocation)
                })
                .map(|learned| (learned, core.descriptors().all().len()))
        })
    };
    let first = statement(1, 5, 10..12);
    assert_eq!(consider(&first).unwrap(), Some(((1, None), 1)));
    assert_eq!(consider(&first).unwrap(), None, "known");
    assert_eq!(consider(&statement(1, 5, 10..13)).unwrap(), Some(((2, Some(5)), 2)));
    assert_eq!(consider(&statement(1, 5, 10..14)).unwrap(), None, "two are enough");
    assert_eq!(consider(&first).unwrap(), None, "known");
    let old = consider(&statement(1, 4, 10..12)).unwrap_err().to_string();
    assert_eq!(old, format!("sequence: 4 of {} is older than 5", identity(1)));
    assert_eq!(consider(&statement(1, 6, 10..12)).unwrap(), Some(((1, None), 1)));
    let stranger = consider(&statement(9, 1, 10..12)).unwrap_err().to_string();
    assert_eq!(stranger, format!("identity: {} is not admitted", identity(9)));
}
