//! Follows the network's state, and makes what builds packets in each epoch.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use mimiq_authority::Follower;
use mimiq_directory::{Directory, Routes};
use tokio::sync::{mpsc, watch};

use crate::config::NetworkConfig;

/// Before there is a state, authorities are asked so often.
const FIRST: Duration = Duration::from_secs(1);
/// How often to look whether an epoch began.
const TICK: Duration = Duration::from_millis(250);

/// What there is of the network's state. It follows as long as this lives.
pub struct Following {
    /// The state, if there is one that counts.
    pub directory: watch::Receiver<Option<Arc<Directory>>>,
    /// What builds packets in the present epoch.
    pub routes: watch::Receiver<Option<Arc<Routes>>>,
    /// Where states from elsewhere go.
    pub states: mpsc::Sender<Vec<u8>>,
    /// What knows it.
    pub follower: Follower,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Following {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Begins with what an earlier process knew, in `file`. Must be called within a tokio runtime.
///
/// # Errors
/// If the file cannot be read, or the configuration makes no sense.
pub fn follow(network: &NetworkConfig, file: PathBuf, with_routes: bool) -> anyhow::Result<Following> {
    let follower = Follower::new(network.trust()?, network.name.clone(), network.urls(), file).context("state")?;
    let stored = follower.stored(seconds()).unwrap_or_else(|error| {
        tracing::info!(%error, "the state of before does not count any more");
        None
    });
    let (directory_sender, directory) = watch::channel(stored.map(Arc::new));
    let (routes_sender, routes) = watch::channel(None);
    let (states, given) = mpsc::channel(4);
    let (fetched_sender, fetched) = mpsc::channel(1);
    let every = Duration::from_secs(network.refresh_s);
    let fetching = tokio::spawn(fetch(follower.clone(), directory.clone(), fetched_sender, every));
    let task = Task {
        follower: follower.clone(),
        directory: directory_sender,
        routes: routes_sender,
        given,
        fetched,
        with_routes,
    };
    let tasks = [fetching, tokio::spawn(task.run())];
    Ok(Following { directory, routes, states, follower, tasks })
}

/// Asks the authorities now and then. It may take them long to answer: so nothing else waits for it.
async fn fetch(
    follower: Follower,
    directory: watch::Receiver<Option<Arc<Directory>>>,
    fetched: mpsc::Sender<Directory>,
    every: Duration,
) {
    loop {
        match follower.fetch(seconds()).await {
            Ok(Some(directory)) => {
                if fetched.send(directory).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "no newer state of the network"),
        }
        let every = if directory.borrow().is_some() { every } else { FIRST };
        // Not all nodes at once.
        tokio::time::sleep(every.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
    }
}

struct Task {
    follower: Follower,
    directory: watch::Sender<Option<Arc<Directory>>>,
    routes: watch::Sender<Option<Arc<Routes>>>,
    given: mpsc::Receiver<Vec<u8>>,
    fetched: mpsc::Receiver<Directory>,
    with_routes: bool,
}

impl Task {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                Some(directory) = self.fetched.recv() => self.take(directory),
                Some(bytes) = self.given.recv() => match self.follower.accept(&bytes, seconds()) {
                    Ok(Some(directory)) => self.take(directory),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "a state of the network is refused"),
                },
            }
            if self.with_routes {
                self.make_routes().await;
            }
        }
    }

    fn take(&self, directory: Directory) {
        // Two sources may have had it, one of them an older one.
        let serial = directory.seen().serial;
        if self.directory.borrow().as_ref().is_some_and(|known| known.seen().serial >= serial) {
            return;
        }
        tracing::info!(serial, nodes = directory.state().nodes.len(), "a new state of the network");
        self.directory.send_replace(Some(Arc::new(directory)));
    }

    async fn make_routes(&self) {
        let Some(directory) = self.directory.borrow().clone() else { return };
        let state = directory.state();
        let now = seconds();
        let epoch = state.epochs.at(now).filter(|_| now < state.valid_until);
        let known = self.routes.borrow().as_ref().map(|routes| (Some(routes.epoch()), routes.directory().seen()));
        if known == Some((epoch, directory.seen())) {
            return;
        }
        let Some(epoch) = epoch else {
            if self.routes.borrow().is_some() {
                tracing::warn!("the network's state is too old, and there is no newer one: nothing is sent");
                self.routes.send_replace(None);
            }
            return;
        };
        // Tables of many keys take a while.
        let made = tokio::task::spawn_blocking(move || Routes::new(directory, epoch)).await;
        self.routes.send_replace(made.ok().flatten().map(Arc::new));
    }
}

/// Now, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
