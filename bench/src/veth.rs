//! The switch over veths, beside a bare forwarder on the same rings and the kernel's own forwarding: CPU nanoseconds per
//! delivered packet.

mod cpu;
mod generator;
mod rules;

use std::{net::Ipv6Addr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use mimiq_contract::MacAddr;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::{
    lab::{Namespace, Process},
    result::{Measurement, median},
};

/// Packets in one round of one contender: two seconds.
const PACKETS: usize = 100_000;
/// Packets before the first count of a round.
const WARM_UP: usize = 10_000;
/// Rounds for each contender, in turns; the median counts.
const ROUNDS: usize = 5;
/// Leased addresses, all of them in use.
const SOURCES: usize = 10_000;
/// How many of the packets must arrive; a round in which fewer do is repeated, so often.
const DELIVERED: f64 = 0.99;
const ATTEMPTS: usize = 5;
/// The switch's process against the bare forwarder's.
const MARK: f64 = 1.2;

const GENERATOR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
const NEAR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const FAR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const SINK_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);
/// Not the sink's, so that its kernel drops the frames of all contenders at once instead of answering some with ICMP.
const NEXT_HOP_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 2]);

const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    Switch,
    Bare,
    Kernel,
}

/// CPU nanoseconds per delivered packet.
struct Sample {
    /// Generator, forwarder and kernel threads.
    all: f64,
    /// The forwarder's process; 0 if there is none.
    process: f64,
}

/// A generator, what forwards, and a sink that throws away.
struct Lab {
    generator: Namespace,
    middle: Namespace,
    sink: Namespace,
    sources: Vec<Ipv6Addr>,
    frames: Arc<Vec<Vec<u8>>>,
}

/// All measurements over veth.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let everywhere = sched_getaffinity(Pid::from_raw(0))?;
    sched_setaffinity(Pid::from_raw(0), &one_of(&everywhere)?)?;
    let results = compare();
    sched_setaffinity(Pid::from_raw(0), &everywhere)?;
    results
}

/// Generator and forwarder share a CPU, which threads and processes inherit: so the forwarder gets what is sent at once as
/// a batch, instead of one frame or many as two CPUs happen to race.
fn one_of(cpus: &CpuSet) -> anyhow::Result<CpuSet> {
    let mut one = CpuSet::new();
    let usable = (0..CpuSet::count()).find(|cpu| cpus.is_set(*cpu).unwrap_or(false));
    one.set(usable.context("no CPU")?)?;
    Ok(one)
}

fn compare() -> anyhow::Result<Vec<Measurement>> {
    let lab = Lab::new()?;
    let contenders = [Contender::Switch, Contender::Bare, Contender::Kernel];
    let mut samples = contenders.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (contender, samples) in contenders.into_iter().zip(&mut samples) {
            samples.push(lab.round(contender).with_context(|| format!("veth: {contender:?}"))?);
        }
    }
    let [switch, bare, kernel] = samples.map(|s| Sample {
        all: median(s.iter().map(|s| s.all).collect()),
        process: median(s.iter().map(|s| s.process).collect()),
    });
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

impl Lab {
    fn new() -> anyhow::Result<Self> {
        let [generator, middle, sink] = [Namespace::new("gen")?, Namespace::new("dut")?, Namespace::new("sink")?];
        generator.connect("generator", &GENERATOR_MAC.to_string(), &middle, "near", &NEAR_MAC.to_string())?;
        middle.connect("far", &FAR_MAC.to_string(), &sink, "sink", &SINK_MAC.to_string())?;
        // For the kernel; frames that the XDP sockets get never come so far.
        middle.sysctl("ipv6/conf/all/forwarding", "1")?;
        middle.ip(&format!("route add {SERVER} dev far"))?;
        middle.ip(&format!("neigh add {SERVER} lladdr {NEXT_HOP_MAC} dev far nud permanent"))?;
        let source =
            |i: usize| Ipv6Addr::from_bits(0x2001_0db8_0001_0000_0000_0000_0000_0000 | (i as u128 * 0x9e37_79b9));
        let sources: Vec<_> = (1..=SOURCES).map(source).collect();
        let frames = Arc::new(sources.iter().map(|source| frame(*source)).collect());
        Ok(Self { generator, middle, sink, sources, frames })
    }

    /// Starts the contender and measures it once.
    fn round(&self, contender: Contender) -> anyhow::Result<Sample> {
        let process = match contender {
            Contender::Switch => Some(self.switch()?),
            Contender::Bare => {
                Some(self.middle.start("examples/bare_forwarder", &["near", "far"], "forwarding between")?)
            }
            Contender::Kernel => None,
        };
        let own_cpu = || process.as_ref().map_or(Ok(0), |p| cpu::process(p.id()));
        self.send(WARM_UP)?;
        let mut arrived = Vec::new();
        for _ in 0..ATTEMPTS {
            let (delivered, own, softirq) = (self.delivered()?, own_cpu()?, cpu::softirq_threads()?);
            let (sent, sending) = self.send(PACKETS)?;
            let (own, softirq) = (own_cpu()? - own, cpu::softirq_threads()? - softirq);
            let delivered = (self.delivered()? - delivered) as f64;
            if delivered >= sent as f64 * DELIVERED {
                return Ok(Sample {
                    all: (own + softirq + sending) as f64 / delivered,
                    process: own as f64 / delivered,
                });
            }
            arrived.push(delivered);
        }
        bail!("of {PACKETS} packets arrived only {arrived:?}: is the machine busy?")
    }

    /// Sends packets and waits a little for the last of them. Returns how many, and the CPU time of sending, nanoseconds.
    fn send(&self, count: usize) -> anyhow::Result<(usize, u64)> {
        let frames = self.frames.clone();
        let sending = self.generator.thread(move || {
            let sent = generator::send("generator", &frames, count)?;
            std::thread::park_timeout(Duration::from_millis(20));
            Ok(sent)
        })?;
        sending.join().map_err(|_| anyhow::anyhow!("the generator's thread"))?
    }

    fn delivered(&self) -> anyhow::Result<u64> {
        let text = self.sink.run("cat /proc/net/dev")?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("sink:"));
        let packets = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|n| n.parse().ok());
        packets.with_context(|| format!("the sink's counter: {text}"))
    }

    fn switch(&self) -> anyhow::Result<Process> {
        let listen = "[::1]:9559";
        let config = format!(
            "device_id: {}\nlisten: \"{listen}\"\nports:\n  - {{ id: 1, interface: near }}\n  - {{ id: 2, interface: far }}\n",
            rules::DEVICE
        );
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), config)?;
        let path = file.path().to_str().context("path of the configuration")?;
        let process = self.middle.start("mimiq-switch", &["run", "--config", path], "ready")?;
        let entries = rules::entries(GENERATOR_MAC, &self.sources, FAR_MAC, NEXT_HOP_MAC)?;
        let writing = self.middle.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(rules::write(listen, &entries))
        })?;
        writing.join().map_err(|_| anyhow::anyhow!("the controller's thread"))??;
        Ok(process)
    }
}

/// IPv6 and UDP with 40 bytes: 102 bytes, to the server.
fn frame(source: Ipv6Addr) -> Vec<u8> {
    let udp = [&[0xc0, 0, 0x01, 0xbb, 0, 48, 0x12, 0x34][..], &[0xa5; 40]].concat();
    let ethernet = [&NEAR_MAC.0[..], &GENERATOR_MAC.0, &[0x86, 0xdd]].concat();
    [&ethernet[..], &[0x60, 0, 0, 0, 0, 48, 17, 64], &source.octets(), &SERVER.octets(), &udp].concat()
}
