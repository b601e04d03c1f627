//! Signed, and still not a network's.

use mimiq_directory::{MOST_COVER, Refused, Role, State};

use crate::setup::{NETWORK, NOW, bytes, hex, signed, state, trust};

fn refusal(change: impl FnOnce(&mut State)) -> String {
    let mut state = state();
    change(&mut state);
    match trust(1).open(&bytes(&signed(&state, &[1])), NETWORK, NOW, None) {
        Err(Refused::Inconsistent(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_out_of_range_are_named() {
    type Change<'a> = &'a dyn Fn(&mut State);
    let cases: [(&str, Change<'_>); 17] = [
        ("network: \"\" is not 1 to 64 characters", &|state| state.network.clear()),
        ("valid_until: 1036400 is not later than valid_after", &|state| state.valid_until = state.valid_after),
        ("epochs.length: 0 is not at least a second", &|state| state.epochs.length = 0),
        ("epochs.genesis: 1036401 is not at or before valid_after", &|state| state.epochs.genesis = 1_036_401),
        ("valid_until: 1096500 is not within 16 epochs of valid_after", &|state| state.valid_until = NOW + 60_000),
        ("packet: hops: 11 is not between 1 and 10", &|state| state.packet.hops = 11),
        ("packet: payload: 1 bytes are not between 64 and 60000", &|state| state.packet.payload = 1),
        ("packet.hops: 4 is not enough for all layers and two providers", &|state| state.packet.hops = 4),
        ("rates.mu: 0 is not between 0.000001 and 1000000 per second", &|state| state.rates.mu = 0.0),
        ("rates.lambda_p: -1 is not between 0.000001 and 1000000 per second", &|state| state.rates.lambda_p = -1.0),
        ("rates.pull: 10000000 is not between 0.000001 and 1000000 per second", &|state| state.rates.pull = 1e7),
        ("rates.messages_per_pull: 0 is not 1 to 1024", &|state| state.rates.messages_per_pull = 0),
        (
            "rates.pull: 2 is not enough: pull × messages_per_pull must be at least 4 × lambda_l, a client's loops under attack",
            &|state| state.rates.lambda_l = 4.1,
        ),
        ("nodes.role.layer: 0 is not 1 or more", &|state| state.nodes[0].role = Role::Mix { layer: 0 }),
        ("nodes: 11 is not 1 to 10 layers", &|state| state.nodes[0].role = Role::Mix { layer: 11 }),
        ("nodes: 0 is not 1 to 10 layers", &|state| state.nodes.clear()),
        ("nodes: no provider is not a network", &|state| state.nodes.truncate(6)),
    ];
    for (expected, change) in cases {
        assert_eq!(refusal(change), expected);
    }
    for (name, shown) in [("", "\"\""), ("Upper", "\"Upper\""), ("a.b", "\"a.b\"")] {
        let said = refusal(|state| {
            if let Role::Provider { name: own, .. } = &mut state.nodes[6].role {
                name.clone_into(own);
            }
        });
        assert_eq!(said, format!("nodes.role.name: {shown} is not 1 to 32 lower-case letters, digits, and hyphens"));
    }
    // JSON has no such number; serde_json writes null, and refuses to read it.
    let mut endless = state();
    endless.rates.mu = f64::INFINITY;
    let refused = trust(1).open(&bytes(&signed(&endless, &[1])), NETWORK, NOW, None);
    assert!(matches!(refused, Err(Refused::State(_))));
}

/// Pulls may bring back no more than the loops under attack.
#[test]
fn pulls_that_just_suffice_are_enough() {
    let mut state = state();
    state.rates.lambda_l = 2.0 * 8.0 / MOST_COVER;
    assert!(trust(1).open(&bytes(&signed(&state, &[1])), NETWORK, NOW, None).is_ok());
}

#[test]
fn nodes_must_be_different_and_complete() {
    assert_eq!(refusal(|state| state.nodes.retain(|node| node.layer() != Some(2))), "nodes: no mix in layer 2 of 3");
    let twice = refusal(|state| state.nodes[1].identity = state.nodes[0].identity);
    assert_eq!(twice, format!("nodes: identity {} twice", hex(1)));
    let twice = refusal(|state| state.nodes[1].address = state.nodes[0].address);
    assert_eq!(twice, "nodes: address 192.0.2.1:1700 twice");
    let twice = refusal(|state| {
        if let Role::Provider { access, .. } = &mut state.nodes[6].role {
            *access = "192.0.2.1:1700".parse().unwrap();
        }
    });
    assert_eq!(twice, "nodes: address 192.0.2.1:1700 twice");
    let twice = refusal(|state| {
        if let Role::Provider { name, .. } = &mut state.nodes[6].role {
            "p1".clone_into(name);
        }
    });
    assert_eq!(twice, "nodes: provider name p1 twice");
}

#[test]
fn keys_must_be_there_and_be_keys() {
    // Valid in epochs 10 and 11.
    let missing = refusal(|state| state.nodes[2].keys.retain(|key| key.epoch != 11));
    assert_eq!(missing, format!("nodes: {} has no key for epoch 11", hex(3)));
    let twice = refusal(|state| state.nodes[2].keys[1].epoch = 10);
    assert_eq!(twice, "nodes: key of epoch 10 twice");
    for (key, why) in [
        ([0; 32], "public key: not in the group of prime order"),
        ([0xff; 32], "public key: not the canonical encoding of a number below 2^255 - 19"),
    ] {
        let bad = refusal(|state| state.nodes[2].keys[0].key = key.into());
        assert_eq!(bad, format!("nodes: {}, epoch 10: {why}", hex(3)));
        let bad = refusal(|state| state.nodes[2].link = key.into());
        assert_eq!(bad, format!("nodes: {}, link: {why}", hex(3)));
    }
    let shared = refusal(|state| state.nodes[2].link = state.nodes[2].keys[1].key);
    assert_eq!(shared, format!("nodes: {}, link: the same as the key for packets of epoch 11", hex(3)));
}
