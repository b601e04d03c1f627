//! The way of packets through what is measured: a generator, what forwards, and a sink that throws away, in a namespace
//! each, with a veth between one and the next.

mod forwarder;
mod generator;
mod network;

use std::{sync::Arc, thread, time::Duration};

use anyhow::{Context as _, anyhow, bail};
pub(crate) use forwarder::{BMV2, Forwarder, bmv2};
pub(crate) use generator::Sent;
pub(crate) use network::leases;
use network::{FAR_MAC, GENERATOR_MAC, NEAR_MAC, NEXT_HOP_MAC, SERVER, SINK_MAC};

use crate::{
    cpu,
    lab::{Namespace, Process},
    p4rt::{self, Controller},
    result::median,
};

/// Updates in one request.
const WRITE: usize = 1_000;
/// Packets before the first count.
const WARM_UP: usize = 10_000;
/// How many of the packets must arrive to count as carried.
pub(crate) const DELIVERED: f64 = 0.99;
/// What does not come so soon after the last packet has been sent was in a queue that grew, and counts as lost.
const LATE: Duration = Duration::from_millis(20);
/// A round with more loss is repeated, so often.
const ATTEMPTS: usize = 5;

/// CPU nanoseconds per delivered packet.
pub(crate) struct Cost {
    /// Generator, forwarder and kernel threads.
    pub all: f64,
    /// The forwarder's process; 0 if there is none.
    pub process: f64,
}

impl Cost {
    /// The medians of several rounds.
    pub(crate) fn median(rounds: Vec<Self>) -> Self {
        let of = |value: fn(&Self) -> f64| median(rounds.iter().map(value).collect());
        Self { all: of(|cost| cost.all), process: of(|cost| cost.process) }
    }
}

/// Everything but what forwards.
pub(crate) struct Path {
    generator: Namespace,
    middle: Namespace,
    sink: Namespace,
    frames: Arc<Vec<Vec<u8>>>,
}

impl Path {
    /// The kernel does nothing with the frames in the middle: it has no IPv6 there.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let [generator, middle, sink] = [Namespace::new("gen")?, Namespace::new("dut")?, Namespace::new("sink")?];
        generator.connect("generator", &GENERATOR_MAC.to_string(), &middle, "near", &NEAR_MAC.to_string())?;
        middle.connect("far", &FAR_MAC.to_string(), &sink, "sink", &SINK_MAC.to_string())?;
        for interface in ["near", "far"] {
            middle.sysctl(&format!("ipv6/conf/{interface}/disable_ipv6"), "1")?;
        }
        let frames = Arc::new(network::frames());
        Ok(Self { generator, middle, sink, frames })
    }

    /// Lets the kernel forward what nobody takes from it.
    pub(crate) fn forward_in_kernel(&self) -> anyhow::Result<()> {
        for interface in ["near", "far"] {
            self.middle.sysctl(&format!("ipv6/conf/{interface}/disable_ipv6"), "0")?;
        }
        self.middle.sysctl("ipv6/conf/all/forwarding", "1")?;
        self.middle.ip(&format!("route add {SERVER} dev far"))?;
        self.middle.ip(&format!("neigh add {SERVER} lladdr {NEXT_HOP_MAC} dev far nud permanent"))?;
        Ok(())
    }

    /// Starts what forwards; a switch with the entries that it needs for this.
    pub(crate) fn start(&self, forwarder: Forwarder) -> anyhow::Result<Option<Process>> {
        let process = self.start_empty(forwarder)?;
        if matches!(forwarder, Forwarder::Switch | Forwarder::Bmv2) {
            let requests = p4rt::inserts(&network::entries()?, WRITE);
            self.control(forwarder, async |mut controller| controller.write(requests).await)?;
        }
        Ok(process)
    }

    /// Starts what forwards; a switch without entries and without a program.
    pub(crate) fn start_empty(&self, forwarder: Forwarder) -> anyhow::Result<Option<Process>> {
        forwarder.start(&self.middle)
    }

    /// Runs a P4Runtime client where the switch is, after it has set the switch's program.
    pub(crate) fn control<T: Send + 'static>(
        &self,
        switch: Forwarder,
        work: impl AsyncFnOnce(Controller) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        switch.control(&self.middle, work)
    }

    /// What a packet costs at this rate, measured with so many packets. An error if too many are lost again and again.
    pub(crate) fn cost(&self, process: Option<&Process>, rate: u32, packets: usize) -> anyhow::Result<Cost> {
        let own_cpu = || process.map_or(Ok(0), |p| cpu::process(p.id()));
        self.send(rate, WARM_UP)?;
        let mut arrived = Vec::new();
        for _ in 0..ATTEMPTS {
            let (own, softirq) = (own_cpu()?, cpu::softirq_threads()?);
            let (sent, delivered) = self.send(rate, packets)?;
            let (own, softirq) = (own_cpu()? - own, cpu::softirq_threads()? - softirq);
            let count = delivered as f64;
            if count >= sent.packets as f64 * DELIVERED {
                return Ok(Cost { all: (own + softirq + sent.cpu_ns) as f64 / count, process: own as f64 / count });
            }
            arrived.push(delivered);
            self.drain()?;
        }
        bail!("of {packets} packets arrived only {arrived:?}: is the machine busy?")
    }

    /// Sends packets. Returns what was sent, and how many of them arrived in time.
    pub(crate) fn send(&self, rate: u32, packets: usize) -> anyhow::Result<(Sent, u64)> {
        let frames = self.frames.clone();
        let before = self.delivered()?;
        let sending = self.generator.thread(move || {
            let sent = generator::send("generator", &frames, rate, packets)?;
            thread::park_timeout(LATE);
            Ok(sent)
        })?;
        let sent = join(sending)?;
        Ok((sent, self.delivered()? - before))
    }

    /// Waits until nothing arrives any more: after an overload the queues are full.
    pub(crate) fn drain(&self) -> anyhow::Result<()> {
        let mut before = self.delivered()?;
        loop {
            thread::park_timeout(LATE);
            let now = self.delivered()?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
    }

    fn delivered(&self) -> anyhow::Result<u64> {
        let reading = self.sink.thread(|| Ok(std::fs::read_to_string("/proc/thread-self/net/dev")?))?;
        let text = join(reading)?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("sink:"));
        let packets = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|n| n.parse().ok());
        packets.with_context(|| format!("the sink's counter: {text}"))
    }
}

fn join<T>(thread: thread::JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}
