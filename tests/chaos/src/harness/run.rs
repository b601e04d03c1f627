//! A run: a network, clients, and trouble from a seed.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    clients::{self, World},
    commit, eventually,
    fabric::Passing,
    ledger::{Ledger, Stats},
    network::{Network, Pools, Spec},
    p4::Reader,
    process::Process,
    programs::Programs,
    schedule::{Act, Moment, Step},
    watch as watchers,
};
use crate::{
    fault::Faults,
    proxy::{ChaosSwitch, Trapped},
};

/// How long a moment is waited for; then it is now.
const MOMENT: Duration = Duration::from_secs(1);
/// How long a controller may take to be ready before the next step comes all the same, as things go wrong.
const UNREADY: Duration = Duration::from_secs(2);
/// What the controller says in its log of a switch that has all that it should.
const IN_SYNC: &str = "switch in sync";
/// Steps between two times at which everything must work.
const STEPS: usize = 5;

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
        self.controller.as_mut().context("no controller")?.ready().await.with_context(|| format!("controller: {log}"))?;
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

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        self.network.journal.note("run", format_args!("{step}"));
        self.ledger.trouble();
        for (chaos, faults) in self.chaos().zip(&step.faults) {
            chaos.set_faults(faults.clone());
        }
        let held = timeout(MOMENT, self.moment(&step.moment)).await.unwrap_or(Ok(None))?;
        if let Some(index) = step.act.killed_switch() {
            self.kill_switch(index).await?;
        }
        if step.act.kills_controller() {
            self.kill_controller().await?;
        }
        if let Act::CutOff(index) = step.act {
            self.set_reachable(index, false);
            self.ledger.count(|stats| stats.cuts += 1);
        }
        drop(held);
        sleep(step.pause).await;
        if let Some(index) = step.act.killed_switch() {
            self.network.switches[index].revive().await?;
            self.ledger.switch_starts(index);
        }
        if let Act::CutOff(index) = step.act {
            self.set_reachable(index, true);
        }
        if self.controller.is_none() {
            self.start_controller()?;
        }
        if let Some(rest) = step.rest {
            // Faults may keep it from being ready.
            let _ = timeout(UNREADY, self.ready()).await;
            sleep(rest).await;
        }
        Ok(())
    }

    fn chaos(&self) -> impl Iterator<Item = &ChaosSwitch> {
        self.network.switches.iter().filter_map(|switch| switch.chaos.as_ref())
    }

    fn set_reachable(&self, index: usize, reachable: bool) {
        if let Some(chaos) = self.chaos().nth(index) {
            chaos.set_reachable(reachable);
        }
    }

    async fn kill_switch(&mut self, index: usize) -> anyhow::Result<()> {
        let switch = self.network.switches.get_mut(index).context("no such switch")?;
        self.network.journal.note("run", format_args!("kills {}", switch.name));
        self.ledger.switch_dies(index);
        switch.kill().await?;
        self.ledger.count(|stats| stats.switch_kills += 1);
        Ok(())
    }

    /// Waits for a moment; what is returned must be kept during it.
    async fn moment(&self, moment: &Moment) -> anyhow::Result<Option<Trapped>> {
        match *moment {
            Moment::After(duration) => sleep(duration).await,
            Moment::Request { switch, rpc, phase, nth } => {
                let chaos = self.chaos().nth(switch).context("no such switch")?;
                return Ok(Some(chaos.trap(rpc, phase, nth).await?));
            }
            Moment::Handshake(nth) => self.passing(Passing::Handshake, nth).await,
            Moment::Datagram(nth) => self.passing(Passing::Datagram, nth).await,
            Moment::Commit(nth) => commit::written(&self.network.state_file(), nth).await?,
        }
        Ok(None)
    }

    async fn passing(&self, what: Passing, nth: u32) {
        let mut passing = self.network.fabric.passing();
        let mut left = nth;
        loop {
            match passing.recv().await {
                Ok(seen) if seen == what && left == 0 => return,
                Ok(seen) if seen == what => left -= 1,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
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
            eventually(&format!("clients of SID {sid} served"), async || (ledger.served(sid) > before + 2).then_some(()))
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

/// Lets clients loose on a network, does something to it, and checks that everything holds all the while; in the end all
/// leases have gone.
///
/// # Errors
/// If something that must hold does not.
pub async fn checked(
    plan: &Plan,
    programs: &Programs,
    prepare: impl FnOnce(&mut Network) -> anyhow::Result<()>,
    trouble: impl AsyncFnOnce(&mut Run) -> anyhow::Result<()>,
) -> anyhow::Result<Stats> {
    let mut run = Run::start(plan, programs, prepare).await?;
    let watching = run.watch();
    let (stop, mut clients) = run.clients().await?;
    let mut failed = run.ledger.failed();
    let ledger = run.ledger.clone();
    let all = async {
        run.calm().await?;
        trouble(&mut run).await?;
        run.calm().await?;
        stop.send_replace(true);
        while clients.join_next().await.is_some() {}
        run.drain().await
    };
    let result = tokio::select! {
        result = all => result,
        // The sender lives as long as the ledger.
        _ = failed.wait_for(|failed| *failed) => Ok(()),
    };
    drop(watching);
    let violations = ledger.violations();
    ensure!(violations.is_empty(), "{} violations, the first: {}", violations.len(), violations[0]);
    result?;
    Ok(ledger.stats())
}

/// Kills until enough were killed.
///
/// # Errors
/// If something that must hold does not.
pub async fn kills(plan: &Plan, programs: &Programs) -> anyhow::Result<Stats> {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let trouble = async |run: &mut Run| {
        let killed = |run: &Run| {
            let stats = run.ledger.stats();
            stats.controller_kills + stats.switch_kills
        };
        loop {
            for _ in 0..STEPS {
                let step = Step::draw(&mut rng, run.network.switches.len()).map_err(anyhow::Error::msg)?;
                run.step(&step).await?;
                if killed(run) >= plan.kills {
                    return Ok(());
                }
            }
            run.calm().await?;
        }
    };
    checked(plan, programs, |_| Ok(()), trouble).await
}
