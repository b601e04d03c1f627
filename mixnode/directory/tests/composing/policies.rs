//! Policies are read strictly.

use mimiq_directory::{Policy, PolicyError};

use crate::setup::{identity, policy, yaml};

/// What is said of the policy with something else in it.
fn refused(from: &str, to: &str) -> String {
    assert!(yaml().contains(from), "{from}");
    Policy::from_yaml(&yaml().replace(from, to)).unwrap_err().to_string()
}

#[test]
fn a_policy_is_read() {
    let policy = policy();
    assert_eq!(policy.layers[2], [identity(5), identity(6)]);
    assert_eq!(policy.providers[1].name, "p8");
    assert_eq!(policy.rates.lambda_l, 1.0);
    assert_eq!((policy.authorities, policy.threshold, policy.round), ([101, 102, 103].map(identity).into(), 2, 60));
}

#[test]
fn authorities_and_rounds_make_sense() {
    assert_eq!(refused("threshold: 2", "threshold: 0"), "policy: threshold: 0 of 3 authorities");
    assert_eq!(refused("threshold: 2", "threshold: 4"), "policy: threshold: 4 of 3 authorities");
    let twice = refused(&identity(102).to_string(), &identity(101).to_string());
    assert_eq!(twice, format!("policy: authorities: {} twice", identity(101)));
    for round in ["0", "86401"] {
        let refused = refused("round: 60", &format!("round: {round}"));
        assert_eq!(refused, format!("policy: round: {round} is not 1 to 86400 seconds"));
    }
}

/// Not only when a state is composed: an operator learns it from `config check`.
#[test]
fn packets_and_rates_make_sense() {
    assert_eq!(refused("hops: 5", "hops: 11"), "policy: packet: hops: 11 is not between 1 and 10");
    assert_eq!(refused("mu: 2.5", "mu: 0"), "policy: rates.mu: 0 is not between 0.000001 and 1000000 per second");
    let loops = "policy: rates.pull: 2 is not enough: pull × messages_per_pull must be at least 4 × lambda_l, a client's loops under attack";
    assert_eq!(refused("lambda_l: 1,", "lambda_l: 5,"), loops);
}

#[test]
fn nobody_has_two_places_and_no_name_two_owners() {
    let twice = |from: u8, to: u8| yaml().replacen(&identity(from).to_string(), &identity(to).to_string(), 1);
    for (from, to) in [(2, 1), (4, 1), (8, 1), (8, 7)] {
        let refused = Policy::from_yaml(&twice(from, to)).unwrap_err();
        assert_eq!(refused.to_string(), format!("policy: identity {} twice", identity(to)));
    }
    let refused = Policy::from_yaml(&yaml().replace("p8", "p7")).unwrap_err();
    assert_eq!(refused.to_string(), "policy: provider name \"p7\" twice");
}

#[test]
fn what_is_no_policy_is_refused() {
    let key = identity(1).to_string();
    for text in [
        String::new(),
        yaml().replace("layers:", "layer:"),
        yaml() + "more: 1\n",
        yaml().replace("mu: 2.5", "mu: fast"),
        yaml().replace(&key, &key.to_uppercase()),
        yaml().replace(&key, &key[..62]),
    ] {
        assert!(matches!(Policy::from_yaml(&text), Err(PolicyError::Yaml(_))), "{text}");
    }
}
