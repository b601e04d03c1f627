//! A provider that cannot serve clients ends, and says why: whoever watches it must not take it for one that works.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use mimiq_directory::{Envelope, Epochs, KeyOf, Node, Packet, Rates, Role, SigningKey, State};
use mimiq_mix::config::NodeConfig;
use mimiq_sphinx::SecretKey;
use tempfile::TempDir;

use crate::PATIENCE;

const PACKET: Packet = Packet { hops: 3, payload: 2_000 };

fn authority() -> SigningKey {
    SigningKey::from_seed(&[9; 32]).unwrap()
}

/// A provider that takes clients at this address of its host. Nobody is where its authority should be.
fn provider(folder: &TempDir, listen: SocketAddr, epochs: Epochs) -> NodeConfig {
    let path = folder.path().join("node.yaml");
    SigningKey::create(&folder.path().join("identity.key"), &mut rand::rng()).unwrap();
    let Epochs { genesis, length } = epochs;
    let text = format!(
        "network:
  name: alone
  threshold: 1
  authorities: [{{ identity: {}, url: \"http://127.0.0.1:1\" }}]
provider: {{ name: p1, address: \"192.0.2.2:1701\", listen: \"{listen}\", access: {{ registration: open }} }}
address: \"192.0.2.2:1700\"
listen: \"127.0.0.1:0\"
identity: identity.key
data: data
epochs: {{ genesis: {genesis}, length: {length} }}
grace_s: 60
packet: {{ hops: {}, payload: {} }}
limits: {{ packets_per_epoch: 1000, queue: 100 }}
",
        authority().public_key(),
        PACKET.hops,
        PACKET.payload,
    );
    fs::write(&path, text).unwrap();
    NodeConfig::load(&path).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Why it has ended by itself.
async fn failure(config: NodeConfig) -> String {
    let running = mimiq_mix::node::run(config, std::future::pending());
    let error = tokio::time::timeout(PATIENCE, running).await.expect("it goes on").unwrap_err();
    format!("{error:#}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_address_is_in_use_does_not_start() {
    let folder = TempDir::new().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = provider(&folder, address, Epochs { genesis: now() - 1_000, length: 3_600 });
    let why = failure(config).await;
    assert!(why.starts_with(&format!("provider.listen: {address}: ")), "{why}");
}

/// The state that it knows asks for answers of more than a mebibyte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_whose_clients_the_state_is_too_large_does_not_go_on() {
    let folder = TempDir::new().unwrap();
    let epochs = Epochs { genesis: now() - 1_000, length: 1_000_000 };
    let config = provider(&folder, SocketAddr::from(([127, 0, 0, 1], 0)), epochs);
    let public = |secret| (*SecretKey::from_bytes([secret; 32]).public_key().as_bytes()).into();
    let node = |number: u8, role| Node {
        identity: [number; 32].into(),
        address: SocketAddr::from(([192, 0, 2, number], 1700)),
        link: public(number),
        role,
        keys: vec![KeyOf { epoch: 0, key: public(number + 100) }],
    };
    let state = State {
        network: "alone".to_owned(),
        serial: 1,
        valid_after: epochs.genesis,
        valid_until: epochs.genesis + epochs.length,
        epochs,
        packet: PACKET,
        rates: Rates {
            mu: 1.0,
            lambda_p: 1.0,
            lambda_l: 1.0,
            lambda_d: 1.0,
            lambda_m: 1.0,
            pull: 1.0,
            messages_per_pull: 1024,
        },
        nodes: vec![
            node(1, Role::Mix { layer: 1 }),
            node(2, Role::Provider { name: "p1".to_owned(), access: SocketAddr::from(([192, 0, 2, 2], 1701)) }),
        ],
    };
    let mut envelope = Envelope::new(&state).unwrap();
    envelope.sign(&authority());
    fs::create_dir(&config.data).unwrap();
    fs::write(config.data.join("state.json"), serde_json::to_vec(&envelope).unwrap()).unwrap();
    let why = failure(config).await;
    assert_eq!(why, "clients: rates.messages_per_pull: 1024 is not 1 or more with a mebibyte of messages at most");
}
