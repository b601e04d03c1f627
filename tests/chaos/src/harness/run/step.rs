//! One piece of trouble.

use std::time::Duration;

use anyhow::Context as _;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

use super::Run;
use crate::{
    harness::{
        commit,
        fabric::Passing,
        schedule::{Act, Moment, Step},
    },
    proxy::Trapped,
};

/// How long a moment is waited for; then it is now.
const MOMENT: Duration = Duration::from_secs(1);
/// How long a controller may take to be ready before the next step comes all the same, as things go wrong.
const UNREADY: Duration = Duration::from_secs(2);

impl Run {
    /// Lets one piece of trouble happen.
    ///
    /// # Errors
    /// If a process does not do as it is told.
    pub async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
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
            // Before: the controller may be quick.
            self.ledger.switch_starts(index);
            self.network.switches[index].revive().await?;
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
}
