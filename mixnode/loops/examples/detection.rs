//! How soon attacks are noticed, and whether the culprit is found: the table in docs/attacks.md.
#![allow(missing_docs, clippy::unwrap_used, reason = "a program that shows figures")]

use mimiq_loops::Element;

#[path = "../tests/attacks/network.rs"]
mod network;

use network::{Attack, node, watch};

/// Runs for each attack, and loops before it.
const RUNS: u64 = 200;
const FROM: u64 = 500;

fn main() {
    println!(
        "{:<44}{:>6}{:>9}{:>8}{:>8}{:>9}{:>7}{:>7}",
        "attack on loops of a mix, 1/s", "loss", "noticed", "median", "p90", "seconds", "first", "among"
    );
    let (mix, own, link) = (Element::Node(node(3)), Element::Node(node(1)), Element::Link(node(3), node(5)));
    for (name, at, share, delay) in [
        ("(n-1) at the mix itself: all blocked", own, 1.0, None),
        ("(n-1) at another mix: all blocked", mix, 1.0, None),
        ("half dropped at another mix", mix, 0.5, None),
        ("a fifth dropped at another mix", mix, 0.2, None),
        ("half dropped at the mix itself", own, 0.5, None),
        ("a fifth dropped at the mix itself", own, 0.2, None),
        ("a link between other mixes blocked", link, 1.0, None),
        ("half dropped on that link", link, 0.5, None),
        ("another mix delays by 0.5 s", mix, 1.0, Some(0.5)),
        ("another mix delays by 2 s", mix, 1.0, Some(2.0)),
    ] {
        for loss in [0.0, 0.02] {
            let attack = Attack { at, share, delay };
            let (mut delays, mut first, mut among) = (Vec::new(), 0, 0);
            for seed in 0..RUNS {
                let watched = watch(seed, FROM + 3_600, loss, Some(attack), FROM, true);
                let Some(delay) = watched.alarm else { continue };
                delays.push(delay);
                let suspects = watched.ledger.report().suspects;
                first += u32::from(suspects.first().is_some_and(|suspect| suspect.element == at));
                among += u32::from(suspects.iter().any(|suspect| suspect.element == at));
            }
            delays.sort_by_key(|(loops, _)| *loops);
            let quantile = |share: usize| delays.get(delays.len() * share / 100).copied().unwrap_or_default();
            let of = delays.len().max(1) as f64 / 100.0;
            println!(
                "{name:<44}{:>5}%{:>8}%{:>8}{:>8}{:>9.0}{:>6.0}%{:>6.0}%",
                loss * 100.0,
                delays.len() as u64 * 100 / RUNS,
                quantile(50).0,
                quantile(90).0,
                quantile(50).1,
                f64::from(first) / of,
                f64::from(among) / of,
            );
        }
    }
    for loss in [0.0, 0.01, 0.05, 0.08] {
        let watched = watch(7, 5_000_000, loss, None, 0, false);
        println!("no attack, {} % loss: {} false alarms in 5 million loops", loss * 100.0, watched.alarms);
    }
}
