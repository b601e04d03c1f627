//! How long a controller takes to come back when many leases are in the switches.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use mimiq_api::allocation::server_reply::Reply;
use mimiq_contract::{EntryKey, MacAddr};
use tokio::time::timeout;

use super::{
    PATIENCE,
    agent::{self, Agent},
    fabric::{Host, Place},
    network::{Network, Spec},
    process::Process,
    programs::Programs,
};

/// Addresses that a client has at most; a set is one message.
const EACH: u32 = 2000;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// From exec until the controller says that it is ready.
    pub ready: Duration,
    /// From exec until a client has a new address.
    pub served: Duration,
}

/// A network with leases.
pub struct Loaded {
    network: Network,
    controller: Option<Process>,
    hosts: Vec<(Arc<Host>, quinn::ClientConfig)>,
    /// Addresses leased.
    pub leases: usize,
}

impl Loaded {
    /// Has clients acquire so many addresses, which last for a day.
    ///
    /// # Errors
    /// If something does not start, or an address is refused.
    pub async fn start(dir: &Path, programs: &Programs, leases: u32) -> anyhow::Result<Self> {
        let count = leases.div_ceil(EACH);
        // One more, who asks after the restart.
        let names: Vec<String> = (0..=count).map(|n| format!("client{n}")).collect();
        let network = Network::start(dir, programs, &Spec::lasting(), &names, 0).await?;
        let mut controller = network.controller.start()?;
        controller.ready().await?;
        let mut hosts = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let [high, low] = (index as u16).to_be_bytes();
            let (sid, port) = *network.ports.get(index % network.ports.len().max(1)).context("no ports")?;
            let place = Place { sid, port, mac: MacAddr([2, 0, 0, 0x77, high, low]) };
            let identity = agent::identity(&dir.join("pki"), name)?;
            hosts.push((network.fabric.attach(place).await?, identity));
        }
        let mut left = leases;
        for (host, identity) in hosts.iter().take(count as usize) {
            let set = left.min(EACH);
            acquire(host, identity, set).await?;
            left -= set;
        }
        let loaded = Self { network, controller: Some(controller), hosts, leases: leases as usize };
        loaded.check().await?;
        Ok(loaded)
    }

    /// Kills the controller, starts it, and measures; all leases must still be there.
    ///
    /// # Errors
    /// If it does not come back, or a lease is lost.
    pub async fn restart(&mut self) -> anyhow::Result<Restart> {
        if let Some(controller) = self.controller.take() {
            controller.kill().await?;
        }
        let mut controller = self.network.controller.start()?;
        let started = controller.started;
        let ready = controller.ready().await?.duration_since(started);
        self.controller = Some(controller);
        let (host, identity) = self.hosts.last().context("no client")?;
        acquire(host, identity, 1).await?;
        let served = started.elapsed();
        self.leases += 1;
        self.check().await?;
        Ok(Restart { ready, served })
    }

    async fn check(&self) -> anyhow::Result<()> {
        let switch = self.network.switches.first().context("no switch")?;
        let tables = switch.reader.tables().await?;
        let of = |what: fn(&EntryKey) -> bool| tables.keys().filter(|key| what(key)).count();
        let guards = of(|key| matches!(key, EntryKey::SourceGuardV6(_)));
        let deliveries = of(|key| matches!(key, EntryKey::ClientV6(_)));
        ensure!(
            guards == self.leases && deliveries == self.leases,
            "{guards} guards and {deliveries} deliveries of {} leases",
            self.leases
        );
        Ok(())
    }
}

async fn acquire(host: &Host, identity: &quinn::ClientConfig, count: u32) -> anyhow::Result<()> {
    let agent = timeout(PATIENCE, Agent::connect(identity, host.gateway()?)).await.context("connecting")??;
    match timeout(PATIENCE, agent.acquire(count, 0)).await.context("acquiring")?? {
        Reply::AddressSet(set) => ensure!(set.addresses.len() == count as usize, "{} addresses", set.addresses.len()),
        other => bail!("{count} addresses: {other:?}"),
    }
    Ok(())
}
