//! What follows from a new state of the network, and from a new epoch: keys, neighbours, routes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mimiq_directory::{Directory, KeyOf, Routes};
use mimiq_mixing::link::{Ends, Incoming, LinkError, Outgoing};
use mimiq_sphinx::{Geometry, NodeId};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::Clock;
use crate::departure::Links;
use crate::epochs::Epochs;
use crate::neighbours::{Neighbour, Neighbours};

/// How often it looks whether an epoch began.
const TICK: Duration = Duration::from_millis(200);
/// By how much neighbours' clocks may differ, seconds; less if epochs are short.
const MOST_SKEW: u64 = 30;

/// Keeps the threads' tables up to date.
pub(crate) struct Update {
    pub(crate) own: NodeId,
    pub(crate) secret: Zeroizing<[u8; 32]>,
    pub(crate) geometry: Geometry,
    pub(crate) clock: Clock,
    pub(crate) epochs: Epochs,
    pub(crate) incoming: Arc<Mutex<Incoming>>,
    pub(crate) links: Arc<Mutex<Links>>,
    pub(crate) directory: watch::Receiver<Option<Arc<Directory>>>,
    pub(crate) routes: watch::Sender<Option<Arc<Routes>>>,
    pub(crate) published: watch::Sender<Vec<KeyOf>>,
    pub(crate) made: Made,
}

/// For which neighbours tables were made.
#[derive(Default)]
pub(crate) struct Made {
    neighbours: Neighbours,
    /// The epoch of links to neighbours, and the one up to which links from them are accepted.
    outgoing: Option<u64>,
    incoming: Option<u64>,
}

impl Update {
    /// Until the directory's sender is gone or `stop` says so; then it gives back the keys.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Epochs {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => self.apply(seconds()).await,
                changed = self.directory.changed() => match changed {
                    Ok(()) => self.apply(seconds()).await,
                    Err(_) => return self.epochs,
                },
                _ = stop.changed() => return self.epochs,
            }
        }
    }

    async fn apply(&mut self, now: u64) {
        if self.epochs.is_due(now)
            && let Err(error) = self.epochs.advance(now, &mut rand::rng())
        {
            // It is tried again at the next tick; meanwhile the keys that are there are used.
            tracing::error!(%error, "keys");
        }
        let published = self.epochs.published(now);
        self.published.send_if_modified(|before| std::mem::replace(before, published.clone()) != published);
        let directory = self.directory.borrow_and_update().clone();
        let Some(epoch) = self.epochs.number(now) else { return };
        self.accept(epoch, now);
        let Some(directory) = directory else { return };
        if directory.geometry() != self.geometry || directory.state().epochs != self.epochs.cut() {
            let state = directory.state();
            tracing::error!(epochs = ?state.epochs, packet = ?state.packet, "the network's state does not fit the configuration, and is not used");
            return;
        }
        let neighbours = Neighbours::of(&self.own, &directory);
        if neighbours.before != self.made.neighbours.before {
            self.let_in(&neighbours.before);
        }
        // At 40,000 packets a second a key is worn within hours, and an epoch may last a day.
        let worn = lock(&self.links).values().any(|(_, link)| link.is_worn());
        if neighbours.behind != self.made.neighbours.behind || self.made.outgoing != Some(epoch) || worn {
            self.link(&neighbours.behind, epoch);
        }
        self.made.neighbours = neighbours;
        let known = self.routes.borrow().as_ref().map(|routes| (routes.epoch(), routes.directory().seen()));
        if known != Some((epoch, directory.seen())) {
            // Tables of many keys take a while.
            let made = tokio::task::spawn_blocking(move || Routes::new(directory, epoch)).await;
            self.routes.send_replace(made.ok().flatten().map(Arc::new));
        }
    }

    /// Accepts the links of the epoch that has begun for the neighbour whose clock is ahead the most.
    fn accept(&mut self, epoch: u64, now: u64) {
        let cut = self.epochs.cut();
        let skew = (cut.length / 10).clamp(1, MOST_SKEW);
        let ahead = self.epochs.number(now.saturating_add(skew)).unwrap_or(epoch);
        if self.made.incoming.is_none() {
            let behind = self.epochs.number(now.saturating_sub(skew)).unwrap_or(epoch);
            lock(&self.incoming).advance(behind as u32, 0);
        }
        if self.made.incoming != Some(ahead) {
            let begins = cut.start(ahead).unwrap_or(now);
            let left = Duration::from_secs((begins + skew).saturating_sub(now));
            let until = self.clock.now().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
            lock(&self.incoming).advance(ahead as u32, until);
            self.made.incoming = Some(ahead);
        }
    }

    fn let_in(&self, before: &[Neighbour]) {
        let gone = self.made.neighbours.before.iter().filter(|old| !before.iter().any(|new| new.id == old.id));
        gone.for_each(|old| lock(&self.incoming).remove(&old.id));
        for neighbour in before {
            if let Err(error) = lock(&self.incoming).insert(neighbour.id, &neighbour.link) {
                tracing::warn!(%error, neighbour = %neighbour.address, "no link from a neighbour");
            }
        }
    }

    /// Makes links to the neighbours in this epoch, while the old ones are in use.
    fn link(&mut self, behind: &[Neighbour], epoch: u64) {
        let mut links: Links = HashMap::new();
        for neighbour in behind {
            match self.outgoing(neighbour, epoch) {
                Ok(link) => {
                    links.insert(neighbour.id, link);
                }
                Err(error) => tracing::warn!(%error, neighbour = %neighbour.address, "no link to a neighbour"),
            }
        }
        *lock(&self.links) = links;
        self.made.outgoing = Some(epoch);
    }

    fn outgoing(&self, to: &Neighbour, epoch: u64) -> Result<(SocketAddr, Outgoing), LinkError> {
        let ends = Ends { sender: self.own, receiver: to.id };
        Ok((to.address, Outgoing::new(&self.secret, &to.link, ends, epoch as u32, &mut rand::rng())?))
    }
}

/// Now, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
