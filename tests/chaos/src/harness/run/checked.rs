//! Runs under the eyes of the ledger.

use anyhow::ensure;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::{Plan, Run};
use crate::harness::{ledger::Stats, network::Network, programs::Programs, schedule::Step};

/// Steps between two times at which everything must work.
const STEPS: usize = 5;

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
        // Of what comes by chance, this must not be missing.
        run.step(&Step::restart_of(0)).await?;
        run.calm().await?;
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
