//! What a mix finds when it starts again: its keys, and a state of a network in which the benchmark plays its neighbours.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use mimiq_directory::{
    Directory, Envelope, Epochs, Hex32, KeyFiles, KeyOf, Node, Packet, Rates, Role, Schedule, SigningKey, State, Trust,
};
use mimiq_mixing::ReplayGuard;
use mimiq_mixing::link::{Ends, Incoming, Outgoing};
use mimiq_sphinx::{Geometry, SecretKey};
use rand::Rng as _;
use tempfile::TempDir;

const NETWORK: &str = "bench";
/// Seconds: no epoch begins during a run.
const EPOCH: u64 = 86_400;
const GRACE: u64 = 600;
/// The epoch of a run, which starts in the middle of it.
pub(super) const CURRENT: u64 = 0;

/// A neighbour that is played.
pub(super) struct Played {
    pub(super) node: Node,
    pub(super) link: SecretKey,
    pub(super) packets: SecretKey,
}

/// A mix of the second of three layers, its neighbours, and its files.
pub(super) struct Place {
    folder: TempDir,
    pub(super) directory: Directory,
    pub(super) mix: Node,
    pub(super) before: Played,
    pub(super) behind: Played,
    pub(super) metrics: String,
    authority: Hex32,
    genesis: u64,
}

impl Place {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mimiq-bench-").tempdir()?;
        let rng = &mut rand::rng();
        // Loopback addresses that nobody else uses, as far as one can tell.
        let prefix = format!("127.{}.{}", rng.random_range(1..=254), rng.random_range(0..=255));
        let at = |host: u8, port: u16| -> anyhow::Result<SocketAddr> { Ok(format!("{prefix}.{host}:{port}").parse()?) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let genesis = now - EPOCH / 2;
        let epochs = Epochs { genesis, length: EPOCH };

        let data = folder.path().join("data");
        let schedule = Schedule::new(epochs, GRACE)?;
        let keys = KeyFiles::open(&data.join("keys"), schedule, now, rng)?.ring().published(&schedule, now);
        let identity = SigningKey::create(&folder.path().join("mix.key"), rng)?.public_key();
        SigningKey::create(&data.join("link.key"), rng)?;
        let link = fs::read(data.join("link.key"))?;
        let link = SecretKey::from_bytes(link.as_slice().try_into().context("link.key")?);
        let link = (*link.public_key().as_bytes()).into();
        let mix = Node { identity, address: at(2, 1700)?, link, role: Role::Mix { layer: 2 }, keys };

        let before = Played::new(at(1, 1700)?, Role::Mix { layer: 1 })?;
        let behind = Played::new(at(3, 1700)?, Role::Mix { layer: 3 })?;
        let provider = Role::Provider { name: "p1".to_owned(), access: at(4, 1701)? };
        let provider = Played::new(at(4, 1700)?, provider)?;
        let nodes = vec![before.node.clone(), mix.clone(), behind.node.clone(), provider.node];
        let geometry = Geometry::default();
        let packet = Packet { hops: geometry.hops(), payload: geometry.payload_len() };
        // A mean delay of 20 ms; as good as no loops of the mix itself, which nobody would send back.
        let rates = Rates {
            mu: 50.0,
            lambda_p: 1.0,
            lambda_l: 1.0,
            lambda_d: 1.0,
            lambda_m: 1e-6,
            pull: 1.0,
            messages_per_pull: 8,
        };
        let (network, valid_until) = (NETWORK.to_owned(), now + EPOCH / 4);
        let state = State { network, serial: 1, valid_after: now - 1, valid_until, epochs, packet, rates, nodes };
        let authority = SigningKey::from_seed(&rng.random()).map_err(|error| anyhow::anyhow!("authority: {error}"))?;
        let mut envelope = Envelope::new(&state)?;
        envelope.sign(&authority);
        fs::write(data.join("state.json"), serde_json::to_vec(&envelope)?)?;
        let (directory, authority) = (Trust::review(&envelope.state)?, authority.public_key());
        let metrics = at(2, 1702)?.to_string();
        Ok(Self { folder, directory, mix, before, behind, metrics, authority, genesis })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves empty replay logs, and writes the configuration for a queue of so many packets.
    pub(super) fn prepare(&self, queue: usize) -> anyhow::Result<PathBuf> {
        for KeyOf { epoch, .. } in &self.mix.keys {
            let path = self.path().join(format!("data/epoch-{epoch}.tags"));
            let _ = fs::remove_file(&path);
            // Where there is none at all, the mix replaces the key.
            ReplayGuard::open(&path, *epoch, [0; 16], 1)?.0.close()?;
        }
        let Self { mix, authority, genesis, metrics, .. } = self;
        // The authority is not there: the state in the folder is enough.
        let text = format!(
            "network:
  name: {NETWORK}
  threshold: 1
  refresh_s: 86400
  authorities: [{{ identity: {authority}, url: \"http://{metrics}\" }}]
mix: {{ layer: 2 }}
address: \"{}\"
identity: mix.key
data: data
epochs: {{ genesis: {genesis}, length: {EPOCH} }}
grace_s: {GRACE}
limits: {{ queue: {queue}, longest_delay_s: 3600 }}
metrics: \"{metrics}\"
",
            mix.address
        );
        let path = self.path().join("mix.yaml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The link to the mix, of the node in front of it.
    pub(super) fn outgoing(&self) -> anyhow::Result<Outgoing> {
        let ends = Ends { sender: self.before.node.id(), receiver: self.mix.id() };
        Ok(Outgoing::new(self.before.link.as_bytes(), &self.mix.link.0, ends, CURRENT as u32, &mut rand::rng())?)
    }

    /// The link from the mix, of the node behind it.
    pub(super) fn incoming(&self) -> anyhow::Result<Incoming> {
        let mut incoming = Incoming::new(*self.behind.link.as_bytes(), self.behind.node.id(), CURRENT as u32);
        incoming.insert(self.mix.id(), &self.mix.link.0)?;
        Ok(incoming)
    }

    /// Datagrams to the mix's socket that the kernel has dropped: since the socket is there.
    pub(super) fn dropped_by_kernel(&self) -> anyhow::Result<u64> {
        let SocketAddr::V4(address) = self.mix.address else { anyhow::bail!("not IPv4") };
        let wanted = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
        let table = fs::read_to_string("/proc/net/udp")?;
        let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&wanted));
        let drops = line.and_then(|line| line.split_whitespace().last()).context("/proc/net/udp: no such socket")?;
        Ok(drops.parse()?)
    }
}

impl Played {
    fn new(address: SocketAddr, role: Role) -> anyhow::Result<Self> {
        let rng = &mut rand::rng();
        let (link, packets) = (SecretKey::generate(rng), SecretKey::generate(rng));
        let identity = SigningKey::from_seed(&rng.random()).map_err(|error| anyhow::anyhow!("identity: {error}"))?;
        let public = |secret: &SecretKey| -> Hex32 { (*secret.public_key().as_bytes()).into() };
        let keys = vec![KeyOf { epoch: CURRENT, key: public(&packets) }];
        let node = Node { identity: identity.public_key(), address, link: public(&link), role, keys };
        ensure!(node.key(CURRENT).is_some(), "no key");
        Ok(Self { node, link, packets })
    }
}
