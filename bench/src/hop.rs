//! The SDK: how much later a reply comes when the connection hops with each request, and how many requests fewer there are in the
//! same time when it hops once in 25 packets; beside quinn's own `Endpoint::rebind` and beside no hop.

mod client;

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::{
    result::{Measurement, median, quantile},
    web::{Lab, Server},
};

/// Round-trip times, and the marks for the latency that a hop adds, milliseconds.
const ROUND_TRIPS: [(u64, f64); 2] = [(10, 1.0), (50, 3.0)];
/// Requests of one connection that hops with each, or not at all.
const REQUESTS: usize = 50;
/// Rounds for each way, in turns.
const ROUNDS: usize = 3;
/// How many of the requests must have hopped.
const HOPPED: f64 = 0.9;
/// Requests of one connection that hops once in [`PACKETS`] packets, or not at all.
const MANY_REQUESTS: usize = 200;
/// Four migrations in 100 packets.
const PACKETS: u64 = 25;
/// The mark for the share of requests that are lost by that, percent.
const LOST: f64 = 2.0;

/// How a client hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Never.
    None,
    /// `Endpoint::rebind` to a socket at the next address, before the request.
    Rebind,
    /// The SDK's hop, before the request.
    Before,
    /// The SDK's hop, shortly after the request, as its documentation says.
    Early,
    /// `Endpoint::rebind` once in so many packets, before the next request.
    RebindEvery(u64),
    /// The SDK with the policy `every_packets`.
    Policy(u64),
}

/// What came of one round.
struct Round {
    /// Of the requests that hopped, or of all if the way does not hop with each; milliseconds.
    latencies: Vec<f64>,
    failed: usize,
    hops: u64,
}

/// The rounds of one way.
struct Rounds {
    latencies: Vec<f64>,
    failed: usize,
    hops: u64,
    links: usize,
}

/// The rounds of all ways with one server.
type OfServer<const N: usize> = (Server, [(Way, Rounds); N]);

/// All measurements of hops.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let mut results = Vec::new();
    for (round_trip, mark) in ROUND_TRIPS {
        let lab = Lab::new(Duration::from_millis(round_trip), None, &[])?;
        let mut runs = 0..;
        let each = [Way::None, Way::Rebind, Way::Before, Way::Early];
        for (server, ways) in turns(&lab, each, REQUESTS, &mut runs)? {
            results.extend(latencies(server, round_trip, mark, &ways)?);
        }
        let few = [Way::None, Way::RebindEvery(PACKETS), Way::Policy(PACKETS)];
        for (server, ways) in turns(&lab, few, MANY_REQUESTS, &mut runs)? {
            results.extend(throughput(server, round_trip, &ways));
        }
    }
    Ok(results)
}

/// Each way with each server, in turns, so that whatever else the machine does meets all alike.
fn turns<const N: usize>(
    lab: &Lab,
    ways: [Way; N],
    requests: usize,
    runs: &mut impl Iterator<Item = u16>,
) -> anyhow::Result<Vec<OfServer<N>>> {
    let mut of_server = Server::ALL.map(|server| {
        let none = || Rounds { latencies: Vec::new(), failed: 0, hops: 0, links: 0 };
        (server, ways.map(|way| (way, Vec::new(), none())))
    });
    for _ in 0..ROUNDS {
        for (server, ways) in &mut of_server {
            let server = *server;
            for (way, numbers, rounds) in ways {
                let (way, run) = (*way, runs.next().context("runs")?);
                let round = lab.run(run, move |client| client::requests(client, server, way, requests));
                let round = round.with_context(|| format!("{server}, {way:?}"))?;
                numbers.push(run);
                rounds.latencies.extend(round.latencies);
                rounds.failed += round.failed;
                rounds.hops += round.hops;
            }
        }
    }
    let mut seen = Vec::new();
    for (server, ways) in of_server {
        let mut done = Vec::new();
        for (way, numbers, mut rounds) in ways {
            rounds.links = lab.seen(numbers.into_iter())?.links.len();
            let ours = matches!(way, Way::Before | Way::Early | Way::Policy(_));
            ensure!(!ours || rounds.links == 0, "{server}, {way:?}: {} connection IDs link addresses", rounds.links);
            done.push((way, rounds));
        }
        seen.push((server, done.try_into().map_err(|_| anyhow::anyhow!("ways"))?));
    }
    Ok(seen)
}

