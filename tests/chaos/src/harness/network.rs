//! Two client-facing switches and two edge switches, each a process behind a chaos switch, and what the controller is
//! told of them.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use mimiq_contract::PortId;
use mimiq_controller::pki;

use super::{
    fabric::Fabric,
    ledger::Terms,
    p4::Reader,
    process::{Process, Program},
    programs::Programs,
};
use crate::{
    fault::Faults,
    journal::Journal,
    proxy::{ChaosSwitch, Settings},
};

/// Times of a network.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Least and greatest t_ip.
    pub t_ip: (Duration, Duration),
    /// t_remove.
    pub t_remove: Duration,
    /// t_sid.
    pub t_sid: Duration,
    /// How long an address rests.
    pub cool_down: Duration,
}

impl Timing {
    /// Everything comes round within seconds.
    pub fn short() -> Self {
        let ms = Duration::from_millis;
        Self { t_ip: (ms(2000), ms(3000)), t_remove: ms(500), t_sid: ms(1500), cool_down: ms(500) }
    }
}

/// The pools of a network. They are small, so that what is free is drawn again soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pools {
    /// IPv6 addresses with SID aliases, and IPv4.
    Aliases,
    /// Every address has a binding.
    Naive,
}

impl Pools {
    fn configuration(self) -> &'static str {
        match self {
            Self::Aliases => {
                "pools: [{name: home, prefix: '2001:db8:1:2:3:4::/96', codec: alias, alias_bits: 16}, \
                 {name: legacy, prefix: 198.51.100.0/26, codec: naive}]"
            }
            Self::Naive => {
                "pools: [{name: home, prefix: '2001:db8:1:2:3:4:5:6600/120', codec: naive}, \
                 {name: legacy, prefix: 198.51.100.0/27, codec: naive}]"
            }
        }
    }

    fn alias_mask(self) -> Option<Ipv6Addr> {
        (self == Self::Aliases).then_some(Ipv6Addr::from_bits(u128::MAX << 16))
    }

    /// In an edge switch at a time, when nothing is amiss: epochs that are used, pending, and retained.
    fn most_aliases(self, timing: &Timing, sids: usize) -> usize {
        let retained = (timing.t_sid * K).max(timing.t_ip.1 + timing.t_remove);
        let epochs = 2 + retained.div_duration_f64(timing.t_sid).ceil() as usize;
        // One more, as deleting takes its time.
        (epochs + 1) * ALIASES_PER_SID * sids
    }
}

/// k.
const K: u32 = 2;
/// Aliases of a switch in one epoch.
const ALIASES_PER_SID: usize = 2;
/// Ports of a client-facing switch that clients are at.
const PORTS: [PortId; 2] = [PortId(1), PortId(2)];

/// A switch's process, and what stands in front of it.
pub struct Switch {
    /// Its name.
    pub name: String,
    /// If clients are connected to it.
    pub sid: Option<u16>,
    /// What the controller talks to.
    pub chaos: ChaosSwitch,
    /// Reads the switch itself.
    pub reader: Reader,
    program: Program,
    process: Option<Process>,
}

impl Switch {
    /// Ends the process at once.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts it again, empty.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn revive(&mut self) -> anyhow::Result<()> {
        let mut process = self.program.start()?;
        process.ready().await.with_context(|| format!("{}: log in {}", self.name, self.program.log.display()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }
}

/// Everything but the controller.
pub struct Network {
    /// The folder of configurations, logs and state.
    pub dir: PathBuf,
    /// Client-facing switches, then edges.
    pub switches: Vec<Switch>,
    /// The way of control datagrams.
    pub fabric: Arc<Fabric>,
    /// How the controller is started.
    pub controller: Program,
    /// What clients can count on.
    pub terms: Terms,
    /// Where clients may be.
    pub ports: Vec<(u16, PortId)>,
    /// The decisions of this network.
    pub journal: Journal,
}

/// An address of 127.0.0.0/8 that no other test on this machine uses, for what needs a fixed port.
fn loopback() -> anyhow::Result<Ipv4Addr> {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    ensure!(n < 1 << 11, "too many addresses in one process");
    let bits = 0x7f80_0000 | (std::process::id() & 0xfff) << 11 | u32::from(n);
    Ok(Ipv4Addr::from_bits(bits))
}

impl Network {
    /// Starts the switches in a folder; enrols `clients` there.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn start(
        dir: &Path,
        programs: &Programs,
        timing: &Timing,
        pools: Pools,
        clients: &[String],
        seed: u64,
    ) -> anyhow::Result<Self> {
        let journal = Journal::to_file(&dir.join("journal.log"))?;
        let keys = dir.join("pki");
        pki::init(&keys)?;
        for client in clients {
            pki::enrol(&keys, client)?;
        }
        let mut switches = Vec::new();
        for (index, (name, sid)) in
            [("access1", Some(1)), ("access2", Some(2)), ("edge1", None), ("edge2", None)].into_iter().enumerate()
        {
            let device_id = index as u64 + 1;
            let address = SocketAddr::from((loopback()?, 9559));
            let config = dir.join(format!("{name}.yaml"));
            std::fs::write(&config, format!("device_id: {device_id}\nlisten: '{address}'\nports: []\n"))?;
            let log = dir.join(format!("{name}.log"));
            let program = Program { file: programs.switch.clone(), config, log, environment: Vec::new() };
            let settings = Settings {
                name: name.into(),
                switch: format!("http://{address}"),
                seed: seed.wrapping_add(device_id),
                faults: Faults::default(),
                longest_delay: Duration::from_secs(2),
                restart: None,
            };
            let chaos = ChaosSwitch::start((Ipv4Addr::LOCALHOST, 0).into(), settings, journal.clone()).await?;
            let reader = Reader::new(address, device_id)?;
            let mut switch = Switch { name: name.into(), sid, chaos, reader, program, process: None };
            switch.revive().await?;
            switches.push(switch);
        }
        let (relay, tunnels) = (loopback()?, [(1, loopback()?), (2, loopback()?)]);
        let fabric = Fabric::start(&tunnels, relay).await?;
        let config = dir.join("controller.yaml");
        std::fs::write(&config, configuration(timing, pools, relay, &tunnels, &switches)?)?;
        let log = dir.join("controller.log");
        let controller = Program { file: programs.controller.clone(), config, log, environment: Vec::new() };
        let terms = Terms {
            t_ip_min: timing.t_ip.0,
            t_ip_max: timing.t_ip.1,
            cool_down: timing.cool_down,
            validity: timing.t_sid * K,
            alias_mask: pools.alias_mask(),
            most_aliases: pools.most_aliases(timing, tunnels.len()),
            tunnels: tunnels.iter().map(|(sid, tunnel)| (*sid, tunnel.to_ipv6_mapped())).collect::<HashMap<_, _>>(),
        };
        let ports = tunnels.iter().flat_map(|(sid, _)| PORTS.map(|port| (*sid, port))).collect();
        Ok(Self { dir: dir.into(), switches, fabric, controller, terms, ports, journal })
    }

