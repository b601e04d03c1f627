use std::{
    collections::BTreeSet,
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt as _,
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use mimiq_contract::PortId;
use nix::{
    sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{
    Drops, Hits, PortFrame, Sent, Subject,
    child::Child,
    p4rt::P4Rt,
    veth::{self, Links},
};
use crate::{
    entry::{self, State},
    file::{Meter, Vector},
    frame,
};

const DEVICE: u64 = 1;
/// The port of the frames that tell that all before them have been processed: ARP requests for an address of the switch.
const FENCE: PortId = PortId(500);
const FENCE_ENTRIES: [&str; 2] = [
    "port_role port=500 -> set_role(role=fabric)",
    "gateway_v4 role=fabric target_addr=240.0.0.1 -> answer_v4(mac=02:fe:00:00:00:01)",
];

/// How the switch's ports are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// XDP sockets.
    AfXdp,
    /// Packet sockets, which carry jumbo frames as well.
    AfPacket,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::AfXdp => "af_xdp",
            Self::AfPacket => "af_packet",
        }
    }

    /// The largest MTU on veths in native mode; and one for jumbo frames in a tunnel.
    fn mtu(self) -> usize {
        match self {
            Self::AfXdp => 3498,
            Self::AfPacket => 9216,
        }
    }
}

/// Why the software switch cannot be run here; `None` if it can.
pub fn obstacle() -> Option<&'static str> {
    let root = fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    (!root).then_some("network namespaces need root")
}

/// The software switch, a process with veth pairs as ports.
pub struct Switch {
    backend: Backend,
    links: Links,
    p4rt: P4Rt,
    // The connection's tasks run here; process and directory go after it.
    runtime: Runtime,
    child: Child,
    _directory: TempDir,
    fence: u32,
}

impl Switch {
    /// Moves this thread into a network namespace of its own and starts the switch there, with all ports that occur in the vectors.
    /// All of it is gone when the thread has ended.
    ///
    /// # Errors
    /// If this is not root, or the switch does not start.
    pub fn start(backend: Backend, vectors: &[Vector]) -> Result<Self> {
        let inputs = || vectors.iter().flat_map(|vector| &vector.inputs);
        let egress = inputs().filter_map(|input| input.out.as_ref().map(|(port, _)| *port));
        let ports: BTreeSet<_> = inputs().map(|input| input.port).chain(egress).collect();
        ensure!(!ports.contains(&FENCE), "port {} is used by the runner", FENCE.0);
        let program = program()?;
        unshare(CloneFlags::CLONE_NEWNET).context("a network namespace (are you root?)")?;
        stay_on_one_cpu()?;
        veth::loopback_up()?;
        let ports: BTreeSet<_> = ports.into_iter().chain([FENCE]).collect();
        let links = Links::new(ports.iter().copied(), backend.mtu())?;

        let directory = tempfile::tempdir()?;
        let file = directory.path().join("switch.yaml");
        let list: String = ports.iter().map(|PortId(n)| format!("  - {{id: {n}, interface: sw{n}}}\n")).collect();
        let text = format!("device_id: {DEVICE}\nlisten: 127.0.0.1:0\nbackend: {}\nports:\n{list}", backend.name());
        fs::write(&file, text)?;
        let arguments = ["run", "--log", "info", "--config"].map(OsStr::new);
        let mut child = Child::start(&program, &[&arguments[..], &[file.as_os_str()]].concat())?;
        let ready = child.await_line("listen=").context("mimiq-switch")?;
        let listen = ready.split_once("listen=").and_then(|(_, rest)| rest.split_whitespace().next());
        let uri = format!("http://{}", listen.context("the switch does not say where it listens")?);

        let runtime = Builder::new_current_thread().enable_all().build()?;
        let p4rt = runtime.block_on(P4Rt::open(&uri, DEVICE, Vec::new()))?;
        Ok(Self { backend, links, p4rt, runtime, child, _directory: directory, fence: 0 })
    }

    /// Two round trips on a port of its own: when the first is over, the switch has taken everything that was sent before; when the
    /// second is, it has also sent what came of it.
    fn fence(&mut self, received: &mut Vec<PortFrame>) -> Result<()> {
        for _ in 0..2 {
            self.fence += 1;
            let [_, a, b, c] = self.fence.to_be_bytes();
            let (own, asked) = (format!("10.{a}.{b}.{c}"), "240.0.0.1");
            let request = frame::build(&format!(
                "eth(src=02:fe:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)
                 /arp(op=request, sender_mac=02:fe:00:00:00:02, sender_ip={own}, target_ip={asked})"
            ))?;
            let reply = frame::build(&format!(
                "eth(src=02:fe:00:00:00:01, dst=02:fe:00:00:00:02)/arp(op=reply, sender_mac=02:fe:00:00:00:01,
                 sender_ip={asked}, target_mac=02:fe:00:00:00:02, target_ip={own})"
            ))?;
            self.links.send(FENCE, &request)?;
            self.links.receive_until(FENCE, &reply, received)?;
        }
        Ok(())
    }
}

/// The frames of this thread and what the switch makes of them then pass the kernel's queues in order.
fn stay_on_one_cpu() -> Result<()> {
    let all = sched_getaffinity(Pid::from_raw(0))?;
    let mut one = CpuSet::new();
    let cpu = (0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false));
    one.set(cpu.context("no CPU")?)?;
    sched_setaffinity(Pid::from_raw(0), &one).context("staying on one CPU")
}

/// The program `MIMIQ_SWITCH`, or the one of these sources, built if need be.
fn program() -> Result<OsString> {
    if let Some(program) = env::var_os("MIMIQ_SWITCH") {
        // Relative ones are meant from the workspace, where make runs.
        let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        return Ok(std::path::Path::new(workspace).join(program).into_os_string());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--locked", "--package", "mimiq-switch", "--bin", "mimiq-switch"];
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cargo")?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    for line in output.stdout.split(|b| *b == b'\n') {
        let message: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        if let (Some("mimiq-switch"), Some(path)) = (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            return Ok(path.into());
        }
    }
    bail!("cargo does not say where it has put mimiq-switch")
}

impl Subject for Switch {
    fn name(&self) -> String {
        format!("switch ({})", self.backend.name())
    }

    fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()> {
        let mut state = state.clone();
        for entry in FENCE_ENTRIES {
            let entry = entry::parse(entry)?;
            ensure!(state.insert(entry.key(), entry).is_none(), "{} is used by the runner", entry::print(&entry));
        }
        self.runtime.block_on(self.p4rt.set(&state, meter))
    }

    fn obstacle(&self, frame: &[u8]) -> Option<String> {
        if self.backend == Backend::AfPacket && matches!(frame.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8])) {
            // The switch counts it as a receive error, not as a drop.
            return Some("has a VLAN tag, which the kernel hides from packet sockets".into());
        }
        self.links.obstacle(frame)
    }

    fn run(&mut self, frames: &[PortFrame]) -> Result<Vec<Sent>> {
        for (port, frame) in frames {
            self.links.send(*port, frame)?;
        }
        let mut received = Vec::new();
        self.fence(&mut received).with_context(|| self.child.last())?;
        Ok(received.into_iter().map(|(port, frame)| Sent { port, frame, of: None }).collect())
    }

    fn drops(&mut self) -> Result<Drops> {
        self.runtime.block_on(self.p4rt.drops())
    }

    fn hits(&mut self) -> Result<Hits> {
        let mut hits = self.runtime.block_on(self.p4rt.hits())?;
        for entry in FENCE_ENTRIES {
            hits.remove(&entry::parse(entry)?.key());
        }
        Ok(hits)
    }
}
