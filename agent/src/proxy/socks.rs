//! SOCKS5 as bytes (RFC 1928).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mimiq_masque::{Host, Target};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NONE_ACCEPTABLE: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What a client hears of its request (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reply {
    Succeeded = 0,
    GeneralFailure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    TtlExpired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

/// Why a client is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocksError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("version: {0}: not 5")]
    Version(u8),
    #[error("methods: none without authentication")]
    Methods,
    #[error("command: {0}: neither CONNECT nor UDP ASSOCIATE")]
    Command(u8),
    #[error("address type: {0}: unknown")]
    AddressType(u8),
    #[error("address: {0}")]
    Target(#[from] mimiq_masque::TargetError),
    #[error("address: no UTF-8")]
    Text,
    #[error("datagram: a fragment")]
    Fragment,
    #[error("datagram: too short")]
    Short,
}

impl SocksError {
    /// What a client hears; nothing if it would not understand.
    pub(crate) fn reply(&self) -> Option<Reply> {
        match self {
            Self::Command(_) => Some(Reply::CommandNotSupported),
            Self::AddressType(_) => Some(Reply::AddressTypeNotSupported),
            Self::Target(_) | Self::Text => Some(Reply::HostUnreachable),
            _ => None,
        }
    }
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Connect(Target),
    /// The address that the client says it will send from is not looked at: clients behind a translation do not know it.
    UdpAssociate,
}

/// Greets, and reads the request.
pub(crate) async fn accept(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Request, SocksError> {
    version(stream.read_u8().await?)?;
    let mut methods = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut methods).await?;
    let found = methods.contains(&NO_AUTHENTICATION);
    stream.write_all(&[VERSION, if found { NO_AUTHENTICATION } else { NONE_ACCEPTABLE }]).await?;
    if !found {
        return Err(SocksError::Methods);
    }

    version(stream.read_u8().await?)?;
    let command = stream.read_u8().await?;
    let _reserved = stream.read_u8().await?;
    let mut address = vec![stream.read_u8().await?];
    let more = match address[0] {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let length = stream.read_u8().await?;
            address.push(length);
            usize::from(length)
        }
        other => return Err(SocksError::AddressType(other)),
    };
    let start = address.len();
    address.resize(start + more + 2, 0);
    stream.read_exact(&mut address[start..]).await?;
    match command {
        1 => Ok(Request::Connect(target(&address)?.0)),
        3 => Ok(Request::UdpAssociate),
        other => Err(SocksError::Command(other)),
    }
}

fn version(version: u8) -> Result<(), SocksError> {
    if version == VERSION { Ok(()) } else { Err(SocksError::Version(version)) }
}

/// Reads type, address and port, and says what is behind.
fn target(bytes: &[u8]) -> Result<(Target, &[u8]), SocksError> {
    let (kind, rest) = bytes.split_first().ok_or(SocksError::Short)?;
    let (host, rest): (Host, _) = match *kind {
        IPV4 => {
            let (address, rest) = rest.split_first_chunk::<4>().ok_or(SocksError::Short)?;
            (Host::Ip(Ipv4Addr::from(*address).into()), rest)
        }
        IPV6 => {
            let (address, rest) = rest.split_first_chunk::<16>().ok_or(SocksError::Short)?;
            (Host::Ip(Ipv6Addr::from(*address).into()), rest)
        }
        NAME => {
            let (length, rest) = rest.split_first().ok_or(SocksError::Short)?;
            let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(SocksError::Short)?;
            (std::str::from_utf8(name).map_err(|_| SocksError::Text)?.parse()?, rest)
        }
        other => return Err(SocksError::AddressType(other)),
    };
    let (port, rest) = rest.split_first_chunk().ok_or(SocksError::Short)?;
    Ok((Target::new(host, u16::from_be_bytes(*port))?, rest))
}

/// The answer to a request, with the address that the proxy opened.
pub(crate) fn reply(reply: Reply, bound: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![VERSION, reply as u8, 0];
    put(&mut bytes, &Host::Ip(bound.ip()), bound.port());
    bytes
}

