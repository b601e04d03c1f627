//! Clients that acquire, renew, release, move and reconnect at random.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use mimiq_api::allocation::{AddressSet, RefusalReason, server_reply::Reply};
use mimiq_contract::{EntryKey, MacAddr, PortId};
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    agent::{self, Agent},
    fabric::{Fabric, Host, Place},
    ledger::{Asked, Ledger, delivery, guard},
    p4::Reader,
};

/// How long a client waits for the server before it connects anew.
const WAIT: Duration = Duration::from_secs(3);
/// What a client holds at most, below its quota.
const ENOUGH: usize = 24;

/// What all clients of a network share.
#[derive(Clone)]
pub struct World {
    /// The way to the controller.
    pub fabric: Arc<Fabric>,
    /// What is promised.
    pub ledger: Arc<Ledger>,
    /// The switches' tables, in the ledger's order.
    pub readers: Vec<Reader>,
    /// Their names.
    pub switches: Vec<String>,
    /// SIDs and ports that clients may be at.
    pub ports: Vec<(u16, PortId)>,
    /// Whether there are IPv4 addresses.
    pub ipv4: bool,
}

/// Starts enrolled clients; they end soon after `stop` becomes true.
///
/// # Errors
/// If a client's identity or link cannot be had.
pub async fn start(
    world: &World,
    pki: &Path,
    names: &[String],
    seed: u64,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<JoinSet<()>> {
    let mut clients = JoinSet::new();
    for (index, name) in names.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1 + index as u64);
        let (sid, port) = *world.ports.get(index % world.ports.len().max(1)).context("no ports")?;
        let place = Place { sid, port, mac: MacAddr([2, 0, 0, 0, 0x77, 1 + index as u8]) };
        let host = world.fabric.attach(place).await?;
        world.ledger.arrive(index, place);
        let identity = agent::identity(pki, name)?;
        let client = Client { index, host, identity, world: world.clone(), rng };
        let mut stop = stop.clone();
        clients.spawn(async move {
            tokio::select! {
                () = client.run() => {}
                // The sender is dropped only together with the network.
                _ = stop.wait_for(|stop| *stop) => {}
            }
        });
    }
    Ok(clients)
}

struct Client {
    index: usize,
    host: Arc<Host>,
    identity: quinn::ClientConfig,
    world: World,
    rng: ChaCha8Rng,
}

impl Client {
    async fn run(mut self) {
        loop {
            if let Some(agent) = self.connect().await {
                self.session(&agent).await;
            }
        }
    }

    async fn connect(&mut self) -> Option<Agent> {
        let connecting = Agent::connect(&self.identity, self.host.gateway().ok()?);
        match timeout(WAIT, connecting).await {
            Ok(Ok(agent)) => Some(agent),
            Ok(Err(_)) | Err(_) => {
                self.pause(100).await;
                None
            }
        }
    }

    /// Until the connection breaks or the client wants a new one.
    async fn session(&mut self, agent: &Agent) {
        let (index, ledger) = (self.index, self.world.ledger.clone());
        loop {
            let round = async {
                self.pause(120).await;
                match self.rng.random_range(0..100) {
                    0..55 => self.acquire(agent).await,
                    55..70 => self.renew(agent).await,
                    70..85 => self.release(agent).await,
                    85..94 => {
                        self.relocate();
                        Ok(())
                    }
                    _ => anyhow::bail!("a new connection, for a change"),
                }
            };
            let over = tokio::select! {
                over = round => over,
                error = revocations(agent, index, &ledger) => Err(error),
            };
            if over.is_err() {
                return;
            }
        }
    }

    async fn pause(&mut self, most: u64) {
        sleep(Duration::from_millis(self.rng.random_range(0..most))).await;
    }

    fn relocate(&mut self) {
        let place = self.host.place();
        let chosen = self.world.ports.choose(&mut self.rng).copied();
        if let Some((sid, port)) = chosen.filter(|chosen| *chosen != (place.sid, place.port)) {
            self.world.ledger.arrive(self.index, Place { sid, port, ..place });
            self.world.ledger.count(|stats| stats.moves += 1);
            self.host.move_to(sid, port);
        }
    }

    async fn answered(&self, reply: impl Future<Output = anyhow::Result<Reply>>) -> anyhow::Result<Reply> {
        let reply = timeout(WAIT, reply).await.context("no reply in time").and_then(|reply| reply);
        self.world.ledger.count(|stats| stats.unanswered += u64::from(reply.is_err()));
        reply
    }

