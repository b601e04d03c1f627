//! A large reply through a bottleneck, while the client's address changes every 400 ms: how much longer it takes than without.

mod client;

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::{
    result::{Measurement, median},
    web::{Bottleneck, Lab, Seen, Server},
};

const ROUND_TRIP: Duration = Duration::from_millis(50);
/// A buffer of one bandwidth-delay product.
const BOTTLENECK: Bottleneck = Bottleneck { rate: 50_000_000, buffer: 312_500 };
/// Bytes.
const SIZE: usize = 10_000_000;
/// How long the client stays at an address, milliseconds.
const STAY_MS: u64 = 400;
const FILE: &str = "file.bin";

/// How the client downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One connection, which never hops.
    None,
    /// One connection, one request, a hop each 400 ms.
    Plain,
    /// The policy `stripes` with so many connections.
    Stripes(u8),
}

/// The way that the marks are for.
const CHOSEN: Way = Way::Stripes(4);
/// The mark: so many times as long as without hops.
const MARK: f64 = 1.25;
/// Rounds for each way, in turns.
const ROUNDS: usize = 5;

/// All measurements.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let content = content();
    let lab = Lab::new(ROUND_TRIP, Some(BOTTLENECK), &[(FILE, &content)])?;
    let ways = [2, 3, 4, 5, 6].map(Way::Stripes);
    let ways: Vec<Way> = [Way::None, Way::Plain].into_iter().chain(ways).collect();
    let mut runs = 0..;
    let mut done = Server::ALL.map(|server| (server, ways.iter().map(|way| (*way, Vec::new())).collect::<Vec<_>>()));
    for _ in 0..ROUNDS {
        for (server, ways) in &mut done {
            for (way, times) in ways {
                let (server, way, run, content) = (*server, *way, runs.next().context("runs")?, content.clone());
                let time = lab.run(run, move |client| client::download(client, server, way, content));
                times.push((run, time.with_context(|| format!("{server}, {way:?}"))?));
            }
        }
    }
    let mut results = Vec::new();
    for (server, ways) in &done {
        results.extend(compare(&lab, *server, ways)?);
    }
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// Prints the table of one server, and picks out what is compared.
fn compare(lab: &Lab, server: Server, ways: &[(Way, Vec<(u16, f64)>)]) -> anyhow::Result<Vec<Measurement>> {
    println!(
        "10 MB, 50 Mbit/s, RTT 50 ms, {server}'s server, {ROUNDS} rounds; seconds, and what an observer sees of a round"
    );
    println!(
        "{:<14}{:>8}{:>8}{:>8}{:>8}{:>10}{:>7}{:>7}{:>11}{:>9}{:>9}",
        "", "median", "best", "worst", "ratio", "addresses", "links", "ports", "mean life", "longest", "at once"
    );
    let (mut none, mut plain, mut results) = (0.0, 0.0, Vec::new());
    for (way, rounds) in ways {
        let times: Vec<f64> = rounds.iter().map(|(_, time)| *time).collect();
        let (middle, best) = (median(times.clone()), times.iter().copied().fold(f64::MAX, f64::min));
        let worst = times.iter().copied().fold(0.0, f64::max);
        match way {
            Way::None => none = middle,
            Way::Plain => plain = middle,
            Way::Stripes(_) => {}
        }
        let seen = lab.seen(rounds.iter().map(|(run, _)| *run))?;
        let Seen { mean, longest, at_once, .. } = seen;
        let links = seen.links.len();
        // Each round has a connector of its own: that two of them draw the same port tells nothing.
        let mut ports = 0;
        for (run, _) in rounds {
            ports += lab.seen([*run].into_iter())?.ports;
        }
        let (ratio, addresses, name) = (middle / none, seen.addresses as f64 / ROUNDS as f64, format!("{way:?}"));
        println!(
            "{name:<14}{middle:>8.2}{best:>8.2}{worst:>8.2}{ratio:>8.2}{addresses:>10.1}{links:>7}{ports:>7}{mean:>11.2}{longest:>9.2}{at_once:>9.1}"
        );
        let linked: Vec<String> = seen.links.iter().map(ToString::to_string).collect();
        ensure!(links == 0, "{server}, {way:?}: {links} connection IDs link addresses: {}", linked.join("\n"));
        if *way == CHOSEN {
            let name = format!("bulk: stripes, {server}");
            results.push(Measurement::new(&name, middle, "s", "plain hopping", plain));
            results.push(Measurement::new(&name, middle, "s", "no hop", none));
            results.push(Measurement::with_mark(format!("{name} / no hop"), ratio, "x", MARK));
        }
    }
    Ok(results)
}

/// Nothing in it repeats, so that no part can be taken for another.
fn content() -> Vec<u8> {
    (0..SIZE as u64 / 8).flat_map(|word| (word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).collect()
}
