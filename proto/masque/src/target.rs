//! Where a tunnel leads to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The longest DNS name (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 253;
/// The default template of RFC 9298 §2.
const PREFIX: &str = "/.well-known/masque/udp/";
/// All that need not be escaped in a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why something is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has another form.
    #[error("target: {0:?}: not HOST:PORT")]
    Form(String),
    /// The host is neither a name nor an address.
    #[error("host: {0:?}: neither a DNS name nor an address")]
    Host(String),
    /// The port is none.
    #[error("port: {0:?}: not 1 to 65535")]
    Port(String),
    /// The path does not follow the template.
    #[error("path: not {PREFIX}HOST/PORT/")]
    Path,
}

/// A DNS name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Letters, digits, hyphens, underscores and dots. To be resolved by the exit.
    Name(String),
    /// An address, without a zone.
    Ip(IpAddr),
}

impl FromStr for Host {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let whole = text.strip_suffix('.').unwrap_or(text);
        let fits = text.len() <= LONGEST_NAME && whole.split('.').all(|label| (1..=63).contains(&label.len()));
        // What ends in a number is an address in some notation that resolvers understand (`127.1`, `0x7f000001`).
        let last = whole.rsplit('.').next().unwrap_or_default();
        let number = last.starts_with("0x") || last.starts_with("0X") || last.bytes().all(|byte| byte.is_ascii_digit());
        if fits && !number && text.bytes().all(allowed) {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(TargetError::Host(text.to_owned()))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Who.
    pub host: Host,
    /// Never 0.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// `HOST:PORT`, IPv6 addresses in brackets.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| TargetError::Form(text.to_owned()))?;
        let host = match host.strip_prefix('[').map(|inner| inner.strip_suffix(']')) {
            Some(inner) => inner
                .and_then(|inner| inner.parse::<Ipv6Addr>().ok())
                .map(|address| Host::Ip(address.into()))
                .ok_or_else(|| TargetError::Host(host.to_owned()))?,
            None if host.contains(':') => return Err(TargetError::Form(text.to_owned())),
            None => host.parse()?,
        };
        Self::new(host, number(port)?)
    }
}

/// `parse` would take "+1".
fn number(port: &str) -> Result<u16, TargetError> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| digits).ok_or_else(|| TargetError::Port(port.to_owned()))
}

impl Target {
    /// Both together.
    ///
    /// # Errors
    /// If the port is 0.
    pub fn new(host: Host, port: u16) -> Result<Self, TargetError> {
        if port == 0 { Err(TargetError::Port("0".into())) } else { Ok(Self { host, port }) }
    }

    /// The path of a request for UDP to it.
    #[must_use]
    pub fn path(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Ip(address) => address.to_string(),
        };
        format!("{PREFIX}{}/{}/", utf8_percent_encode(&host, ESCAPED), self.port)
    }

    /// Reads the path of a request for UDP.
    ///
    /// # Errors
    /// If it does not follow the template, or host or port is none.
    pub fn from_path(path: &str) -> Result<Self, TargetError> {
        let rest = path.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix('/')).ok_or(TargetError::Path)?;
        let (host, port) = rest.split_once('/').ok_or(TargetError::Path)?;
        let host = percent_decode_str(host).decode_utf8().map_err(|_| TargetError::Path)?;
        Self::new(host.parse()?, number(port)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        for (text, path) in [
            ("example.org:443", "/.well-known/masque/udp/example.org/443/"),
            ("192.0.2.1:53", "/.well-known/masque/udp/192.0.2.1/53/"),
            ("[2001:db8::1]:443", "/.well-known/masque/udp/2001%3Adb8%3A%3A1/443/"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.path().as_str()), (text, path));
            assert_eq!(Target::from_path(path), Ok(target));
        }
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (text, problem) in [
            ("example.org", "target"),
            ("2001:db8::1:443", "target"),
            ("[::1%25lo]:443", "host"),
            ("[::1:443", "host"),
            ("a..b:1", "host"),
            ("127.1:80", "host"),
            ("0x7f000001:80", "host"),
            ("2130706433:80", "host"),
            ("bad host:1", "host"),
            (":1", "host"),
            ("example.org:0", "port"),
            ("example.org:65536", "port"),
            ("example.org:+1", "port"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.starts_with(problem), "{text}: {error}");
        }
        assert_eq!(Target::from_path("/.well-known/masque/udp/a/1"), Err(TargetError::Path));
        assert!(matches!(Target::from_path("/.well-known/masque/udp/a%2Fb/1/"), Err(TargetError::Host(_))));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_the_same(text in "[a-z0-9.:%/\\[\\]-]{0,20}|\\PC{0,20}") {
            if let Ok(target) = text.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target.clone()));
                prop_assert_eq!(Target::from_path(&target.path()), Ok(target));
            }
            let _ = Target::from_path(&format!("{PREFIX}{text}"));
        }
    }
}
