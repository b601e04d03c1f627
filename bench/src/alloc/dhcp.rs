//! The DHCP servers: configuration, and what is measured of them. Each measurement has a new process with an empty database.

use std::{fs, net::Ipv6Addr, path::Path};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::{
    Latency,
    perfdhcp::{self, Load},
};
use crate::{
    cpu,
    lab::{Namespace, Process},
    search,
};

/// Kea's server.
pub(super) const KEA: &str = "kea-dhcp6";
/// ISC's server.
pub(super) const DHCPD: &str = "dhcpd";

/// Where the search for the highest rate begins, and when it ends.
const FROM: u32 = 2_000;
const CLOSE: f64 = 1.05;
/// For how long a rate is tried, seconds, and how many rounds may fail: one may be another program's fault.
const SECONDS: u32 = 4;
const ATTEMPTS: usize = 2;
/// Which share of the requests must be answered.
const ANSWERED: f64 = 0.99;

/// More addresses than any measurement takes, and the few of a pool that is to be full.
const LARGE_POOL: &str = "2001:db8:1:0:1::/80";
const SMALL_POOL: &str = "2001:db8:1:0:1::/112";
/// Addresses of the small one.
const SMALL: u32 = 1 << 16;
/// Requests when it is full: each takes Kea so long that there are few in a second.
const REFUSED: Load = Load { rate: 5, seconds: 5 };

/// A DHCP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// Kea's, with its database in memory and a file of all changes, for what must survive.
    Kea,
    /// ISC's.
    Dhcpd,
}

/// A server and its clients, in a namespace each. Fields are dropped in this order.
struct Lab {
    process: Process,
    clients: Namespace,
    _server: Namespace,
    _files: TempDir,
}

impl Lab {
    fn new(server: Server, pool: &str, leases: u32) -> anyhow::Result<Self> {
        let [namespace, clients] = [Namespace::new("server")?, Namespace::new("clients")?];
        namespace.connect("server", "02:00:00:00:00:01", &clients, "clients", "02:00:00:00:00:02")?;
        namespace.ip("address add 2001:db8:1::1/64 dev server nodad")?;
        for (namespace, interface) in [(&namespace, "server"), (&clients, "clients")] {
            namespace.wait_for_link_local(interface)?;
        }
        let files = tempfile::tempdir()?;
        let process = match server {
            Server::Kea => kea(&namespace, files.path(), pool, leases)?,
            Server::Dhcpd => dhcpd(&namespace, files.path(), pool)?,
        };
        Ok(Self { process, clients, _server: namespace, _files: files })
    }

    fn load(&self, load: Load) -> anyhow::Result<perfdhcp::Outcome> {
        perfdhcp::run(&self.clients, "clients", load)
    }
}

fn kea(namespace: &Namespace, files: &Path, pool: &str, leases: u32) -> anyhow::Result<Process> {
    let (folder, database) = (files.display(), files.join("leases.csv"));
    if leases > 0 {
        fs::write(&database, lease_file(leases))?;
    }
    // Its ready message is one of the server's own logger; leases would be logged by another.
    let config = format!(
        r#"{{"Dhcp6": {{
            "data-directory": "{folder}",
            "interfaces-config": {{"interfaces": ["server"]}},
            "lease-database": {{"type": "memfile", "persist": true, "name": "{}", "lfc-interval": 0}},
            "preferred-lifetime": 3600,
            "valid-lifetime": 7200,
            "subnet6": [{{"subnet": "2001:db8:1::/64", "interface": "server", "pools": [{{"pool": "{pool}"}}]}}],
            "loggers": [
                {{"name": "kea-dhcp6", "severity": "WARN", "output_options": [{{"output": "stdout"}}]}},
                {{"name": "kea-dhcp6.dhcp6", "severity": "INFO", "output_options": [{{"output": "stdout"}}]}}
            ]
        }}}}"#,
        database.display()
    );
    let file = files.join("kea.json");
    fs::write(&file, config)?;
    let [pid, lock] = ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR"].map(|name| format!("{name}={folder}"));
    namespace.start_installed("env", &[&pid, &lock, KEA, "-c", path(&file)?], "DHCP6_STARTED")
}

fn dhcpd(namespace: &Namespace, files: &Path, pool: &str) -> anyhow::Result<Process> {
    let (config, leases) = (files.join("dhcpd.conf"), files.join("leases"));
    let text =
        format!("default-lease-time 7200;\npreferred-lifetime 3600;\nsubnet6 2001:db8:1::/64 {{ range6 {pool}; }}\n");
    fs::write(&config, text)?;
    fs::write(&leases, "")?;
    let files = ["-cf", path(&config)?, "-lf", path(&leases)?];
    namespace.start_installed(DHCPD, &[&["-6", "-f", "--no-pid"], &files[..], &["server"]].concat(), "Sending on")
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("path of a file")
}

/// Kea's database with so many leases, as Kea writes it.
fn lease_file(leases: u32) -> String {
    let mut text = String::from(
        "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,\
         hwaddr,state,user_context,hwtype,hwaddr_source\n",
    );
    let first = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 1, 0, 0, 0).to_bits();
    for number in 0..leases {
        let address = Ipv6Addr::from_bits(first + u128::from(number));
        let [a, b, c, d] = number.to_be_bytes();
        let mac = format!("00:0c:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        text += &format!("{address},00:01:00:01:32:98:42:9b:{mac},7200,4000000000,1,3600,0,1,128,0,0,,{mac},0,,1,2\n");
    }
    text
}

/// The highest rate of new leases of which at most one in a hundred is lost.
pub(super) fn highest(server: Server) -> anyhow::Result<u32> {
    search::highest(FROM, CLOSE, |rate| {
        for _ in 0..ATTEMPTS {
            let lab = Lab::new(server, LARGE_POOL, 0)?;
            let outcome = lab.load(Load { rate, seconds: SECONDS })?;
            // It must have sent what it should have, too.
            let least = f64::from(rate * SECONDS) * ANSWERED;
            if outcome.second.received as f64 >= least {
                return Ok(true);
            }
        }
        Ok(false)
    })
    .with_context(|| format!("{server:?}"))
}

/// How long the second exchange takes at a rate.
pub(super) fn latency(server: Server, rate: u32) -> anyhow::Result<Latency> {
    let lab = Lab::new(server, LARGE_POOL, 0)?;
    let outcome = lab.load(Load { rate, seconds: SECONDS })?;
    outcome.second.latency().with_context(|| format!("{server:?}"))
}

/// Kea's resident memory with so many leases, MB.
pub(super) fn memory(leases: u32) -> anyhow::Result<f64> {
    let lab = Lab::new(Server::Kea, LARGE_POOL, leases)?;
    lab.process.resident_mb()
}

/// Kea's CPU time for a refusal when its pool is full, microseconds.
pub(super) fn refusal() -> anyhow::Result<f64> {
    let lab = Lab::new(Server::Kea, SMALL_POOL, SMALL)?;
    let before = cpu::process(lab.process.id())?;
    let refused = lab.load(REFUSED)?.first.rejected;
    let cpu = cpu::process(lab.process.id())? - before;
    ensure!(refused > 0, "Kea refused nothing");
    Ok(cpu as f64 / 1e3 / refused as f64)
}
