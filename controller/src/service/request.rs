//! Requests, checked.

use std::net::Ipv6Addr;

use mimiq_api::allocation::{Acquire, ClientRequest, MAX_MESSAGE, client_request::Request};

/// A request whose fields make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Valid {
    Acquire { count: u32 },
    Release { addresses: Vec<Ipv6Addr> },
    Renew { addresses: Vec<Ipv6Addr> },
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
    #[error("ipv4: {0}, there is no pool of IPv4 addresses")]
    Ipv4(u32),
    #[error("addresses: none is named")]
    NoAddress,
    #[error("addresses[{index}]: {length} bytes, an IPv6 address has 16")]
    Address { index: usize, length: usize },
}

impl TryFrom<ClientRequest> for Valid {
    type Error = Invalid;

    fn try_from(message: ClientRequest) -> Result<Self, Invalid> {
        match message.request.ok_or(Invalid::NoRequest)? {
            Request::Acquire(Acquire { ipv6: 0, ipv4: 0 }) => Err(Invalid::NoCount),
            Request::Acquire(Acquire { ipv6, ipv4: 0 }) => Ok(Self::Acquire { count: ipv6 }),
            Request::Acquire(Acquire { ipv4, .. }) => Err(Invalid::Ipv4(ipv4)),
            Request::Release(release) => Ok(Self::Release { addresses: addresses(&release.addresses)? }),
            Request::Renew(renew) => Ok(Self::Renew { addresses: addresses(&renew.addresses)? }),
        }
    }
}

fn addresses(fields: &[Vec<u8>]) -> Result<Vec<Ipv6Addr>, Invalid> {
    if fields.is_empty() {
        return Err(Invalid::NoAddress);
    }
    let address = |(index, bytes): (usize, &Vec<u8>)| match <[u8; 16]>::try_from(bytes.as_slice()) {
        Ok(octets) => Ok(Ipv6Addr::from(octets)),
        Err(_) => Err(Invalid::Address { index, length: bytes.len() }),
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
        assert_eq!(acquire(1, 2), "ipv4: 2, there is no pool of IPv4 addresses");
        let release = |addresses| refusal(Request::Release(Release { addresses }));
        assert_eq!(release(vec![]), "addresses: none is named");
        assert_eq!(release(vec![vec![0; 16], vec![0; 4]]), "addresses[1]: 4 bytes, an IPv6 address has 16");
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
