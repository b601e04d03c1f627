//! A mix or a provider, put together.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mimiq_access::{Access, AccessConfig, AccountId, Published, Shape, Store};
use mimiq_authority::Follower;
use mimiq_directory::{Descriptor, Directory, KeyOf, Node as Entry, Statement};
use mimiq_node::{Delivery, Node, Settings};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::config::NodeConfig;
use crate::follow::follow;
use crate::identity::{self, Identity};

/// How often to look whether the network knows this node as it is.
const DESCRIBE: Duration = Duration::from_secs(5);
const QUEUE: Duration = Duration::from_secs(1);

/// Runs a node until `stop` completes.
///
/// # Errors
/// If something that it needs cannot be read, written or bound.
pub async fn run(config: NodeConfig, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let identity = identity::read(&config.identity)?;
    let (link_secret, link) = identity::link(&config.data)?;
    let following = follow(&config.network, config.data.join("state.json"), false)?;
    let entry =
        Entry { identity: identity.key.public_key(), address: config.address, link, role: config.role(), keys: vec![] };
    let geometry = config.geometry()?;
    let settings = Settings {
        id: entry.id(),
        link: link_secret,
        folder: config.data.clone(),
        listen: config.listen.unwrap_or(config.address),
        schedule: config.schedule()?,
        geometry,
        queue: config.limits.queue,
        tags: config.limits.packets_per_epoch,
        socket_buffer: config.limits.socket_buffer,
        overload_wait: config.overload_wait(),
        longest_delay: config.longest_delay(),
    };
    let store = match &config.provider {
        Some(provider) => {
            let path = config.data.join("inboxes.redb");
            let store = Store::open(&path, provider.access.inbox, geometry.payload_len());
            Some(Arc::new(store.with_context(|| path.display().to_string())?))
        }
        None => None,
    };
    let delivery = store.clone().map(|store| -> Delivery {
        Box::new(move |recipient, id, payload| store.deliver(AccountId(recipient), id, payload).is_ok())
    });
    let socket = match &config.provider {
        Some(provider) => {
            let own = ("provider.address", provider.address);
            let (field, address) = provider.listen.map_or(own, |listen| ("provider.listen", listen));
            Some(UdpSocket::bind(address).with_context(|| format!("{field}: {address}"))?)
        }
        None => None,
    };
    let node = Node::start(settings, delivery, following.directory.clone())?;
    tracing::info!(address = %config.address, listen = %node.local_addr(), identity = %entry.identity, "ready");

    let (stopping, stopped) = watch::channel(false);
    let describing = tokio::spawn(describe(
        identity_of(&identity)?,
        config.network.name.clone(),
        entry,
        following.follower.clone(),
        node.published(),
        following.directory.clone(),
    ));
    let mut serving = JoinSet::new();
    if let (Some(provider), Some(store), Some(socket)) = (&config.provider, store.clone(), socket) {
        let clients = Clients {
            socket,
            access: provider.access.clone(),
            seed: identity.seed.clone(),
            store,
            packets: Box::new(node.from_clients()),
        };
        serving.spawn(clients.serve(following.directory.clone(), following.follower.clone(), stopped));
    }
    let mut queue = tokio::time::interval(QUEUE);
    let gauge = metrics::gauge!("mimiq_mix_queue_packets");
    tokio::pin!(stop);
    let failed = loop {
        tokio::select! {
            () = &mut stop => break None,
            // Whoever is in the network and serves nobody is missed by clients alone.
            Some(ended) = serving.join_next() => break Some(why(ended)),
            _ = queue.tick() => {
                gauge.set(node.queued() as f64);
                if !node.is_running() {
                    break Some(anyhow::anyhow!("packets are not relayed any more"));
                }
                if store.as_ref().is_some_and(|store| !store.is_running()) {
                    break Some(anyhow::anyhow!("messages are not stored any more"));
                }
            }
        }
    };
    tracing::info!("stopping");
    describing.abort();
    stopping.send_replace(true);
    while serving.join_next().await.is_some() {}
    node.stop().await.context("keys and replay logs")?;
    failed.map_or(Ok(()), Err)
}

