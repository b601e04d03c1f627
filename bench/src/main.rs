//! `make bench`: what mimiq costs, beside named peers measured in the same run. docs/benchmarks.md says what and how.

mod alloc;
mod bmv2;
mod bulk;
mod cpu;
mod cpus;
mod hop;
mod idle_client;
mod lab;
mod memory;
mod node;
mod p4rt;
mod path;
mod result;
mod rules;
mod search;
mod sphinx;
mod veth;
mod web;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures mimiq beside named peers and writes the results as JSON.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// What to measure.
    what: What,
    /// Where to write the results.
    #[arg(long, value_name = "FILE", default_value = "target/bench/results.json")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The pipeline without packet I/O: nanoseconds per packet.
    Memory,
    /// The switch over veths: CPU nanoseconds per packet (needs root and the other release builds).
    Veth,
    /// The switch beside BMv2: CPU time per packet, packet rate, rule writes (needs root, the other release builds, and BMv2).
    Bmv2,
    /// Rules through P4Runtime: CPU nanoseconds per update (needs root and the other release builds).
    Rules,
    /// The SDK: added latency per hop (needs root and the other release builds).
    Hop,
    /// A large reply through a bottleneck while addresses change (needs root and the other release builds).
    Bulk,
    /// The allocation server beside DHCP servers: rates, latency, memory (needs root, the other release builds, and Kea).
    Alloc,
    /// Sphinx packets beside Nym's: microseconds to unwrap and to build one.
    Sphinx,
    /// A whole mix over UDP: packet rate, CPU time per packet, lateness, memory (needs the other release builds).
    Node,
    /// Loopix clients that send nothing but cover traffic: CPU time, memory (needs the other release builds).
    IdleClient,
    /// All of these.
    All,
}

fn main() -> anyhow::Result<()> {
    let Arguments { what, out } = Arguments::parse();
    if cfg!(debug_assertions) {
        anyhow::bail!(
            "a build with debug assertions measures nothing of use: run `make bench`, or cargo with --release"
        );
    }
    lab::clean_up_on_signals()?;
    let mut results = Vec::new();
    if matches!(what, What::Memory | What::All) {
        results.extend(memory::run()?);
    }
    if matches!(what, What::Veth | What::All) {
        results.extend(veth::run()?);
    }
    if matches!(what, What::Bmv2 | What::All) {
        results.extend(bmv2::run()?);
    }
    if matches!(what, What::Rules | What::All) {
        results.extend(rules::run()?);
    }
    if matches!(what, What::Hop | What::All) {
        results.extend(hop::run()?);
    }
    if matches!(what, What::Bulk | What::All) {
        results.extend(bulk::run()?);
    }
    if matches!(what, What::Alloc | What::All) {
        results.extend(alloc::run()?);
    }
    if matches!(what, What::Sphinx | What::All) {
        results.extend(sphinx::run()?);
    }
    if matches!(what, What::Node | What::All) {
        results.extend(node::run()?);
    }
    if matches!(what, What::IdleClient | What::All) {
        results.extend(idle_client::run()?);
    }
    result::write(&out, &results)?;
    println!("{} results in {}", results.len(), out.display());
    Ok(())
}