    /// The controller's state file.
    pub fn state_file(&self) -> PathBuf {
        self.dir.join("state.redb")
    }

    /// Runs the controller with another clock: libfaketime reads the offset from the returned file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn fake_clock(&mut self, library: &Path) -> anyhow::Result<PathBuf> {
        let file = self.dir.join("clock");
        std::fs::write(&file, "+0\n")?;
        let set = |name: &str, value: OsString| (name.to_owned(), value);
        self.controller.environment = vec![
            set("LD_PRELOAD", library.into()),
            set("FAKETIME_TIMESTAMP_FILE", file.clone().into()),
            set("FAKETIME_NO_CACHE", "1".into()),
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            set("FAKETIME_DISABLE_SHM", "1".into()),
        ];
        Ok(file)
    }
}

fn configuration(
    timing: &Timing,
    pools: Pools,
    relay: Ipv4Addr,
    tunnels: &[(u16, Ipv4Addr)],
    switches: &[Switch],
) -> anyhow::Result<String> {
    let Timing { t_ip: (min, max), t_remove, t_sid, cool_down } = timing;
    let ms = |duration: &Duration| format!("{}ms", duration.as_millis());
    let pools = pools.configuration();
    let mut text = format!(
        "relay: '[::ffff:{relay}]:54172'\n\
         state_file: state.redb\n\
         pki: {{ca: pki/ca.pem, certificate: pki/controller.pem, key: pki/controller.key}}\n\
         {pools}\n\
         aliases_per_sid: {ALIASES_PER_SID}\n\
         timing: {{t_ip: {{min: {}, max: {}}}, t_remove: {}, t_sid: {}, k: {K}, cool_down: {}}}\n\
         limits: {{addresses_per_client: 64}}\n\
         switches:\n",
        ms(min),
        ms(max),
        ms(t_remove),
        ms(t_sid),
        ms(cool_down),
    );
    for (index, Switch { name, sid, chaos, .. }) in switches.iter().enumerate() {
        let id = index + 1;
        let tunnel = sid.and_then(|sid| tunnels.iter().find(|(of, _)| *of == sid));
        let (role, tunnel) = match (sid, tunnel) {
            (Some(sid), Some((_, tunnel))) => (format!("sid: {sid}"), format!("::ffff:{tunnel}")),
            _ => ("edge: true, denied_sources: ['fd00::/8']".to_owned(), format!("fd00::{id}")),
        };
        let outside = if sid.is_some() { "client" } else { "upstream" };
        writeln!(
            text,
            "- {{name: {name}, device_id: {id}, p4runtime: 'http://{address}', {role}, mac: '02:00:00:00:0{id}:01', \
             tunnel_addr: '{tunnel}', icmp_addr_v6: 'fd00::{id}', icmp_addr_v4: 10.0.0.{id}, fabric_mtu: 1540, \
             ports: [{{id: 0, role: fabric}}, {{id: {p1}, role: {outside}}}, {{id: {p2}, role: {outside}}}], \
             routes: [{{prefix: '::/0', port: 0, next_hop_mac: '02:00:00:00:09:01'}}]}}",
            address = chaos.address,
            p1 = PORTS[0].0,
            p2 = PORTS[1].0,
        )?;
    }
    ensure!(!switches.is_empty(), "no switches");
    Ok(text)
}
