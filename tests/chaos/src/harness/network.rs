//! Switches, each a process, perhaps behind a chaos switch, and what the controller is told of them.

mod config;

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
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

use config::{K, PORTS, configuration};
pub use config::{Pools, Spec, Timing};

/// A switch's process, and what stands in front of it.
pub struct Switch {
    /// Its name.
    pub name: String,
    /// If clients are connected to it.
    pub sid: Option<u16>,
    /// What the controller talks to, if not to the switch.
    pub chaos: Option<ChaosSwitch>,
    address: SocketAddr,
    /// Reads the switch itself.
    pub reader: Reader,
    program: Program,
    process: Option<Process>,
}

impl Switch {
    fn controlled_at(&self) -> SocketAddr {
        self.chaos.as_ref().map_or(self.address, |chaos| chaos.address)
    }

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
        spec: &Spec,
        clients: &[String],
        seed: u64,
    ) -> anyhow::Result<Self> {
        let journal = Journal::to_file(&dir.join("journal.log"))?;
        let keys = dir.join("pki");
        pki::init(&keys)?;
        for client in clients {
            pki::enrol(&keys, pki::Kind::Client, client)?;
        }
        let (mut switches, mut tunnels) = (Vec::new(), Vec::new());
        for (index, (name, sid)) in spec.switches.iter().copied().enumerate() {
            let device_id = index as u64 + 1;
            let address = SocketAddr::from((loopback()?, 9559));
            let config = dir.join(format!("{name}.yaml"));
            std::fs::write(&config, format!("device_id: {device_id}\nlisten: '{address}'\nports: []\n"))?;
            let log = dir.join(format!("{name}.log"));
            let program = Program { file: programs.switch.clone(), config, log, environment: Vec::new() };
            let chaos = match spec.chaos {
                true => Some(chaos(name, address, seed.wrapping_add(device_id), &journal).await?),
                false => None,
            };
            let reader = Reader::new(address, device_id)?;
            let mut switch = Switch { name: name.into(), sid, chaos, address, reader, program, process: None };
            switch.revive().await?;
            switches.push(switch);
            if let Some(sid) = sid {
                tunnels.push((sid, loopback()?));
            }
        }
        let relay = loopback()?;
        let fabric = Fabric::start(&tunnels, relay).await?;
        let config = dir.join("controller.yaml");
        std::fs::write(&config, configuration(spec, relay, &tunnels, &switches)?)?;
        let log = dir.join("controller.log");
        let controller = Program { file: programs.controller.clone(), config, log, environment: Vec::new() };
        let Spec { timing, pools, .. } = spec;
        let terms = Terms {
            t_ip_min: timing.t_ip.0,
            t_ip_max: timing.t_ip.1,
            grace: timing.t_remove,
            cool_down: timing.cool_down,
            validity: timing.t_sid * K,
            alias_mask: pools.alias_mask(),
            most_aliases: pools.most_aliases(timing, tunnels.len()),
            tunnels: tunnels.iter().map(|(sid, tunnel)| (*sid, tunnel.to_ipv6_mapped())).collect(),
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
        ];
        Ok(file)
    }
}

async fn chaos(name: &str, switch: SocketAddr, seed: u64, journal: &Journal) -> anyhow::Result<ChaosSwitch> {
    let settings = Settings {
        name: name.into(),
        switch: format!("http://{switch}"),
        seed,
        faults: Faults::default(),
        longest_delay: Duration::from_secs(2),
        restart: None,
    };
    ChaosSwitch::start((Ipv4Addr::LOCALHOST, 0).into(), settings, journal.clone()).await
}
