//! Nodes and authorities that die, and an adversary on a wire.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mimiq_directory::{Envelope, Routes, Trust};
use mimiq_mix_testbed::{Network, Plan};
use mimiq_mixing::link::{Ends, Outgoing};
use mimiq_sphinx::{Destination, build};

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

/// A mix that was killed refuses what it had let through before: the test plays a provider, and sends the same packet again.
#[test]
fn a_killed_mix_goes_on_and_remembers() {
    let mut network = Network::start(binary(), Plan { lambda_m: 10.0, ..Plan::default() }).unwrap();
    network.wait_until_ready().unwrap();
    let neighbour = Neighbour::new(&network);
    let passed = "mimiq_mix_packets_total{event=\"drop_cover\"}";
    let replayed = "mimiq_mix_packets_dropped_total{reason=\"replayed\"}";
    neighbour.send();
    network.wait("the packet", || value(&network, "m1-1", passed) == 1.0).unwrap();
    neighbour.send();
    network.wait("the replay", || value(&network, "m1-1", replayed) == 1.0).unwrap();

    network.process("m1-1").unwrap().kill().unwrap();
    network.restart("m1-1").unwrap();
    network
        .wait("links of the new process", || {
            neighbour.send();
            value(&network, "m1-1", replayed) >= 1.0
        })
        .unwrap();
    for mix in ["m1-1", "m2-1", "m3-1"] {
        loops(&network, mix, 5.0);
    }
    // Nor has the first of them passed, for which the others would be replays, too.
    assert_eq!(value(&network, "m1-1", passed), 0.0);
    assert!(network.process("m1-1").unwrap().terminate().unwrap().success());
}

/// Provider p1 as far as the first mix sees it, with a packet that ends there: cover, which nobody else sends to a mix.
struct Neighbour {
    secret: [u8; 32],
    ends: Ends,
    to: SocketAddr,
    key: [u8; 32],
    epoch: u32,
    packet: Vec<u8>,
}

impl Neighbour {
    fn new(network: &Network) -> Self {
        let envelope = std::fs::read(network.folder().join("p1/state.json")).unwrap();
        let envelope: Envelope = serde_json::from_slice(&envelope).unwrap();
        let directory = Arc::new(Trust::review(&envelope.state).unwrap());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let epoch = directory.state().epochs.at(now).unwrap();
        let routes = Routes::new(directory.clone(), epoch).unwrap();
        let mix = directory.state().nodes.iter().find(|node| node.layer() == Some(1)).unwrap();
        let provider = directory.provider("p1").unwrap();
        let rng = &mut rand::rng();
        let geometry = directory.geometry();
        let mut packet = vec![0; geometry.packet_len()];
        let (hops, payload) = (routes.hops(&[mix], rng).unwrap(), vec![7; geometry.payload_len()]);
        build(&geometry, routes.epoch_byte(), &hops, &Destination::Drop, &payload, rng, &mut packet).unwrap();
        Self {
            secret: std::fs::read(network.folder().join("p1/link.key")).unwrap().try_into().unwrap(),
            ends: Ends { sender: provider.id(), receiver: mix.id() },
            to: mix.address,
            key: mix.link.0,
            epoch: epoch as u32,
            packet,
        }
    }

    /// Over a link of its own: to the mix, each time as if the provider had been started anew.
    fn send(&self) {
        let mut link = Outgoing::new(&self.secret, &self.key, self.ends, self.epoch, &mut rand::rng()).unwrap();
        let mut datagram = Vec::new();
        link.seal(&self.packet, &mut datagram).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&datagram, self.to).unwrap();
    }
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
