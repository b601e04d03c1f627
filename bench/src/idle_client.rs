//! What a client costs that only sends cover traffic: one process with a fast network, and many clients in one process at the paper's rates.

mod bare;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mimiq_mix_testbed::{Metrics, Network, Plan, Process};
use rand::Rng as _;

use crate::result::Measurement;
use crate::{cpu, lab};
use bare::Bare;

/// How long is measured.
const TIME: Duration = Duration::from_secs(20);
/// For all clients to connect.
const PATIENCE: Duration = Duration::from_secs(120);
/// The mark: percent of a core.
const MARK: f64 = 1.0;
/// As in the paper's experiments (Loopix §5).
const CLIENTS: usize = 500;

/// All measurements.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let binary = lab::release_build("mimiq-mix")?;
    // A packet of payload each 20 ms, loops, drops and pulls each 200 ms.
    let plan = Plan { lambda: [50.0, 5.0, 5.0], pull: 5.0, mu: 50.0, ..Plan::default() };
    let One { share, bare, rate, stolen } = one(&binary, plan)?;
    println!(
        "one client: {share:.3} % of a core, {rate:.1} packets/s, while the host took {stolen:.2} % of the machine's time"
    );
    // Loopix Figure 11: 60 of each kind per minute, a mean delay of 0.5 s, three layers of two mixes, four providers.
    let plan = Plan {
        layers: vec![2, 2, 2],
        providers: 4,
        lambda: [1.0; 3],
        pull: 1.0,
        mu: 2.0,
        lambda_m: 1.0,
        ..Plan::default()
    };
    let (share_of_many, memory) = many(&binary, plan)?;
    let each = share_of_many / CLIENTS as f64;
    println!("{CLIENTS} clients in a process: {each:.4} % of a core and {memory:.3} MB each");
    let name = "client: CPU with 60 packets/s";
    let results = vec![
        Measurement::new(name, share, "%", "a thread that sends as many datagrams", bare),
        Measurement::with_mark(name, share, "%", MARK),
    ];
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// Of a process of `mimiq-mix client receive`.
struct One {
    /// Percent of a core.
    share: f64,
    /// The same of a thread that only sends, meanwhile.
    bare: f64,
    /// How many packets per second its provider had from it.
    rate: f64,
    /// Percent of the machine's time that its host gave to others.
    stolen: f64,
}

fn one(binary: &Path, plan: Plan) -> anyhow::Result<One> {
    let network = Network::start(binary, plan)?;
    network.wait_until_ready()?;
    let file = network.client("idle", "p1")?;
    // Networks of the testbed are asked for their state each second; this client asks as often as the example says.
    let text = fs::read_to_string(&file)?;
    ensure!(text.contains("refresh_s: 1\n"), "no refresh_s: {text}");
    fs::write(&file, text.replace("refresh_s: 1\n", "refresh_s: 60\n"))?;
    let mut command: Command = network.command();
    command.args(["client", "receive", "--config"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(&mut command, &network.folder().join("idle.log"))?;
    let packets = || network.metrics("p1").map_or(0.0, |metrics| metrics.value("mimiq_provider_packets_total"));
    wait(&process, || packets() > 0.0)?;
    let expected: f64 = network.plan().lambda.iter().sum();
    let bare = Bare::start(expected)?;
    let (before, host) = (packets(), cpu::Host::now()?);
    let (share, time) = share(&mut process)?;
    let (stolen, bare) = (cpu::Host::now()?.stolen_since(&host), bare.stop()?);
    let rate = (packets() - before) / time.as_secs_f64();
    ensure!((rate / expected - 1.0).abs() < 0.2, "{rate} packets/s instead of {expected}: {}", process.log());
    ensure!(process.terminate()?.success(), "the client failed: {}", process.log());
    Ok(One { share, bare, rate, stolen })
}

/// Percent of a core of a process with many clients, and MB of memory for each of them.
fn many(binary: &Path, plan: Plan) -> anyhow::Result<(f64, f64)> {
    let network = Network::start(binary, plan)?;
    network.wait_until_ready()?;
    let file = network.client("load", "p1")?;
    let metrics = format!("127.{}.{}.1:1702", rand::rng().random_range(1..=254), rand::rng().random_range(0..=255));
    let mut command: Command = network.command();
    command.args(["load", "--clients", &CLIENTS.to_string(), "--metrics", &metrics, "--config"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(&mut command, &network.folder().join("load.log"))?;
    let connected = || Metrics::of(&metrics).map_or(0.0, |metrics| metrics.value("mimiq_load_connected"));
    wait(&process, || connected() >= CLIENTS as f64)?;
    let (share, _) = share(&mut process)?;
    let all = connected();
    ensure!(all >= CLIENTS as f64, "{all} of {CLIENTS} clients are still connected");
    Ok((share, lab::resident_mb(process.child().id())? / CLIENTS as f64))
}

fn wait(process: &Process, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !done() {
        ensure!(Instant::now() < end, "not connected: {}", process.log());
        thread::park_timeout(Duration::from_millis(100));
    }
    Ok(())
}

/// Percent of a core that a process takes for a while, and the while.
fn share(process: &mut Process) -> anyhow::Result<(f64, Duration)> {
    let id = process.child().id();
    let (before, start) = (cpu::process(id)?, Instant::now());
    thread::park_timeout(TIME);
    let (used, time) = (cpu::process(id)? - before, start.elapsed());
    Ok((used as f64 / time.as_nanos() as f64 * 100.0, time))
}
