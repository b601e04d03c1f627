//! Where tunnels may lead to. Pure: what is looked at is the address that will be connected to, never a name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnetwork::IpNetwork;
use serde::Deserialize;

use crate::refusal::Refusal;

/// Ports from one to another, in YAML `443` or `1024-65535`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct PortRange(pub u16, pub u16);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u16),
    Text(String),
}

impl TryFrom<Written> for PortRange {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (first, last, text) = match written {
            Written::Number(port) => (Some(port), Some(port), port.to_string()),
            Written::Text(text) => {
                let (first, last) = text.split_once('-').unwrap_or((&text, &text));
                (first.trim().parse().ok(), last.trim().parse().ok(), text)
            }
        };
        match (first, last) {
            (Some(first), Some(last)) if 0 < first && first <= last => Ok(Self(first, last)),
            _ => Err(format!("{text}: not PORT or FIRST-LAST")),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// Decides.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Ports that may be connected to.
    pub ports: Vec<PortRange>,
    /// Prefixes that may not.
    pub deny: Vec<IpNetwork>,
    /// Prefixes that may although they are not for everybody.
    pub allow: Vec<IpNetwork>,
}

impl Policy {
    /// Whether a port may be connected to.
    ///
    /// # Errors
    /// If it may not.
    pub fn check_port(&self, port: u16) -> Result<(), Refusal> {
        let allowed = self.ports.iter().any(|range| (range.0..=range.1).contains(&port));
        if allowed { Ok(()) } else { Err(Refusal::Port) }
    }

    /// Whether an address may be connected to; the one to connect to is what is returned (an IPv4 address that was written
    /// as an IPv6 one).
    ///
    /// # Errors
    /// If it may not.
    pub fn check(&self, address: SocketAddr) -> Result<SocketAddr, Refusal> {
        self.check_port(address.port())?;
        let ip = address.ip().to_canonical();
        let within = |prefixes: &[IpNetwork]| prefixes.iter().any(|prefix| prefix.contains(ip));
        if within(&self.deny) || !(within(&self.allow) || is_public(ip)) {
            return Err(Refusal::Address);
        }
        Ok(SocketAddr::new(ip, address.port()))
    }

    /// Whether the operator named this address as allowed, so that it may be one of the exit's own.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|prefix| prefix.contains(address))
    }
}

/// Whether an address is for everybody: globally reachable by IANA's registries of special-purpose addresses, and unicast.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    // NAT64 leads to an IPv4 address (RFC 6052).
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let unicast = s[0] & 0xe000 == 0x2000;
    // Protocol assignments such as Teredo, documentation, 6to4: not for everybody, or another address in disguise.
    let special = matches!((s[0], s[1]), (0x2001, 0..0x0200 | 0x0db8) | (0x2002, _) | (0x3fff, 0..0x1000));
    unicast && !special
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(deny: &[&str], allow: &[&str]) -> Policy {
        let prefixes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Policy { ports: vec![PortRange(1, 24), PortRange(443, 443)], deny: prefixes(deny), allow: prefixes(allow) }
    }

    #[test]
    fn what_is_not_for_everybody_is_refused() {
        let policy = policy(&[], &[]);
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd00:6d::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "3fff::1",
        ] {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            assert_eq!(policy.check(address), Err(Refusal::Address), "{address}");
        }
        for address in
            ["192.0.1.1", "172.32.0.1", "100.128.0.1", "9.9.9.9", "2a00::1", "2001:200::1", "64:ff9b::9.9.9.9"]
        {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            assert_eq!(policy.check(address), Ok(address), "{address}");
        }
    }

    #[test]
    fn the_operator_decides() {
        let policy = policy(&["9.9.9.0/24", "10.0.0.0/24"], &["10.0.0.0/8"]);
        let check = |text: &str| policy.check(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(check("9.9.9.9:443"), Err(Refusal::Address));
        assert_eq!(check("[::ffff:9.9.9.9]:443"), Err(Refusal::Address), "in disguise");
        assert_eq!(check("[::ffff:9.9.8.9]:443").as_deref(), Ok("9.9.8.9:443"));
        assert_eq!(check("10.0.0.1:443"), Err(Refusal::Address), "deny counts more");
        assert_eq!(check("10.1.0.1:443").as_deref(), Ok("10.1.0.1:443"));
        assert_eq!(check("9.9.8.9:25"), Err(Refusal::Port));
        assert!(policy.names("10.1.0.1".parse().unwrap()) && !policy.names("9.9.8.9".parse().unwrap()));
    }

    proptest! {
        /// The standard library knows some of these, too.
        #[test]
        fn never_more_than_the_standard_library_says(address in any::<IpAddr>()) {
            if is_public(address.to_canonical()) {
                prop_assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast());
                if let IpAddr::V4(address) = address.to_canonical() {
                    prop_assert!(!address.is_private() && !address.is_link_local() && !address.is_documentation());
                    prop_assert!(!address.is_broadcast());
                }
                if let IpAddr::V6(address) = address {
                    prop_assert!(!address.is_unique_local() && !address.is_unicast_link_local());
                }
            }
        }
    }
}
