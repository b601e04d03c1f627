//! A network namespace, and a veth pair into it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::process::{Command, Output};

use mimiq_contract::wellknown::GATEWAY;

/// A namespace with one end of a veth pair; gone when dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    outside: String,
    pub(crate) inside: String,
}

fn ip(arguments: &str) -> Output {
    Command::new("ip").args(arguments.split_whitespace()).output().unwrap()
}

fn ip_ok(arguments: &str) -> String {
    let output = ip(arguments);
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Namespace {
    pub(crate) fn new(tag: &str) -> Option<Self> {
        let id = std::process::id();
        let made = Self { name: format!("mqa-{id}-{tag}"), outside: format!("mqa{id}{tag}o"), inside: "eth0".into() };
        if !ip(&format!("netns add {}", made.name)).status.success() {
            // To the terminal: what a test that passes prints is not shown.
            std::io::stderr().write_all(b"skipped: network namespaces need root\n").unwrap();
            return None;
        }
        ip_ok(&format!("link add {} type veth peer name {} netns {}", made.outside, made.inside, made.name));
        ip_ok(&format!("link set {} addrgenmode none", made.outside));
        ip_ok(&format!("addr add {GATEWAY}/64 dev {} nodad", made.outside));
        ip_ok(&format!("link set {} up", made.outside));
        Some(made)
    }

    /// The client's link-local address comes only now.
    pub(crate) fn up(&self) {
        ip_ok(&format!("-n {} link set lo up", self.name));
        ip_ok(&format!("-n {} link set {} up", self.name, self.inside));
    }

    pub(crate) fn local_routes(&self) -> Vec<Ipv6Addr> {
        let routes = ip_ok(&format!("-n {} -6 route show table local proto 109", self.name));
        routes.lines().map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
    }

    /// The client's MAC, as text.
    pub(crate) fn mac(&self) -> String {
        let link = ip_ok(&format!("-n {} -o link show dev {}", self.name, self.inside));
        let (_, rest) = link.split_once("link/ether ").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// As `ip -n NAME ...`, words separated by spaces; must work.
    pub(crate) fn ip(&self, arguments: &str) {
        ip_ok(&format!("-n {} {arguments}", self.name));
    }

    /// A command in the namespace.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new("ip").args(["netns", "exec", &self.name]).args(arguments).output().unwrap()
    }

    /// Removes a local route behind the agent's back.
    pub(crate) fn forget(&self, address: IpAddr) {
        ip_ok(&format!("-n {} -6 route del local {address} dev lo table local", self.name));
    }

    pub(crate) fn index(&self) -> u32 {
        let path = format!("/sys/class/net/{}/ifindex", self.outside);
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.name));
        let _ = ip(&format!("link del {}", self.outside));
    }
}
