//! A network for tests: real switches (P4Runtime over gRPC), a relay as the switches' pipelines would be, and clients.
#![allow(dead_code, unreachable_pub)] // each test file uses a part

pub mod bmv2;
pub mod client;
pub mod forgetful;
pub mod p4;
pub mod proxy;
pub mod relay;
pub mod session;
pub mod switch;

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use mimiq_contract::MacAddr;
use mimiq_controller::{Controller, config::Config, pki};
use tempfile::TempDir;
use tokio::time::timeout;

use client::Client;
use relay::Relay;
use switch::Switch;

/// Nothing in these tests takes that long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a test can choose.
#[derive(Clone, Copy)]
pub struct Options {
    pub t_ip: &'static str,
    pub t_remove: &'static str,
    pub t_sid: &'static str,
    pub cool_down: &'static str,
    pub quota: u32,
    /// The pool of IPv4 addresses.
    pub legacy: &'static str,
    /// Requests a second of one client, and of all at one port.
    pub requests: [u32; 2],
    /// Room in `source_guard_v6` of the first switch.
    pub guards: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            t_ip: "60s",
            t_remove: "1s",
            t_sid: "60s",
            cool_down: "1s",
            quota: 64,
            legacy: "198.18.0.0/15",
            requests: [1000, 2000],
            guards: None,
        }
    }
}

/// Two client-facing switches (SIDs 1 and 2) and two edge switches.
pub struct Network {
    pub access: [Switch; 2],
    pub edges: [Switch; 2],
    pub relays: [Relay; 2],
    pub config: Config,
    pub dir: TempDir,
}

/// An address of 127.0.0.0/8 that no other test on this machine uses, for what needs a fixed port.
pub fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [a, b] = ((std::process::id() & 0x7fff) as u16).to_be_bytes();
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(n < 255, "too many addresses in one process");
    Ipv4Addr::new(127, a + 1, b, n as u8)
}

impl Network {
    pub async fn start(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        pki::init(&dir.path().join("pki")).unwrap();
        let access = [Switch::start_with(1, options.guards), Switch::start(2)];
        let edges = [Switch::start(8), Switch::start(9)];
        let (controller, tunnels) = (loopback(), [loopback(), loopback()]);
        let relays = [Relay::start(1, tunnels[0], controller).await, Relay::start(2, tunnels[1], controller).await];
        let Options { t_ip, t_remove, t_sid, cool_down, quota, legacy, requests: [of_client, of_port], .. } = options;
        let mut text = format!(
            "relay: '[::ffff:{controller}]:54172'\n\
             state_file: state.redb\n\
             pki: {{ca: pki/ca.pem, certificate: pki/controller.pem, key: pki/controller.key}}\n\
             pools: [{{name: home, prefix: '2001:db8:100::/48', codec: alias, alias_bits: 16}}, \
             {{name: legacy, prefix: {legacy}, codec: naive}}]\n\
             aliases_per_sid: 4\n\
             timing: {{t_ip: {{min: {t_ip}, max: {t_ip}}}, t_remove: {t_remove}, t_sid: {t_sid}, k: 3, cool_down: {cool_down}}}\n\
             limits: {{addresses_per_client: {quota}, requests_per_client: {of_client}/s, requests_per_port: {of_port}/s}}\n\
             switches:\n"
        );
        for (n, switch) in access.iter().enumerate() {
            text += &format!(
                "- {{name: access{sid}, device_id: {sid}, p4runtime: 'http://{address}', sid: {sid}, \
                 mac: '02:00:00:00:0{sid}:01', tunnel_addr: '::ffff:{tunnel}', icmp_addr_v6: 'fd00::{sid}', \
                 icmp_addr_v4: 10.0.0.{sid}, fabric_mtu: 1540, \
                 ports: [{{id: 0, role: fabric}}, {{id: 1, role: client}}, {{id: 2, role: client}}], \
                 routes: [{{prefix: '::/0', port: 0, next_hop_mac: '02:00:00:00:09:01'}}]}}\n",
                sid = n + 1,
                address = switch.address,
                tunnel = tunnels[n],
            );
        }
        for (n, switch) in edges.iter().enumerate() {
            text += &format!(
                "- {{name: edge{n}, device_id: {id}, p4runtime: 'http://{address}', edge: true, \
                 mac: '02:00:00:00:0{id}:01', tunnel_addr: 'fd00::{id}', icmp_addr_v6: 'fd00::{id}', \
                 icmp_addr_v4: 10.0.0.{id}, fabric_mtu: 1540, \
                 ports: [{{id: 0, role: fabric}}, {{id: 1, role: upstream}}], \
                 routes: [{{prefix: 10.0.0.0/8, port: 0, next_hop_mac: '02:00:00:00:01:01'}}], \
                 denied_sources: ['fd00::/8', 10.0.0.0/8]}}\n",
                id = n + 8,
                address = switch.address,
            );
        }
        let file = dir.path().join("controller.yaml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        Self { access, edges, relays, config, dir }
    }

    /// A controller that serves clients.
    pub async fn controller(&self) -> Controller {
        let mut controller = Controller::start(&Config::load(&self.config.file).unwrap()).unwrap();
        timeout(PATIENCE, controller.ready()).await.expect("the controller is not ready");
        controller
    }

    fn edited(&mut self, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(&self.config.file).unwrap();
        std::fs::write(&self.config.file, edit(text)).unwrap();
    }

    /// Changes the configuration file, for whoever reads it next.
    pub fn edit(&mut self, from: &str, to: &str) {
        self.edited(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
    }

    /// Takes the last switch out of it; [`append`](Self::append) puts it back.
    pub fn remove_last_switch(&mut self) -> String {
        let mut removed = String::new();
        self.edited(|mut text| {
            removed = text.split_off(text.rfind("- {name").unwrap());
            text
        });
        removed
    }

    pub fn append(&mut self, switch: &str) {
        self.edited(|text| text + switch);
    }

    pub fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    /// A new client, connected at a port of a client-facing switch; one a port.
    pub async fn client(&self, name: &str, sid: usize, port: u16) -> Client {
        self.client_as(name, sid, port, relay::mac_at(port)).await
    }

    /// A new client with this MAC address.
    pub async fn client_as(&self, name: &str, sid: usize, port: u16, mac: MacAddr) -> Client {
        if !self.pki().join(format!("{name}.pem")).exists() {
            pki::enrol(&self.pki(), pki::Kind::Client, name).unwrap();
        }
        let at = self.relays[sid - 1].attach_as(port, mac).await;
        timeout(PATIENCE, Client::connect(&self.pki(), name, at)).await.expect("no handshake").unwrap()
    }
}

/// Waits until a condition on what `look` sees holds.
pub async fn eventually<T, F: Future<Output = T>>(what: &str, look: impl Fn() -> F, holds: impl Fn(&T) -> bool) -> T {
    let wait = async {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        loop {
            interval.tick().await;
            let seen = look().await;
            if holds(&seen) {
                return seen;
            }
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not seen in time: {what}"))
}
