//! What the kernel allows: the capability, AnyIP with freebind, sysctls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use rustix::thread::CapabilitySet;
use socket2::{Domain, Protocol, Socket, Type};

use super::Finding;
use crate::config::Config;
use crate::netlink::Netlink;

/// How long the address of a check stays local, should the check be interrupted.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn capability() -> Finding {
    const CHECK: &str = "capability";
    match rustix::thread::capabilities(None) {
        Ok(sets) if sets.effective.contains(CapabilitySet::NET_ADMIN) => Finding::ok(CHECK, "CAP_NET_ADMIN"),
        Ok(_) => Finding::problem(
            CHECK,
            "no CAP_NET_ADMIN: local routes cannot be added",
            "start it with the systemd unit (AmbientCapabilities=CAP_NET_ADMIN), by setpriv --inh-caps +net_admin \
             --ambient-caps +net_admin, or as root",
        ),
        Err(error) => Finding::problem(CHECK, format!("unknown: {error}"), "mount /proc and allow capget"),
    }
}

/// For each IP version in use: a route makes an address local, a socket is bound to it, and a packet comes.
pub(super) async fn any_ip(config: &Config, netlink: &Netlink) -> Vec<Finding> {
    let low: u16 = rand::random();
    // Of the prefixes for discarding (RFC 6666) and for documentation (RFC 5737): nobody has them.
    let v6 = IpAddr::from(Ipv6Addr::new(0x100, 0, 0, 0, 0x6d69, 0x6d69, 0x71, low));
    let v4 = IpAddr::from(Ipv4Addr::new(192, 0, 2, (low % 256) as u8));
    let mut findings = vec![one("anyip_v6", netlink, v6).await];
    if config.stock_ipv4.is_some() {
        findings.push(one("anyip_v4", netlink, v4).await);
    }
    findings
}

async fn one(check: &'static str, netlink: &Netlink, address: IpAddr) -> Finding {
    if let Err(error) = netlink.install(address, LIMIT).await {
        let advice = "see `capability`; and lo must be up: ip link set lo up";
        return Finding::problem(check, format!("a local route cannot be added: {error}"), advice);
    }
    let heard = to_itself(address);
    let removed = netlink.remove(address).await;
    match (heard, removed) {
        (Ok(()), Ok(())) => Finding::ok(check, "a local route and freebind give a socket an address"),
        (Err(error), _) => {
            let advice = "lo must be up (ip link set lo up), and no filter may drop what the host sends to itself";
            Finding::problem(check, format!("a socket at a routed address does not work: {error}"), advice)
        }
        (_, Err(error)) => {
            Finding::problem(check, format!("a local route cannot be removed: {error}"), "see `capability`")
        }
    }
}

fn to_itself(address: IpAddr) -> std::io::Result<()> {
    let at = SocketAddr::new(address, 0);
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    match address {
        IpAddr::V4(_) => socket.set_freebind_v4(true)?,
        IpAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&at.into())?;
    // Delivery on lo is synchronous, but not promised to be.
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let socket = std::net::UdpSocket::from(socket);
    socket.send_to(b"mimiq", socket.local_addr()?)?;
    socket.recv(&mut [0; 8])?;
    Ok(())
}

pub(super) fn sysctls(config: &Config) -> Vec<Finding> {
    let read = |path: String| {
        let value = std::fs::read_to_string(Path::new("/proc/sys/net").join(path)).ok()?;
        value.trim().parse::<u32>().ok()
    };
    let interface = &config.interface;
    let disabled: Vec<_> = ["all", "lo", interface]
        .into_iter()
        .filter(|name| read(format!("ipv6/conf/{name}/disable_ipv6")).is_some_and(|value| value != 0))
        .collect();
    let mut findings = vec![if disabled.is_empty() {
        Finding::ok("ipv6", "enabled")
    } else {
        let what: Vec<_> = disabled.iter().map(|name| format!("net.ipv6.conf.{name}.disable_ipv6=0")).collect();
        let found = format!("disabled on {}", disabled.join(", "));
        Finding::problem("ipv6", found, format!("sysctl -w {}", what.join(" ")))
    }];
    if config.stock_ipv4.is_some() {
        let filter = |name: &str| read(format!("ipv4/conf/{name}/rp_filter")).unwrap_or(0);
        // The kernel takes the larger one; 1 is strict (RFC 3704).
        findings.push(match filter("all").max(filter(interface)) {
            1 => Finding::problem(
                "rp_filter",
                format!("strict on {interface}: replies are dropped when another interface has a better route"),
                format!("sysctl -w net.ipv4.conf.{interface}.rp_filter=2"),
            ),
            0 => Finding::ok("rp_filter", "off"),
            _ => Finding::ok("rp_filter", "loose"),
        });
    }
    findings
}
