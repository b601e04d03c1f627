//! The same state everywhere, without those who do not belong in it.

use mimiq_directory::{ComposeError, Composition, Envelope, KeyOf, Node, Role, State, Statement, Trust, compose};
use proptest::prelude::*;

use crate::setup::{
    EPOCH, EPOCHS, NETWORK, NODES, NOW, address, bytes, descriptors, identity, key, policy, role, statement,
};

fn composed(descriptors: &[Vec<u8>]) -> Composition {
    compose(&policy(), descriptors, EPOCH, 3, NOW).unwrap()
}

fn text(state: &State) -> String {
    Envelope::new(state).unwrap().state
}

/// What is said of the descriptors of others when these are added.
fn unfit(more: &[Vec<u8>]) -> (State, Vec<(usize, String)>) {
    let Composition { state, unfit } = composed(&[descriptors(), more.to_vec()].concat());
    (state, unfit.into_iter().map(|(position, why)| (position, why.to_string())).collect())
}

/// Node 1 says something else, with the next number, and is left out: of the first layer node 2 remains.
fn left_out(change: impl FnOnce(&mut Statement)) -> String {
    let mut changed = Statement { sequence: 2, ..statement(1) };
    change(&mut changed);
    let (state, unfit) = unfit(&[bytes(&changed, 1)]);
    assert!(state.nodes.iter().all(|node| node.identity != identity(1)));
    assert_eq!(state.nodes.len(), 7);
    assert_eq!(unfit[0], (0, format!("sequence: 1 of {} is older than 2", identity(1))));
    assert_eq!((unfit.len(), unfit[1].0), (2, 8));
    unfit[1].1.clone()
}

#[test]
fn a_state_has_all_admitted_nodes_and_opens() {
    let Composition { state, unfit } = composed(&descriptors());
    assert!(unfit.is_empty());
    assert_eq!((state.serial, state.valid_after), (3, EPOCHS.genesis + EPOCH * EPOCHS.length));
    assert_eq!(state.valid_until, state.valid_after + 2 * EPOCHS.length);
    let mut nodes: Vec<Node> = NODES.map(|number| statement(number).node).collect();
    nodes.sort_by_key(|node| (node.layer().unwrap_or(9), node.layer().map(|_| node.identity)));
    assert_eq!(state.nodes, nodes);
    let mut envelope = Envelope::new(&state).unwrap();
    envelope.sign(&key(101));
    envelope.sign(&key(102));
    let trust = Trust::new(vec![identity(101), identity(102), identity(103)], 2).unwrap();
    let opened = trust.open(&serde_json::to_vec(&envelope).unwrap(), NETWORK, NOW, None).unwrap();
    assert_eq!(*opened.state(), state);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the order, the copies, the old and the strange among them, and the second in the epoch.
    #[test]
    fn honest_authorities_write_the_same(
        order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
        copies in proptest::collection::vec(0..12usize, 0..4),
        later in 0..EPOCHS.length,
    ) {
        let extra = [
            bytes(&Statement { sequence: 0, ..statement(4) }, 4),
            bytes(&statement(50), 50),
            bytes(&statement(2), 3),
            b"garbage".to_vec(),
        ];
        let all = [descriptors(), extra.to_vec()].concat();
        let mine: Vec<_> = order.iter().chain(&copies).map(|position| all[*position].clone()).collect();
        let now = EPOCHS.genesis + EPOCH * EPOCHS.length + later;
        let state = compose(&policy(), &mine, EPOCH, 3, now).unwrap().state;
        prop_assert_eq!(text(&state), text(&composed(&descriptors()).state));
    }
}

#[test]
fn strangers_and_others_networks_do_not_count() {
    let elsewhere = Statement { network: "other".to_owned(), sequence: 9, ..statement(2) };
    let (state, unfit) = unfit(&[bytes(&statement(50), 50), bytes(&elsewhere, 2), bytes(&statement(2), 3)]);
    assert_eq!(text(&state), text(&composed(&descriptors()).state));
    assert_eq!(unfit[0], (8, format!("identity: {} is not admitted", identity(50))));
    assert_eq!(unfit[1], (9, "network: \"other\" is another one".to_owned()));
    assert!(unfit[2].1.ends_with("is not of the identity in the statement"));
    assert_eq!(unfit.len(), 3);
}

/// Not even with a newer number does it count, nor does it take away what the node said before.
#[test]
fn a_node_is_where_it_was_admitted() {
    for (claimed, said) in [(role(3), "a mix of layer 2"), (role(7), "provider \"p7\"")] {
        let mut elsewhere = Statement { sequence: 2, ..statement(1) };
        elsewhere.node.role = claimed;
        let (state, unfit) = unfit(&[bytes(&elsewhere, 1)]);
        assert_eq!(text(&state), text(&composed(&descriptors()).state));
        let why = format!("role: {} claims to be {said}, but is admitted as a mix of layer 1", identity(1));
        assert_eq!(unfit, [(8, why)]);
    }
}

