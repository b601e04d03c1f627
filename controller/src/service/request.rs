//! Requests, checked.

use std::net::IpAddr;

use mimiq_addressing::Demand;
use mimiq_api::allocation::{Acquire, ClientRequest, MAX_MESSAGE, client_request::Request};

/// Addresses of a set that fit a message.
pub(crate) const MAX_SET: u32 = 3000;

/// A request whose fields make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Valid {
    Acquire(Demand),
    Release(Vec<IpAddr>),
    Renew(Vec<IpAddr>),
}

/// Why a request makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("message: more than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("message of {length} bytes: {source}")]
    Malformed { length: usize, source: prost::DecodeError },
    #[error("request: none, or of a kind that is not known")]
    NoRequest,
    #[error("ipv6: 0 and ipv4: 0, at least one address must be asked for")]
    NoCount,
    #[error("addresses: none is named")]
    NoAddress,
    #[error("{field}: {count}, a set has at most {MAX_SET}")]
    TooMany { field: &'static str, count: u32 },
    #[error("addresses[{index}]: {length} bytes, an address has 4 or 16")]
    Address { index: usize, length: usize },
}

impl TryFrom<ClientRequest> for Valid {
    type Error = Invalid;

    fn try_from(message: ClientRequest) -> Result<Self, Invalid> {
        match message.request.ok_or(Invalid::NoRequest)? {
            Request::Acquire(Acquire { ipv6: 0, ipv4: 0 }) => Err(Invalid::NoCount),
            // A message has room for about that many addresses, so that nobody is refused a set that fits.
            Request::Acquire(Acquire { ipv6, .. }) if ipv6 > MAX_SET => {
                Err(Invalid::TooMany { field: "ipv6", count: ipv6 })
            }
            Request::Acquire(Acquire { ipv4, .. }) if ipv4 > MAX_SET => {
                Err(Invalid::TooMany { field: "ipv4", count: ipv4 })
            }
            Request::Acquire(Acquire { ipv6, ipv4 }) => Ok(Self::Acquire(Demand { v6: ipv6, v4: ipv4 })),
            Request::Release(release) => addresses(&release.addresses).map(Self::Release),
            Request::Renew(renew) => addresses(&renew.addresses).map(Self::Renew),
        }
    }
}

fn addresses(fields: &[Vec<u8>]) -> Result<Vec<IpAddr>, Invalid> {
    if fields.is_empty() {
        return Err(Invalid::NoAddress);
    }
    let address = |(index, bytes): (usize, &Vec<u8>)| match *bytes.as_slice() {
        [a, b, c, d] => Ok(IpAddr::from([a, b, c, d])),
        _ => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(octets) => Ok(IpAddr::from(octets)),
            Err(_) => Err(Invalid::Address { index, length: bytes.len() }),
        },
    };
    fields.iter().enumerate().map(address).collect()
}

#[cfg(test)]
mod tests {
    use mimiq_api::allocation::Release;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn refusal(request: Request) -> String {
        Valid::try_from(ClientRequest { request: Some(request) }).unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_field_and_value() {
        let acquire = |ipv6, ipv4| refusal(Request::Acquire(Acquire { ipv6, ipv4 }));
        assert_eq!(acquire(0, 0), "ipv6: 0 and ipv4: 0, at least one address must be asked for");
        assert_eq!(acquire(3001, 2), "ipv6: 3001, a set has at most 3000");
        assert_eq!(acquire(1, u32::MAX), "ipv4: 4294967295, a set has at most 3000");
        let release = |addresses| refusal(Request::Release(Release { addresses }));
        assert_eq!(release(vec![]), "addresses: none is named");
        assert_eq!(release(vec![vec![0; 16], vec![0; 4], vec![0; 5]]), "addresses[2]: 5 bytes, an address has 4 or 16");
        let empty = Valid::try_from(ClientRequest { request: None }).unwrap_err().to_string();
        assert_eq!(empty, "request: none, or of a kind that is not known");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(message) = ClientRequest::decode(bytes.as_slice()) {
                let _ = Valid::try_from(message);
            }
        }
    }
}
