//! What the harness found, each as the shortest schedule that shows it.

use std::time::Duration;

use mimiq_chaos::{
    fault::{Faults, Rpc},
    harness::{
        network::Pools,
        programs::Programs,
        run::{self, Plan, Run},
        say,
        schedule::{Act, Moment, Step},
    },
    proxy::Phase,
};

/// Faults of the first switch.
fn first(text: &str) -> Vec<Faults> {
    let mut faults = vec![Faults::default(); 4];
    faults[0] = Faults::parse(text).unwrap();
    faults
}

async fn holds(pools: Pools, trouble: impl AsyncFnOnce(&mut Run) -> anyhow::Result<()>) {
    let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir().unwrap();
    let plan = Plan { dir: dir.path().into(), seed: rand::random(), kills: 0, clients: 8, pools };
    match run::checked(&plan, &Programs::find().unwrap(), |_| Ok(()), trouble).await {
        Ok(stats) => say(&stats.to_string()),
        Err(error) => panic!("seed {}: {error:#}\njournal and logs: {}", plan.seed, dir.keep().display()),
    }
}

/// A set was half written when the controller died. Until the next one has put the switch right, nobody else may be given
/// its addresses.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_set_is_not_given_elsewhere() {
    holds(Pools::Naive, async |run| {
        for _ in 0..6 {
            let moment = Moment::Request { switch: 0, rpc: Rpc::Write, phase: Phase::Answered, nth: 0 };
            let (act, pause) = (Act::KillController, Duration::ZERO);
            run.step(&Step { faults: first("write:break=1"), moment, act, pause, rest: None }).await?;
            // The next controller reads the switch, and cannot write for a while.
            let (moment, act, rest) = (Moment::After(Duration::ZERO), Act::Nothing, Some(Duration::from_secs(1)));
            run.step(&Step { faults: first("write:delay=1"), moment, act, pause, rest }).await?;
            run.calm().await?;
        }
        Ok(())
    })
    .await;
}

/// An edge lost its entries, and the controller died. The next one reads a client-facing switch after the edge: what leads to the
/// leases found there must come back.
#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_edge_gets_back_what_leads_to_leases_found_later() {
    holds(Pools::Naive, async |run| {
        for _ in 0..5 {
            let faults =
                vec![Faults::default(), Faults::parse("read:delay=1").unwrap(), Faults::default(), Faults::default()];
            let (moment, act) = (Moment::After(Duration::ZERO), Act::KillBoth(2));
            run.step(&Step { faults, moment, act, pause: Duration::ZERO, rest: None }).await?;
            run.ready().await?;
            run.calm().await?;
        }
        Ok(())
    })
    .await;
}