#[test]
fn the_newest_counts() {
    let mut moved = Statement { sequence: 2, ..statement(1) };
    moved.node.address = address(99);
    let (state, unfit) = unfit(&[bytes(&moved, 1)]);
    assert_eq!(unfit, [(0, format!("sequence: 1 of {} is older than 2", identity(1)))]);
    let addresses: Vec<_> = state.nodes.iter().map(|node| node.address).collect();
    assert!(addresses.contains(&address(99)) && !addresses.contains(&address(1)));
}

#[test]
fn who_says_two_things_says_nothing_until_a_third() {
    let mut other = statement(1);
    other.node.address = address(99);
    let why = format!("sequence: two different descriptors of {} have 1", identity(1));
    let (state, both) = unfit(&[bytes(&other, 1)]);
    assert_eq!(both, [(0, why.clone()), (8, why)]);
    assert_eq!(state.nodes.len(), 7);
    let (state, _) = unfit(&[bytes(&other, 1), bytes(&Statement { sequence: 2, ..statement(1) }, 1)]);
    assert_eq!(state.nodes.len(), 8);
}

#[test]
fn keys_are_those_of_this_epoch_and_the_next() {
    let first = identity(1);
    for missing in [EPOCH, EPOCH + 1] {
        let why = left_out(|said| said.node.keys.retain(|key| key.epoch != missing));
        assert_eq!(why, format!("keys: {first} has no key for epoch {missing}"));
    }
    let why = left_out(|said| said.node.keys.push(KeyOf { epoch: EPOCH, ..said.node.keys[1] }));
    assert_eq!(why, format!("keys: {first} has two keys for epoch 10"));
    let why = left_out(|said| said.node.keys[1].key = [0; 32].into());
    assert_eq!(why, format!("keys: {first}, epoch 11: public key: not in the group of prime order"));
    let why = left_out(|said| said.node.link = [0; 32].into());
    assert_eq!(why, format!("link: {first}: public key: not in the group of prime order"));
    let why = left_out(|said| said.node.link = said.node.keys[0].key);
    assert_eq!(why, format!("link: {first}: the same as the key for packets of epoch 10"));
    let mut more = Statement { sequence: 2, ..statement(1) };
    more.node.keys.extend([8, 12, 9].map(|epoch| KeyOf { epoch, key: [0; 32].into() }));
    more.node.keys.reverse();
    let (state, _) = unfit(&[bytes(&more, 1)]);
    assert_eq!(text(&state), text(&composed(&descriptors()).state));
}

#[test]
fn addresses_are_reachable_and_a_nodes_own() {
    for nowhere in ["0.0.0.0:1700", "[::]:1700", "192.0.2.1:0", "224.0.0.1:1700"] {
        let why = left_out(|said| said.node.address = nowhere.parse().unwrap());
        assert_eq!(why, format!("address: {nowhere} of {} cannot be reached", identity(1)));
    }
    let mut all = descriptors();
    let mut claims = statement(7);
    if let Role::Provider { access, .. } = &mut claims.node.role {
        *access = address(1);
    }
    all[6] = bytes(&claims, 7);
    let Composition { state, unfit } = composed(&all);
    assert_eq!(state.nodes.len(), 6);
    let said: Vec<_> = unfit.into_iter().map(|(position, why)| (position, why.to_string())).collect();
    let why = |number| format!("address: 192.0.2.1:1700 of {} is claimed twice", identity(number));
    assert_eq!(said, [(0, why(1)), (6, why(7))]);
}

#[test]
fn there_is_no_state_of_another_time_or_of_no_network() {
    let at = |epoch, now| compose(&policy(), &descriptors(), epoch, 3, now).map(|composition| composition.state);
    for (epoch, now) in [(9, NOW), (11, NOW), (u64::MAX, NOW), (0, EPOCHS.genesis - 1)] {
        let refused = at(epoch, now).unwrap_err();
        assert_eq!(refused, ComposeError::Epoch { epoch, now });
        assert_eq!(refused.to_string(), format!("epoch: {epoch} is not now, at {now}"));
    }
    let mut endless = policy();
    endless.epochs.length = 1;
    endless.epochs.genesis = 0;
    let refused = compose(&endless, &descriptors(), u64::MAX, 3, u64::MAX).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ComposeError::Epoch { .. }), "its end cannot be written");
    let refused = compose(&policy(), &descriptors()[2..], EPOCH, 3, NOW).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "state: nodes: no mix in layer 1 of 3");
    let refused = compose(&policy(), &descriptors()[..6], EPOCH, 3, NOW).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "state: nodes: no provider is not a network");
}
