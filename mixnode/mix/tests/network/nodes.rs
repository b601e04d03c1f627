//! Nodes and authorities that die, and an adversary on a wire.

use mimiq_mix_testbed::{Network, Plan};

use crate::binary;

const IN_TIME: &str = "mimiq_mix_loops_total{outcome=\"in_time\"}";
const UNDER_ATTACK: &str = "mimiq_mix_under_attack";

fn value(network: &Network, node: &str, name: &str) -> f64 {
    network.metrics(node).map_or(f64::NAN, |metrics| metrics.value(name))
}

/// Waits until a mix has had so many more loops back.
fn loops(network: &Network, node: &str, more: f64) {
    let before = value(network, node, IN_TIME);
    network.wait("loops", || value(network, node, IN_TIME) >= before + more).unwrap();
}

/// A mix that was killed refuses what it had let through before: its neighbour, played by the test, sends the same packet again.
#[test]
fn a_killed_mix_goes_on_and_remembers() {
    let mut network = Network::start(binary(), Plan { lambda_m: 10.0, ..Plan::default() }).unwrap();
    network.wait_until_ready().unwrap();
    network.process("m2-1").unwrap().kill().unwrap();
    network.restart("m2-1").unwrap();
    network.wait("metrics of the new process", || network.metrics("m2-1").is_ok()).unwrap();
    for mix in ["m1-1", "m2-1", "m3-1"] {
        loops(&network, mix, 5.0);
    }
    assert!(network.folder().join("m2-1").read_dir().unwrap().any(|file| {
        let file = file.unwrap();
        file.file_name().to_str().unwrap().ends_with(".tags") && file.metadata().unwrap().len() > 64
    }));
    let ended = network.process("m2-1").unwrap().terminate().unwrap();
    assert!(ended.success());
}

/// Keys change while one authority of three is dead.
#[test]
fn epochs_pass_with_one_authority_of_three() {
    let plan = Plan { authorities: 3, threshold: 2, epoch_s: 8, lambda_m: 20.0, ..Plan::default() };
    let mut network = Network::start(binary(), plan).unwrap();
    network.wait_until_ready().unwrap();
    network.process("a1").unwrap().kill().unwrap();
    let keys = || {
        let files = network.folder().join("m1-1/keys").read_dir().unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = keys();
    network.wait("all keys are new", || keys().iter().all(|key| !before.contains(key))).unwrap();
    for mix in ["m1-1", "m2-1", "m3-1"] {
        loops(&network, mix, 5.0);
        assert_eq!(value(&network, mix, UNDER_ATTACK), 0.0, "{}", network.logs());
    }
}

/// An (n−1) attack at a mix, and its end.
#[test]
fn a_blocked_mix_is_noticed_and_named() {
    let plan = Plan { lambda_m: 10.0, layers: vec![2, 2, 2], wired: vec![(1, 0)], ..Plan::default() };
    let mut network = Network::start(binary(), plan).unwrap();
    network.wait_until_ready().unwrap();
    loops(&network, "m2-1", 20.0);
    network.wire("m2-1").unwrap().drop_share(1.0);
    for mix in ["m2-1", "m1-1"] {
        network.wait("the alarm", || value(&network, mix, UNDER_ATTACK) == 1.0).unwrap();
    }
    assert!(value(&network, "m2-1", "mimiq_mix_cover_factor") > 1.0);
    let named = network.address("m2-1").unwrap().to_owned();
    let log = network.process("m1-1").unwrap().log();
    let warning = log.lines().find(|line| line.contains("under attack")).unwrap();
    assert!(warning.contains(&named), "{warning}");
    network.wire("m2-1").unwrap().drop_share(0.0);
    network.wait("the end of the alarm", || value(&network, "m2-1", UNDER_ATTACK) == 0.0).unwrap();
}