fn put(bytes: &mut Vec<u8>, host: &Host, port: u16) {
    match host {
        Host::Ip(IpAddr::V4(address)) => {
            bytes.push(IPV4);
            bytes.extend(address.octets());
        }
        Host::Ip(IpAddr::V6(address)) => {
            bytes.push(IPV6);
            bytes.extend(address.octets());
        }
        Host::Name(name) => {
            // Names have at most 253 bytes.
            bytes.extend([NAME, name.len() as u8]);
            bytes.extend(name.as_bytes());
        }
    }
    bytes.extend(port.to_be_bytes());
}

/// Reads a UDP packet of a client: where to, and what (RFC 1928 §7).
pub(crate) fn unwrap(packet: &[u8]) -> Result<(Target, &[u8]), SocksError> {
    let ([_, _, fragment], rest) = packet.split_first_chunk().ok_or(SocksError::Short)?;
    if *fragment != 0 {
        return Err(SocksError::Fragment);
    }
    target(rest)
}

/// A UDP packet for a client. Its source is named as the client named it.
pub(crate) fn wrap(from: &Target, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0];
    put(&mut bytes, &from.host, from.port);
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the proxy makes of what a client sends, and what it answers.
    fn talk(input: &[u8]) -> (Result<Request, SocksError>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut client, mut server) = tokio::io::duplex(4096);
            client.write_all(input).await.unwrap();
            client.shutdown().await.unwrap();
            let outcome = accept(&mut server).await;
            drop(server);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            (outcome, answer)
        })
    }

    #[test]
    fn requests() {
        let hello = [5, 2, 2, 0];
        for (request, expected) in [
            (&b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"[..], Request::Connect("192.0.2.1:443".parse().unwrap())),
            (b"\x05\x01\x00\x03\x0bexample.org\x00\x50", Request::Connect("example.org:80".parse().unwrap())),
            (b"\x05\x03\x00\x01\0\0\0\0\0\0", Request::UdpAssociate),
        ] {
            let (outcome, answer) = talk(&[&hello, request].concat());
            assert_eq!(outcome.unwrap(), expected);
            assert_eq!(answer, [5, 0]);
        }
        for (request, expected) in [
            (&b"\x05\x02\x00\x01\xc0\x00\x02\x01\x01\xbb"[..], Some(Reply::CommandNotSupported)),
            (b"\x05\x01\x00\x09", Some(Reply::AddressTypeNotSupported)),
            (b"\x05\x01\x00\x03\x03a b\x00\x50", Some(Reply::HostUnreachable)),
            (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x00", Some(Reply::HostUnreachable)),
            (b"\x04\x01", None),
        ] {
            assert_eq!(talk(&[&hello, request].concat()).0.unwrap_err().reply(), expected, "{request:?}");
        }
        let (outcome, answer) = talk(&[5, 1, 2]);
        assert!(matches!(outcome, Err(SocksError::Methods)));
        assert_eq!(answer, [5, 0xff]);
        assert!(matches!(talk(b"GET / HTTP/1.1\r\n").0, Err(SocksError::Version(b'G'))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), tidy in any::<bool>()) {
            let start: &[u8] = if tidy { &[5, 1, 0, 5] } else { &[] };
            let _ = talk(&[start, &bytes].concat());
            let _ = unwrap(&bytes);
        }

        #[test]
        fn packets_come_back(host in "[a-z]{1,9}\\.org|10\\.0\\.0\\.[1-9]|\\[fd00::[1-9]\\]", port in 1..=u16::MAX, payload in proptest::collection::vec(any::<u8>(), 0..20)) {
            let target: Target = format!("{host}:{port}").parse().unwrap();
            let packet = wrap(&target, &payload);
            let (found, rest) = unwrap(&packet).unwrap();
            prop_assert_eq!((found, rest), (target, &payload[..]));
        }
    }
}
