//! The software switch beside the same program on BMv2: what a packet costs, how many packets they carry, and how long it
//! takes to write rules.

mod capacity;
mod writes;

use anyhow::Context as _;

use crate::{
    cpus::Cpus,
    lab::Process,
    path::{BMV2, Cost, Forwarder, Path, bmv2},
    result::{Measurement, median},
};

/// Both, in turns.
const SWITCHES: [Forwarder; 2] = [Forwarder::Switch, Forwarder::Bmv2];
/// Rounds for each switch; the median counts.
const ROUNDS: usize = 3;
/// Packets in a second for the cost of one: few enough for both.
const RATE: u32 = 10_000;
/// Packets in one round for it: two seconds.
const PACKETS: usize = 20_000;

/// All measurements beside BMv2; none where it is not installed.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    if bmv2().is_none() {
        println!("skipped: {BMV2} not found");
        return Ok(Vec::new());
    }
    let lab = Lab { path: Path::new()?, cpus: Cpus::new()? };
    let mut results = Vec::new();
    lab.cpus.first()?;
    results.extend(cost(&lab)?);
    results.extend(capacity::run(&lab)?);
    lab.cpus.all()?;
    results.extend(writes::run(&lab.path)?);
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// The switch has a CPU, and the generator another one, so that BMv2, which needs all of its own, does not wait for it. What a
/// switch receives is processed in softirqs on the generator's.
struct Lab {
    path: Path,
    cpus: Cpus,
}

impl Lab {
    /// Starts a switch with its entries on the second CPU, from a thread on the first one.
    fn start(&self, switch: Forwarder) -> anyhow::Result<Process> {
        self.cpus.second()?;
        let started = self.path.start(switch);
        self.cpus.first()?;
        started?.context("a switch is a process")
    }
}

/// Calls it for each switch in turns, and returns the results of each.
fn in_turns<T>(mut round: impl FnMut(Forwarder) -> anyhow::Result<T>) -> anyhow::Result<[Vec<T>; 2]> {
    let mut results = SWITCHES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (switch, results) in SWITCHES.into_iter().zip(&mut results) {
            results.push(round(switch).with_context(|| format!("bmv2: {switch:?}"))?);
        }
    }
    Ok(results)
}

fn cost(lab: &Lab) -> anyhow::Result<Vec<Measurement>> {
    let costs = in_turns(|switch| {
        let process = lab.start(switch)?;
        lab.path.cost(Some(&process), RATE, PACKETS)
    })?;
    let [switch, bmv2] = costs.map(Cost::median);
    Ok(vec![
        Measurement::new("bmv2: switch, its process", switch.process, "ns", BMV2, bmv2.process),
        Measurement::new("bmv2: switch, all CPU", switch.all, "ns", BMV2, bmv2.all),
    ])
}

/// Of each, compared as medians.
fn compare(name: String, unit: &'static str, [switch, bmv2]: [Vec<f64>; 2]) -> Measurement {
    Measurement::new(name, median(switch), unit, BMV2, median(bmv2))
}
