//! When there is something to propose, what is kept of states and descriptors.

use mimiq_directory::{Envelope, Refused};

use crate::core::{EPOCHS, NOW, ROUND, SERIAL, authority, proposed};
use crate::setup::{NODES, descriptor, identity, key, statement};

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
    let third = consider(&statement(1, 5, 10..14)).unwrap_err().to_string();
    assert_eq!(third, format!("sequence: two different descriptors of {} have 5", identity(1)), "two are enough");
    assert_eq!(consider(&first).unwrap(), None, "known");
    let old = consider(&statement(1, 4, 10..12)).unwrap_err().to_string();
    assert_eq!(old, format!("sequence: 4 of {} is older than 5", identity(1)));
    assert_eq!(consider(&statement(1, 6, 10..12)).unwrap(), Some(((1, None), 1)));
    let stranger = consider(&statement(9, 1, 10..12)).unwrap_err().to_string();
    assert_eq!(stranger, format!("identity: {} is not admitted", identity(9)));
}
