//! The queue beside a sorted list.

use mimiq_mixing::{Full, Queue};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![(0..500u64).prop_map(Step::Push), (0..500u64).prop_map(Step::Pop)];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn packets_leave_in_order_when_they_are_due(steps in steps()) {
        const PLACES: u32 = 20;
        let mut queue = Queue::new(PLACES, 4);
        let mut model: Vec<(u64, u32)> = Vec::new();
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Push(deadline) => {
                    let pushed = queue.push(deadline, number, &u32::to_le_bytes(number));
                    if model.len() == PLACES as usize {
                        prop_assert_eq!(pushed, Err(Full(PLACES as usize)));
                    } else {
                        pushed.unwrap();
                        model.push((deadline, number));
                    }
                }
                Step::Pop(now) => {
                    let mut popped = Vec::new();
                    while queue.pop(now, |deadline, note, packet| {
                        assert_eq!(packet, u32::to_le_bytes(note), "the packet is its note's");
                        popped.push((deadline, note));
                    }) {}
                    prop_assert!(popped.is_sorted_by_key(|(deadline, _)| *deadline));
                    popped.sort();
                    model.sort();
                    let due = model.partition_point(|(deadline, _)| *deadline <= now);
                    prop_assert_eq!(popped, model.drain(..due).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            prop_assert_eq!(queue.is_empty(), model.is_empty());
            prop_assert_eq!(queue.next(), model.iter().map(|(deadline, _)| *deadline).min());
        }
    }
}

#[test]
fn other_sizes_are_cut_or_filled() {
    let mut queue = Queue::new(1, 3);
    for (packet, expected) in [(&[1, 2, 3, 4, 5][..], [1, 2, 3]), (&[7], [7, 0, 0])] {
        queue.push(0, (), packet).unwrap();
        assert!(queue.pop(0, |_, (), packet| assert_eq!(packet, expected)));
    }
}