/// Why clients are not served any more.
fn why(ended: Result<anyhow::Result<()>, JoinError>) -> anyhow::Error {
    let error = match ended {
        Ok(Ok(())) => anyhow::anyhow!("the socket is gone"),
        Ok(Err(error)) => error,
        Err(error) => error.into(),
    };
    error.context("clients")
}

fn identity_of(identity: &Identity) -> anyhow::Result<mimiq_directory::SigningKey> {
    mimiq_directory::SigningKey::from_seed(&identity.seed).map_err(|error| anyhow::anyhow!("identity: {error}"))
}

/// Tells the authorities about the node until the network's state has it as it is, and again when its keys change.
async fn describe(
    key: mimiq_directory::SigningKey,
    network: String,
    entry: Entry,
    follower: Follower,
    mut published: watch::Receiver<Vec<KeyOf>>,
    directory: watch::Receiver<Option<Arc<Directory>>>,
) {
    let mut said: Option<(Entry, Descriptor)> = None;
    loop {
        let now = Entry { keys: published.borrow_and_update().clone(), ..entry.clone() };
        let known = directory.borrow().as_ref().and_then(|directory| directory.node(&entry.id()).cloned());
        if known.as_ref() != Some(&now) {
            if said.as_ref().is_none_or(|(before, _)| *before != now) {
                let statement = Statement { network: network.clone(), sequence: millis(), node: now.clone() };
                match Descriptor::new(&statement, &key) {
                    Ok(descriptor) => said = Some((now, descriptor)),
                    Err(error) => tracing::error!(%error, "no descriptor can be made"),
                }
            }
            if let Some((_, descriptor)) = &said {
                match follower.publish(descriptor).await {
                    Ok(authorities) => tracing::debug!(authorities, "described"),
                    Err(error) => tracing::warn!(%error, "no authority took this node's descriptor"),
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(DESCRIBE) => {}
            changed = published.changed() => if changed.is_err() { return },
        }
    }
}

/// Grows from statement to statement, also over restarts.
fn millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Takes a client's packet, if there is room.
type HandOff = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A provider's clients.
struct Clients {
    socket: UdpSocket,
    access: AccessConfig,
    seed: zeroize::Zeroizing<[u8; 32]>,
    store: Arc<Store>,
    packets: HandOff,
}

impl Clients {
    /// Serves them from when the network's state is known.
    async fn serve(
        self,
        mut directory: watch::Receiver<Option<Arc<Directory>>>,
        follower: Follower,
        mut stopped: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let first = tokio::select! {
            known = directory.wait_for(Option::is_some) => known.context("state")?.clone(),
            _ = stopped.changed() => return Ok(()),
        };
        let Some(first) = first else { return Ok(()) };
        let (state, published) = watch::channel(published(&first, &follower, Shape::of(&first)?));
        let packets = self.packets;
        let access =
            Access::start(&self.access, self.socket, &self.seed, self.store, move |packet| packets(packet), published)?;
        tracing::info!(listen = %access.local_addr()?, "clients are served");
        let passing = tokio::spawn(async move {
            while directory.changed().await.is_ok() {
                if let Some(directory) = &*directory.borrow_and_update() {
                    let shape = Shape::of(directory).unwrap_or_else(|error| {
                        tracing::error!(%error, "the network's state does not fit: answers to clients stay as they are");
                        state.borrow().shape
                    });
                    state.send_replace(self::published(directory, &follower, shape));
                }
            }
        });
        access
            .run(async move {
                let _ = stopped.changed().await;
            })
            .await;
        passing.abort();
        Ok(())
    }
}

fn published(directory: &Directory, follower: &Follower, shape: Shape) -> Published {
    Published { serial: directory.seen().serial, shape, envelope: follower.envelope().unwrap_or_default() }
}