    async fn acquire(&mut self, agent: &Agent) -> anyhow::Result<()> {
        if self.world.ledger.held(self.index).len() >= ENOUGH {
            return self.release(agent).await;
        }
        let ipv4 = if self.world.ipv4 { self.rng.random_range(0..=2) } else { 0 };
        let ipv6 = self.rng.random_range(u32::from(ipv4 == 0)..=5);
        let (place, asked) = (self.host.place(), self.world.ledger.ask());
        // One in ten moves while it waits.
        let moves = self.rng.random_ratio(1, 10);
        let reply = if moves {
            let request = agent.acquire(ipv6, ipv4);
            let mut request = std::pin::pin!(request);
            let hurry = Duration::from_micros(self.rng.random_range(0..3000));
            match timeout(hurry, &mut request).await {
                Ok(reply) => self.answered(async { reply }).await?,
                Err(_) => {
                    self.relocate();
                    self.answered(request).await?
                }
            }
        } else {
            self.answered(agent.acquire(ipv6, ipv4)).await?
        };
        match reply {
            Reply::AddressSet(set) if self.host.place() == place => self.granted(place, &asked, &set).await,
            // What was given at another place may have been revoked at once.
            Reply::AddressSet(_) => Ok(()),
            Reply::Refused(_) => {
                self.world.ledger.count(|stats| stats.refused += 1);
                Ok(())
            }
            other @ Reply::Released(_) => self.surprised(&other),
        }
    }

    async fn granted(&self, place: Place, asked: &Asked, set: &AddressSet) -> anyhow::Result<()> {
        let World { ledger, readers, .. } = &self.world;
        let addresses = agent::addresses(&set.addresses)?;
        let (lifetime, grace) = (Duration::from_millis(set.lifetime_ms), Duration::from_millis(set.grace_ms));
        ledger.grant(self.index, place, asked, &addresses, lifetime, grace);
        let mut keys: Vec<EntryKey> = Vec::new();
        for address in &addresses {
            keys.extend([delivery(*address, place).key(), guard(*address, place)]);
            keys.extend(ledger.edge_entry(*address, place.sid).map(|entry| entry.key()));
        }
        let mut found = Vec::new();
        for reader in readers {
            found.push(reader.entries(&keys).await.ok());
        }
        ledger.check_reply(place, asked, &addresses, &found);
        Ok(())
    }

    fn some_held(&mut self) -> Vec<IpAddr> {
        let held = self.world.ledger.held(self.index);
        let count = self.rng.random_range(0..=held.len().min(6));
        held.choose_multiple(&mut self.rng, count).copied().collect()
    }

    async fn release(&mut self, agent: &Agent) -> anyhow::Result<()> {
        let addresses = self.some_held();
        if addresses.is_empty() {
            return Ok(());
        }
        self.world.ledger.release(&addresses);
        match self.answered(agent.release(&addresses)).await? {
            Reply::Released(released) => {
                self.world.ledger.count(|stats| stats.released += u64::from(released.count));
                Ok(())
            }
            other => self.surprised(&other),
        }
    }

    async fn renew(&mut self, agent: &Agent) -> anyhow::Result<()> {
        let addresses = self.some_held();
        if addresses.is_empty() {
            return Ok(());
        }
        let World { ledger, .. } = &self.world;
        let (asked, before) = (ledger.ask(), ledger.ask_renewal(&addresses));
        match self.answered(agent.renew(&addresses)).await? {
            Reply::AddressSet(set) => {
                let (lifetime, grace) = (Duration::from_millis(set.lifetime_ms), Duration::from_millis(set.grace_ms));
                ledger.renew(&asked, &addresses, lifetime, grace);
                Ok(())
            }
            Reply::Refused(refused) => {
                // An alias that ends is a reason of its own, told by the same code.
                if refused.reason() == RefusalReason::NotHeld && !refused.message.contains("alias") {
                    ledger.not_held(&asked, &before, &refused.message);
                }
                ledger.refuse_renewal(before);
                Ok(())
            }
            other @ Reply::Released(_) => self.surprised(&other),
        }
    }

    fn surprised(&self, reply: &Reply) -> anyhow::Result<()> {
        self.world
            .ledger
            .report("protocol", format_args!("client {}: an answer to no question: {reply:?}", self.index));
        anyhow::bail!("an answer to no question")
    }
}

/// Follows what the server takes back, until the connection ends.
async fn revocations(agent: &Agent, index: usize, ledger: &Ledger) -> anyhow::Error {
    loop {
        match agent.revoked().await {
            Ok(addresses) => ledger.revoke(index, &addresses),
            Err(error) => return error,
        }
    }
}
