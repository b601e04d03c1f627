//! The allocation server beside DHCP servers: how many addresses in a second, how long a client waits, what a lease and a
//! refusal cost. Generator and server share all CPUs, for everyone.

mod dhcp;
mod generator;
mod mimiq;
mod perfdhcp;

use crate::{lab::in_path, result::Measurement};
use dhcp::Server;

/// Addresses in a request.
const SETS: [u32; 4] = [1, 16, 64, 256];
/// The set size that the marks are about.
const SET: u32 = 64;
/// How many times Kea's rate mimiq's should be.
const FASTER: f64 = 20.0;
/// The 99th percentile at half of that, milliseconds.
const P99_MS: f64 = 3.0;
/// Leases, and the memory of the controller with them, MB.
const LEASES: u32 = 1_000_000;
const MEMORY_MB: f64 = 200.0;

/// What the peers are called.
const KEA: &str = "Kea DHCPv6";
const DHCPD: &str = "ISC dhcpd, v6";

/// All measurements of allocation; none where Kea is not installed.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    for program in [dhcp::KEA, perfdhcp::PROGRAM] {
        if in_path(program).is_none() {
            println!("skipped: {program} not found (apt-get install kea-dhcp6-server kea-admin isc-dhcp-server)");
            return Ok(Vec::new());
        }
    }
    let mut results = Vec::new();
    let kea = dhcp::highest(Server::Kea)?;
    println!("alloc: {KEA} gives {kea} leases/s");
    let dhcpd = if in_path(dhcp::DHCPD).is_some() {
        let rate = dhcp::highest(Server::Dhcpd)?;
        println!("alloc: {DHCPD} gives {rate} leases/s");
        Some(rate)
    } else {
        println!("skipped: {} not found (apt-get install isc-dhcp-server)", dhcp::DHCPD);
        None
    };
    let own = rates(kea, dhcpd, &mut results)?;
    results.extend(latency(kea, own)?);
    results.extend(memory()?);
    results.push(refusal()?);
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// As microseconds for one.
fn each(rate: f64) -> f64 {
    1e6 / rate
}

/// Returns the rate in sets of the size that the marks are about.
fn rates(kea: u32, dhcpd: Option<u32>, results: &mut Vec<Measurement>) -> anyhow::Result<f64> {
    let mut own = 0.0;
    for set in SETS {
        let rate = mimiq::highest(set)?;
        println!("alloc: mimiq gives {rate:.0} addresses/s in sets of {set}");
        let name = format!("alloc: an address, sets of {set}");
        let (cost, of_kea) = (each(rate), each(kea.into()));
        results.push(Measurement::new(&name, cost, "us", KEA, of_kea));
        if set == SET {
            own = rate;
            results.extend(dhcpd.map(|dhcpd| Measurement::new(&name, cost, "us", DHCPD, each(dhcpd.into()))));
            results.push(Measurement::with_mark(&name, cost, "us", of_kea / FASTER));
        }
    }
    Ok(own)
}

/// Kea's two exchanges are one for a client, but perfdhcp says of each alone how long it took: the second counts, in which a
/// lease is written.
fn latency(kea: u32, own: f64) -> anyhow::Result<Vec<Measurement>> {
    let theirs = dhcp::latency(Server::Kea, kea / 2)?;
    let at_mark = format!("half of {FASTER} x Kea's rate");
    let mut results = Vec::new();
    for (rate, at) in [(own / 2.0, "half its rate"), (f64::from(kea) * FASTER / 2.0, &at_mark)] {
        let ours = mimiq::latency(SET, rate)?;
        for (quantile, ours, theirs) in [("p50", ours.p50, theirs.p50), ("p99", ours.p99, theirs.p99)] {
            let peer = format!("{KEA}, half its rate");
            results.push(Measurement::new(format!("alloc: {quantile} at {at}"), ours, "ms", peer, theirs));
        }
        if at == at_mark {
            results.push(Measurement::with_mark(format!("alloc: p99 at {at}"), ours.p99, "ms", P99_MS));
        }
    }
    Ok(results)
}

fn memory() -> anyhow::Result<Vec<Measurement>> {
    let (ours, theirs) = (mimiq::memory(LEASES)?, dhcp::memory(LEASES)?);
    let name = "alloc: memory, 1 M leases";
    Ok(vec![Measurement::new(name, ours, "MB", KEA, theirs), Measurement::with_mark(name, ours, "MB", MEMORY_MB)])
}

fn refusal() -> anyhow::Result<Measurement> {
    Ok(Measurement::new("alloc: CPU of a refusal, full pool", mimiq::refusal()?, "us", KEA, dhcp::refusal()?))
}

/// Median and 99th percentile, milliseconds.
#[derive(Debug, Clone, Copy)]
struct Latency {
    p50: f64,
    p99: f64,
}
