//! The switch over veths, beside a bare forwarder on the same rings and the kernel's own forwarding: CPU nanoseconds per
//! delivered packet.

use anyhow::Context as _;

use crate::{
    cpus::Cpus,
    path::{Cost, Forwarder, Path},
    result::Measurement,
};

/// Packets in one round of one contender: two seconds.
const PACKETS: usize = 100_000;
/// Packets in a second: well below what any of the contenders carries on one core, and so few that a ring of 2048 lasts for 40 ms
/// in which the forwarder does not get the processor.
const RATE: u32 = 50_000;
/// Rounds for each contender, in turns; the median counts.
const ROUNDS: usize = 5;
/// The switch's process against the bare forwarder's.
const MARK: f64 = 1.2;

/// All measurements over veth, with everything on one CPU: so the forwarder gets what is sent at once as a batch, instead of one
/// frame or many as two CPUs happen to race.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let cpus = Cpus::new()?;
    cpus.first()?;
    let results = compare();
    cpus.all()?;
    results
}

fn compare() -> anyhow::Result<Vec<Measurement>> {
    let path = Path::new()?;
    path.forward_in_kernel()?;
    let contenders = [Forwarder::Switch, Forwarder::Bare, Forwarder::Kernel];
    let mut costs = contenders.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (contender, costs) in contenders.into_iter().zip(&mut costs) {
            let cost = || {
                let process = path.start(contender)?;
                path.cost(process.as_ref(), RATE, PACKETS)
            };
            costs.push(cost().with_context(|| format!("veth: {contender:?}"))?);
        }
    }
    let [switch, bare, kernel] = costs.map(Cost::median);
    let own =
        Measurement::new("veth: switch, its process", switch.process, "ns", "bare AF_XDP forwarder", bare.process);
    let results = vec![
        Measurement::with_mark("veth: switch's process / bare forwarder's", own.ratio, "x", MARK),
        own,
        Measurement::new("veth: switch, all CPU", switch.all, "ns", "bare AF_XDP forwarder", bare.all),
        Measurement::new("veth: switch, all CPU", switch.all, "ns", "kernel IPv6 forwarding", kernel.all),
    ];
    results.iter().for_each(Measurement::print);
    Ok(results)
}
