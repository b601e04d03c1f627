//! From a target to sockets. A name is resolved once, and what is connected to is an address that was looked at: a name that
//! leads elsewhere the next time (DNS rebinding) changes nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mimiq_masque::{Host, Target};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use crate::destination::Policy;
use crate::refusal::Refusal;

/// The addresses that a target leads to and that are allowed; at least one.
async fn resolve(policy: &Policy, target: &Target, end: Instant) -> Result<Vec<SocketAddr>, Refusal> {
    policy.check_port(target.port)?;
    let found: Vec<SocketAddr> = match &target.host {
        Host::Ip(address) => vec![SocketAddr::new(*address, target.port)],
        Host::Name(name) => {
            let found = timeout_at(end, tokio::net::lookup_host((name.as_str(), target.port)));
            found.await.map_err(|_| Refusal::DnsTimeout)?.map_err(|_| Refusal::Dns)?.collect()
        }
    };
    let (mut allowed, mut refusal) = (Vec::new(), Refusal::Dns);
    for address in found {
        match policy.check(address).and_then(|address| own(policy, address)) {
            Ok(address) => allowed.push(address),
            Err(problem) => refusal = problem,
        }
    }
    if allowed.is_empty() { Err(refusal) } else { Ok(allowed) }
}

/// Refuses the exit's own addresses, at which things may listen that are not for everybody. Linux sends to such an address
/// from itself; connecting a UDP socket sends nothing.
fn own(policy: &Policy, address: SocketAddr) -> Result<SocketAddr, Refusal> {
    if policy.names(address.ip()) {
        return Ok(address);
    }
    let source = std::net::UdpSocket::bind(any(address)).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    })?;
    if source.ip() == address.ip() { Err(Refusal::Address) } else { Ok(address) }
}

fn any(address: SocketAddr) -> SocketAddr {
    let any: IpAddr = if address.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(any, 0)
}

/// Connects to one of the target's addresses, trying them in turn.
pub(crate) async fn tcp(policy: &Policy, target: &Target, end: Instant) -> Result<TcpStream, Refusal> {
    let mut refusal = Refusal::Timeout;
    let addresses = resolve(policy, target, end).await?;
    for (index, address) in addresses.iter().enumerate() {
        // Each of those that are left gets its share of the time that is left.
        let share = (end - Instant::now()) / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => refusal = error.into(),
            Err(_) => refusal = Refusal::Timeout,
        }
    }
    Err(refusal)
}

/// A UDP socket that sends to the first of the target's addresses that there is a route to, and takes packets from nowhere
/// else.
pub(crate) async fn udp(policy: &Policy, target: &Target, end: Instant) -> Result<UdpSocket, Refusal> {
    let mut refusal = Refusal::Unroutable;
    for address in resolve(policy, target, end).await? {
        let connected: io::Result<UdpSocket> = async {
            let socket = UdpSocket::bind(any(address)).await?;
            socket.connect(address).await?;
            Ok(socket)
        }
        .await;
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => refusal = error.into(),
        }
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::destination::PortRange;

    fn policy(allow: &[&str]) -> Policy {
        let allow = allow.iter().map(|prefix| prefix.parse().unwrap()).collect();
        Policy { ports: vec![PortRange(1, 65535)], deny: vec![], allow }
    }

    async fn resolved(policy: &Policy, target: &str) -> Result<Vec<SocketAddr>, Refusal> {
        resolve(policy, &target.parse().unwrap(), Instant::now() + Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn a_name_counts_for_what_it_leads_to() {
        assert_eq!(resolved(&policy(&[]), "localhost:80").await, Err(Refusal::Address));
        let only_v4 = resolved(&policy(&["127.0.0.0/8"]), "localhost:80").await;
        assert_eq!(only_v4, Ok(vec!["127.0.0.1:80".parse().unwrap()]));
        assert_eq!(resolved(&policy(&[]), "does-not-exist.invalid:80").await, Err(Refusal::Dns));
    }

    #[test]
    fn own_addresses_are_refused() {
        let loopback = "127.0.0.1:80".parse().unwrap();
        assert_eq!(own(&policy(&[]), loopback), Err(Refusal::Address));
        assert_eq!(own(&policy(&["127.0.0.0/8"]), loopback), Ok(loopback));
    }
}
