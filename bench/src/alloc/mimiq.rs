//! mimiq: a controller with a client-facing and an edge switch, which have every rule before a client has its reply. Each
//! measurement has new processes and an empty state file.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use super::{
    Latency,
    generator::{self, Report},
};
use crate::{
    cpu,
    lab::{Namespace, Process},
};

const RELAY: &str = "fd00:6d::1";
const TUNNELS: [&str; 2] = ["fd00:6d:1::1", "fd00:6d:9::1"];
const P4RUNTIME: [&str; 2] = ["[::1]:9559", "[::1]:9560"];

/// Clients, spread over ports, and what each may have: enough for a million addresses.
const CLIENTS: u32 = 1_000;
const QUOTA: u32 = 3_000;
/// For how long a rate is tried, seconds, if so many addresses last: a switch's tables have room for 2^20.
const SECONDS: f64 = 4.0;
const ADDRESSES: f64 = 1e6;
/// Rates that are tried, in parts of the one without times of their own, and how many rounds of each may fail: one may be another
/// program's fault.
const PARTS: [f64; 8] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];
const ATTEMPTS: usize = 2;
/// Which share of the requests must be answered, and how late the last answer may come: what comes later was in a queue that grew.
const ANSWERED: f64 = 0.99;

/// More addresses than any measurement takes, and the few of a pool that is to be full.
const LARGE_POOL: &str = "{name: large, prefix: '2001:db8:100::/48', codec: alias, alias_bits: 16}";
const SMALL_POOL: &str = "{name: small, prefix: '2001:db8:100::/112', codec: naive}";
/// Addresses of the small one.
const SMALL: u32 = 1 << 16;
/// Refusals in a second.
const REFUSED: u32 = 1_000;

/// Fields are dropped in this order: processes before their namespace.
struct Lab {
    controller: Process,
    _switches: [Process; 2],
    namespace: Namespace,
    files: TempDir,
}

impl Lab {
    fn new(pool: &str) -> anyhow::Result<Self> {
        let namespace = Namespace::new("alloc")?;
        for address in [RELAY, TUNNELS[0], TUNNELS[1]] {
            namespace.ip(&format!("address add {address}/128 dev lo nodad"))?;
        }
        let files = tempfile::tempdir()?;
        let switches = [switch(&namespace, files.path(), 0)?, switch(&namespace, files.path(), 1)?];
        namespace.run_built("mimiqctl", &["pki", "init", path(&files.path().join("pki"))?])?;
        let config = files.path().join("controller.yaml");
        fs::write(&config, controller(pool))?;
        let controller = namespace.start("mimiq-controller", &["run", "--config", path(&config)?], " ready")?;
        Ok(Self { controller, _switches: switches, namespace, files })
    }

    /// Runs the generator, with so many addresses in a request.
    fn load(&self, set: u32, options: &str) -> anyhow::Result<Report> {
        let (clients, set) = (CLIENTS.to_string(), set.to_string());
        let relay = format!("1@{}", TUNNELS[0]);
        let place = ["--controller", RELAY, "--relay", &relay, "--ports", "1-100"];
        let clients = ["--clients", &clients, "--ipv6", &set];
        generator::run(&self.namespace, &self.files.path().join("pki"), &[&place[..], &clients].concat(), options)
    }
}

/// A switch with two ports that nothing comes from.
fn switch(namespace: &Namespace, files: &Path, number: usize) -> anyhow::Result<Process> {
    let [near, far] = ["a", "b"].map(|end| format!("port{number}{end}"));
    let (near_mac, far_mac) = (format!("02:00:00:00:0{number}:01"), format!("02:00:00:00:0{number}:02"));
    namespace.connect(&near, &near_mac, namespace, &far, &far_mac)?;
    for interface in [&near, &far] {
        namespace.sysctl(&format!("ipv6/conf/{interface}/disable_ipv6"), "1")?;
    }
    let config = files.join(format!("switch{number}.yaml"));
    let ports = format!("[{{id: 0, interface: {near}}}, {{id: 1, interface: {far}}}]");
    let (id, listen) = (number + 1, P4RUNTIME[number]);
    fs::write(&config, format!("device_id: {id}\nlisten: '{listen}'\nports: {ports}\n"))?;
    namespace.start("mimiq-switch", &["run", "--config", path(&config)?], "ready")
}

