//! A run: a network, clients, and trouble from a seed.

mod checked;
mod step;

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use tokio::{sync::watch, task::JoinSet};

use super::{
    clients::{self, World},
    eventually,
    ledger::Ledger,
    network::{Network, Pools, Spec},
    p4::Reader,
    process::Process,
    programs::Programs,
    watch as watchers,
};
use crate::{fault::Faults, proxy::ChaosSwitch};
pub use checked::{checked, kills};

/// What the controller says in its log of a switch that has all that it should.
const IN_SYNC: &str = "switch in sync";

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where configurations, logs and the journal go.
    pub dir: PathBuf,
    /// Equal seeds give equal plans, as far as processes allow.
    pub seed: u64,
    /// How many processes are killed at least.
    pub kills: u64,
    /// How many clients there are.
    pub clients: usize,
    /// What addresses there are.
    pub pools: Pools,
}

/// A network in trouble.
pub struct Run {
    /// The network.
    pub network: Network,
    /// What must hold.
    pub ledger: Arc<Ledger>,
    controller: Option<Process>,
    world: World,
    names: Vec<String>,
    seed: u64,
}

impl Run {
    /// Starts a network, its controller, and what watches them. No clients yet.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn start(
        plan: &Plan,
        programs: &Programs,
        prepare: impl FnOnce(&mut Network) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let names: Vec<String> = (0..plan.clients).map(|n| format!("client{n}")).collect();
        let mut network = Network::start(&plan.dir, programs, &Spec::quick(plan.pools), &names, plan.seed).await?;
        prepare(&mut network)?;
        let roles: Vec<_> =
            network.switches.iter().map(|switch| (switch.name.clone(), switch.sid, switch.sid.is_none())).collect();
        let ledger = Arc::new(Ledger::new(network.terms.clone(), &roles, network.journal.clone()));
        let readers: Vec<Reader> = network.switches.iter().map(|switch| switch.reader.clone()).collect();
        let world = World {
            fabric: network.fabric.clone(),
            ledger: ledger.clone(),
            readers,
            switches: network.switches.iter().map(|switch| switch.name.clone()).collect(),
            ports: network.ports.clone(),
            ipv4: true,
        };
        let mut run = Self { network, ledger, controller: None, world, names, seed: plan.seed };
        run.start_controller()?;
        run.ready().await?;
        for (index, switch) in run.network.switches.iter().enumerate() {
            run.ledger.learn_statics(index, &switch.reader.tables().await?);
        }
        Ok(run)
    }

    /// Starts the controller, and notes when it is ready.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_controller(&mut self) -> anyhow::Result<()> {
        let life = self.ledger.controller_starts();
        let (names, ledger) = (self.world.switches.clone(), self.ledger.clone());
        let process = self.network.controller.start_heard(move |line| {
            if let Some((_, rest)) = line.split_once(IN_SYNC) {
                names.iter().filter(|name| rest.contains(name.as_str())).for_each(|name| ledger.in_sync(name));
            }
        })?;
        let (mut readiness, ledger, journal) = (process.readiness(), self.ledger.clone(), self.network.journal.clone());
        journal.note("run", format_args!("the controller is started, life {life}"));
        tokio::spawn(async move {
            if readiness.wait_for(Option::is_some).await.is_ok() {
                ledger.controller_ready(life);
                journal.note("run", format_args!("the controller is ready, life {life}"));
            }
        });
        self.controller = Some(process);
        Ok(())
    }

    /// Waits until the controller is ready.
    ///
    /// # Errors
    /// If it is not in time.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let log = self.network.controller.log.display();
        self.controller
            .as_mut()
            .context("no controller")?
            .ready()
            .await
            .with_context(|| format!("controller: {log}"))?;
        Ok(())
    }

    /// Ends the controller at once.
    ///
    /// # Errors
    /// If it ended by itself before.
    pub async fn kill_controller(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.controller.take() else { return Ok(()) };
        if let Some(status) = process.ended() {
            let log = self.network.controller.log.display();
            anyhow::bail!("the controller ended by itself: {status}: {log}");
        }
        self.network.journal.note("run", format_args!("kills the controller"));
        self.ledger.controller_dies();
        process.kill().await?;
        self.ledger.count(|stats| stats.controller_kills += 1);
        Ok(())
    }

    /// Lets clients loose until the sender says stop.
    ///
    /// # Errors
    /// If they cannot be started.
    pub async fn clients(&self) -> anyhow::Result<(watch::Sender<bool>, JoinSet<()>)> {
        let (stop, stopped) = watch::channel(false);
        let pki = self.network.dir.join("pki");
        Ok((stop, clients::start(&self.world, &pki, &self.names, self.seed, &stopped).await?))
    }

    /// Compares the switches with what was promised, until what is returned is dropped.
    pub fn watch(&self) -> JoinSet<()> {
        watchers::start(&self.ledger, &self.world.readers)
    }

    fn chaos(&self) -> impl Iterator<Item = &ChaosSwitch> {
        self.network.switches.iter().filter_map(|switch| switch.chaos.as_ref())
    }

    /// Nothing goes wrong any more: everything must work, and clients of all switches be served.
    ///
    /// # Errors
    /// If it does not.
    pub async fn calm(&mut self) -> anyhow::Result<()> {
        self.network.journal.note("run", format_args!("calm"));
        self.chaos().for_each(|chaos| chaos.set_faults(Faults::default()));
        self.ready().await?;
        self.ledger.calm();
        for sid in self.network.switches.iter().filter_map(|switch| switch.sid) {
            let before = self.ledger.served(sid);
            let ledger = &self.ledger;
            eventually(&format!("clients of SID {sid} served"), async || {
                (ledger.served(sid) > before + 2).then_some(())
            })
            .await?;
        }
        Ok(())
    }

    /// All clients have gone: in the end every table is as at first.
    ///
    /// # Errors
    /// If it is not.
    pub async fn drain(&mut self) -> anyhow::Result<()> {
        self.network.journal.note("run", format_args!("all clients are gone"));
        for (index, switch) in self.network.switches.iter().enumerate() {
            let clean = async || {
                let tables = switch.reader.tables().await.ok()?;
                self.ledger.surplus(index, &tables).is_none().then_some(())
            };
            if let Err(error) = eventually("leases gone", clean).await {
                let surplus = self.ledger.surplus(index, &switch.reader.tables().await?);
                self.ledger.report("no leaked entry", format_args!("{surplus:?}"));
                return Err(error);
            }
        }
        self.ledger.count(|stats| stats.drained += 1);
        Ok(())
    }
}
