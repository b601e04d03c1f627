//! Three layers of one mix and two providers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mimiq_directory::{
    Directory, Envelope, Epochs, KeyOf, Node as Entry, Packet, Rates, Role, Routes, Schedule, SigningKey, State, Trust,
};
use mimiq_node::{Delivery, Node, Settings};
use mimiq_sphinx::{Destination, Geometry, SecretKey, build};
use rand::Rng as _;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

pub(crate) type Delivered = ([u8; 16], [u8; 16], Vec<u8>);

pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) entry: Entry,
    pub(crate) delivered: mpsc::UnboundedReceiver<Delivered>,
}

pub(crate) struct Network {
    pub(crate) folder: TempDir,
    pub(crate) epochs: Epochs,
    pub(crate) rates: Rates,
    /// Mixes 0 to 2, in the order of their layers; providers 3 and 4.
    pub(crate) nodes: Vec<Running>,
    serial: u64,
    directory: watch::Sender<Option<Arc<Directory>>>,
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn rates(mu: f64, lambda_m: f64) -> Rates {
    Rates { mu, lambda_p: 1.0, lambda_l: 1.0, lambda_d: 1.0, lambda_m, pull: 1.0, messages_per_pull: 8 }
}

fn role(number: usize) -> Role {
    match number {
        0..=2 => Role::Mix { layer: number + 1 },
        _ => Role::Provider { name: format!("p{number}"), access: ([127, 0, 0, 1], 1000 + number as u16).into() },
    }
}

impl Network {
    pub(crate) fn start(epochs: Epochs, rates: Rates) -> Self {
        crate::metrics::install();
        let folder = TempDir::new().unwrap();
        let (directory, state) = watch::channel(None);
        let nodes = (0..5).map(|number| start(number, folder.path(), epochs, state.clone())).collect();
        let mut network = Self { folder, epochs, rates, nodes, serial: 0, directory };
        network.publish();
        network
    }

    /// Gives the nodes a state with the keys that they have now.
    pub(crate) fn publish(&mut self) {
        self.serial += 1;
        let epoch = self.epochs.at(now()).unwrap();
        let mut nodes: Vec<Entry> = Vec::new();
        for running in &self.nodes {
            let keys: Vec<KeyOf> = running.node.published().borrow().clone();
            nodes.push(Entry { keys, ..running.entry.clone() });
        }
        let state = State {
            network: "example".to_owned(),
            serial: self.serial,
            valid_after: self.epochs.start(epoch).unwrap(),
            valid_until: self.epochs.start(epoch + 2).unwrap(),
            epochs: self.epochs,
            packet: Packet { hops: 5, payload: 901 },
            rates: self.rates,
            nodes,
        };
        let authority = SigningKey::from_seed(&[99; 32]).unwrap();
        let mut envelope = Envelope::new(&state).unwrap();
        envelope.sign(&authority);
        let trust = Trust::new(vec![authority.public_key()], 1).unwrap();
        let directory = trust.open(&serde_json::to_vec(&envelope).unwrap(), "example", now(), None).unwrap();
        self.directory.send_replace(Some(Arc::new(directory)));
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.borrow().clone().unwrap()
    }

    /// A packet from a client of provider 3 to a recipient at provider 4, and its payload.
    pub(crate) fn packet(&self, recipient: [u8; 16], id: [u8; 16]) -> (Vec<u8>, Vec<u8>) {
        let directory = self.directory();
        let routes = Routes::new(directory.clone(), self.epochs.at(now()).unwrap()).unwrap();
        let rng = &mut rand::rng();
        let (from, to) = (directory.provider("p3").unwrap(), directory.provider("p4").unwrap());
        let hops = routes.hops(&directory.path(from, to, rng), rng).unwrap();
        let geometry = Geometry::default();
        let payload: Vec<u8> = (0..geometry.payload_len()).map(|_| rng.random()).collect();
        let mut packet = vec![0; geometry.packet_len()];
        let destination = Destination::Inbox { recipient, id };
        build(&geometry, routes.epoch_byte(), &hops, &destination, &payload, rng, &mut packet).unwrap();
        (packet, payload)
    }

    /// Sends packets until one arrives: then everything is linked.
    pub(crate) async fn until_linked(&mut self, send: impl Fn(&[u8]) -> bool) {
        loop {
            assert!(send(&self.packet([0; 16], [0; 16]).0));
            if tokio::time::timeout(Duration::from_millis(200), self.nodes[4].delivered.recv()).await.is_ok() {
                return;
            }
        }
    }

    /// Stops one and starts it again at the same address.
    pub(crate) async fn restart(&mut self, number: usize) {
        let state = self.directory.subscribe();
        let running = self.nodes.remove(number);
        let address = running.entry.address;
        running.node.stop().await.unwrap();
        let again = start_at(address, number, self.folder.path(), self.epochs, state);
        self.nodes.insert(number, again);
    }

    pub(crate) async fn stop(self) {
        for running in self.nodes {
            running.node.stop().await.unwrap();
        }
    }
}

/// The next message that a provider puts into an inbox.
pub(crate) async fn next(delivered: &mut mpsc::UnboundedReceiver<Delivered>) -> Delivered {
    tokio::time::timeout(crate::metrics::PATIENCE, delivered.recv()).await.unwrap().unwrap()
}

fn start(number: usize, folder: &Path, epochs: Epochs, state: watch::Receiver<Option<Arc<Directory>>>) -> Running {
    start_at(([127, 0, 0, 1], 0).into(), number, folder, epochs, state)
}

fn start_at(
    listen: std::net::SocketAddr,
    number: usize,
    folder: &Path,
    epochs: Epochs,
    state: watch::Receiver<Option<Arc<Directory>>>,
) -> Running {
    let identity = SigningKey::from_seed(&[number as u8 + 1; 32]).unwrap().public_key();
    let link = SecretKey::from_bytes([number as u8 + 101; 32]);
    let mut entry = Entry {
        identity,
        address: listen,
        link: (*link.public_key().as_bytes()).into(),
        role: role(number),
        keys: vec![],
    };
    let settings = Settings {
        id: entry.id(),
        link: Zeroizing::new(*link.as_bytes()),
        folder: folder.join(number.to_string()),
        listen,
        schedule: Schedule::new(epochs, epochs.length).unwrap(),
        geometry: Geometry::default(),
        queue: 10_000,
        tags: 100_000,
        socket_buffer: 1 << 20,
        overload_wait: Duration::from_millis(50),
        longest_delay: Duration::from_secs(60),
    };
    let (sender, delivered) = mpsc::unbounded_channel();
    let delivery: Delivery =
        Box::new(move |recipient, id, payload| sender.send((recipient, id, payload.to_vec())).is_ok());
    let node = Node::start(settings, (number > 2).then_some(delivery), state).unwrap();
    entry.address = node.local_addr();
    Running { node, entry, delivered }
}