fn controller(pool: &str) -> String {
    let rate = "1000000/s";
    let mut text = format!(
        "relay: '[{RELAY}]:54172'\n\
         state_file: state.redb\n\
         pki: {{ca: pki/ca.pem, certificate: pki/controller.pem, key: pki/controller.key}}\n\
         pools: [{pool}]\n\
         aliases_per_sid: 16\n\
         timing: {{t_ip: {{min: 1h, max: 2h}}, t_remove: 30s, t_sid: 1h, k: 3, cool_down: 60s}}\n\
         limits: {{addresses_per_client: {QUOTA}, requests_per_client: {rate}, requests_per_port: {rate}, \
         datagrams_per_port: {rate}}}\n\
         switches:\n"
    );
    for (number, (place, role)) in [("sid: 1", "client"), ("edge: true", "upstream")].into_iter().enumerate() {
        let (id, address, tunnel) = (number + 1, P4RUNTIME[number], TUNNELS[number]);
        text += &format!(
            "- {{name: switch{id}, device_id: {id}, p4runtime: 'http://{address}', {place}, mac: '02:00:00:00:00:0{id}', \
             tunnel_addr: '{tunnel}', icmp_addr_v6: '{tunnel}', icmp_addr_v4: 10.0.0.{id}, fabric_mtu: 1540, \
             ports: [{{id: 0, role: fabric}}, {{id: 1, role: {role}}}]}}\n"
        );
    }
    text
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("path of a file")
}

/// The highest rate of addresses in sets of this size, of which at most one request in a hundred is not answered in time. It is not
/// far below what the server does when it is always busy, so the search begins there.
pub(super) fn highest(set: u32) -> anyhow::Result<f64> {
    let lab = Lab::new(LARGE_POOL)?;
    let requests = (ADDRESSES / f64::from(set)) as u64;
    let busy = lab.load(set, &format!("--requests {requests} --duration 4s --timeout 10s"))?.addresses_per_second;
    drop(lab);
    for part in PARTS {
        for _ in 0..ATTEMPTS {
            let rate = busy * part;
            let report = at_rate(set, rate)?;
            let wanted = duration(rate) / ANSWERED;
            if report.done() >= ANSWERED && report.seconds <= wanted {
                println!("alloc: at {rate:.0} addresses/s in sets of {set}: CPUs: {}", cpus(&report));
                return Ok(rate);
            }
        }
    }
    bail!("mimiq: {:.0} addresses/s in sets of {set} are too many: is the machine busy?", busy * PARTS[PARTS.len() - 1])
}

/// So many addresses a second, of new processes.
fn at_rate(set: u32, rate: f64) -> anyhow::Result<Report> {
    let lab = Lab::new(LARGE_POOL)?;
    let watch = lab.controller.id();
    let milliseconds = (duration(rate) * 1e3) as u64;
    lab.load(set, &format!("--address-rate {rate} --duration {milliseconds}ms --watch {watch}"))
}

fn duration(rate: f64) -> f64 {
    SECONDS.min(ADDRESSES / rate)
}

fn cpus(report: &Report) -> String {
    let watched = report.cpu.watched.iter().map(|process| format!("{:.2} {}", process.cpus, process.name));
    let all = [format!("{:.2} mimiq-perf", report.cpu.generator)].into_iter().chain(watched);
    all.collect::<Vec<_>>().join(", ")
}

/// How long clients wait at a rate of addresses. If that is too much for it, they wait for ever.
pub(super) fn latency(set: u32, rate: f64) -> anyhow::Result<Latency> {
    let report = at_rate(set, rate)?;
    if report.done() < ANSWERED {
        println!("alloc: at {rate:.0} addresses/s only {:.1} % of the requests were done", report.done() * 100.0);
        return Ok(Latency { p99: 1000.0, ..report.latency() });
    }
    Ok(report.latency())
}

/// The controller's resident memory with so many leases, MB.
pub(super) fn memory(leases: u32) -> anyhow::Result<f64> {
    const SET: u32 = 250;
    let lab = Lab::new(LARGE_POOL)?;
    let requests = leases / SET;
    let report = lab.load(SET, &format!("--requests {requests} --duration 10m --timeout 10s"))?;
    ensure!(report.acquire.done == u64::from(requests), "mimiq: only {} of {requests} sets", report.acquire.done);
    lab.controller.resident_mb()
}

/// The controller's CPU time for a refusal when its pool is full, microseconds.
pub(super) fn refusal() -> anyhow::Result<f64> {
    const SET: u32 = 256;
    let lab = Lab::new(SMALL_POOL)?;
    let filled = lab.load(SET, &format!("--requests {} --duration 1m --timeout 10s", SMALL / SET))?;
    ensure!(filled.acquire.done == u64::from(SMALL / SET), "mimiq: the pool is not full: {filled:?}");
    let before = cpu::process(lab.controller.id())?;
    let report = lab.load(1, &format!("--rate {REFUSED} --duration 5s --first {CLIENTS}"))?;
    let cpu = cpu::process(lab.controller.id())? - before;
    let refused: u64 = report.acquire.refused.values().sum();
    ensure!(refused > 0 && report.acquire.done == 0, "mimiq: refused {refused}, done {}", report.acquire.done);
    Ok(cpu as f64 / 1e3 / refused as f64)
}