/// Prints the table of one server, and picks out what is compared.
fn latencies(
    server: Server,
    round_trip: u64,
    mark: f64,
    ways: &[(Way, Rounds); 4],
) -> anyhow::Result<Vec<Measurement>> {
    println!("RTT {round_trip} ms, {server}'s server: a hop with each request, {ROUNDS} x {REQUESTS} requests");
    println!("{:<24}{:>10}{:>10}{:>10}{:>10}{:>8}{:>8}", "", "median", "p90", "p99", "added", "failed", "links");
    let medians = ways.each_ref().map(|(_, rounds)| median(rounds.latencies.clone()));
    let [none, rebind, before, early] = medians;
    for ((way, rounds), median) in ways.iter().zip(medians) {
        let [p90, p99] = [0.9, 0.99].map(|share| quantile(rounds.latencies.clone(), share));
        let (added, name) = (median - none, format!("{way:?}"));
        let (failed, links) = (rounds.failed, rounds.links);
        println!("{name:<24}{median:>10.2}{p90:>10.2}{p99:>10.2}{added:>10.2}{failed:>8}{links:>8}");
        let hopped = if *way == Way::None { 1.0 } else { HOPPED };
        ensure!(
            rounds.latencies.len() as f64 >= (ROUNDS * REQUESTS) as f64 * hopped,
            "{server}, {name}: {} of {} requests hopped and were answered",
            rounds.latencies.len(),
            ROUNDS * REQUESTS
        );
    }
    let (low, high) = (round_trip as f64, round_trip as f64 + 5.0);
    ensure!(
        (low..high).contains(&none),
        "a request without a hop takes {none} ms: the delay line is not at {round_trip} ms"
    );
    let name = |what: &str| format!("hop: {what}, {server}, RTT {round_trip} ms");
    let results = vec![
        Measurement::new(name("added latency"), early - none, "ms", "quinn Endpoint::rebind", rebind - none),
        Measurement::with_mark(name("added latency"), early - none, "ms", mark),
        Measurement::new(name("request with a hop"), early, "ms", "no hop", none),
        Measurement::new(name("request with a hop"), early, "ms", "quinn Endpoint::rebind", rebind),
        Measurement::new(name("request, hop before"), before, "ms", "no hop", none),
    ];
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// The same for requests in the same time.
fn throughput(server: Server, round_trip: u64, ways: &[(Way, Rounds); 3]) -> Vec<Measurement> {
    println!("RTT {round_trip} ms, {server}'s server: a hop in {PACKETS} packets, {ROUNDS} x {MANY_REQUESTS} requests");
    println!(
        "{:<24}{:>10}{:>10}{:>10}{:>10}{:>8}{:>8}{:>8}",
        "", "req/s", "lost, %", "median", "p99", "hops", "failed", "links"
    );
    let mean = |rounds: &Rounds| rounds.latencies.iter().sum::<f64>() / rounds.latencies.len().max(1) as f64;
    let [none, ..] = ways.each_ref().map(|(_, rounds)| mean(rounds));
    let lost = ways.each_ref().map(|(way, rounds)| {
        let (mean, middle, p99) =
            (mean(rounds), median(rounds.latencies.clone()), quantile(rounds.latencies.clone(), 0.99));
        let (rate, lost, name) = (1e3 / mean, 100.0 * (1.0 - none / mean), format!("{way:?}"));
        let (hops, failed, links) = (rounds.hops, rounds.failed, rounds.links);
        println!("{name:<24}{rate:>10.2}{lost:>10.2}{middle:>10.2}{p99:>10.2}{hops:>8}{failed:>8}{links:>8}");
        lost
    });
    let [_, rebind, policy] = lost;
    let name = format!("hop: throughput lost, {server}, RTT {round_trip} ms");
    let results = vec![
        Measurement::new(&name, policy, "%", "quinn Endpoint::rebind", rebind),
        Measurement::with_mark(&name, policy, "%", LOST),
    ];
    results.iter().for_each(Measurement::print);
    results
}
