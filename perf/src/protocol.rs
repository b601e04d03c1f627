//! Messages of the allocation protocol.

use mimiq_api::allocation::{
    Acquire, ClientRequest, RefusalReason, Release, Renew, ServerPush, ServerReply, client_request::Request,
    server_push::Push, server_reply::Reply,
};
use prost::Message as _;

/// Addresses as they are in messages.
pub(crate) type Addresses = Vec<Vec<u8>>;

/// What one request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// IPv6 addresses.
    pub ipv6: u32,
    /// IPv4 addresses.
    pub ipv4: u32,
}

impl Demand {
    /// Addresses of both families.
    pub fn total(&self) -> u64 {
        u64::from(self.ipv6) + u64::from(self.ipv4)
    }
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Addresses, and how long they may be used, milliseconds.
    Set(Addresses, u64),
    Released(u32),
    Refused(RefusalReason),
    /// No message of the protocol, or one without content.
    Malformed,
}

pub(crate) fn acquire(Demand { ipv6, ipv4 }: Demand) -> Vec<u8> {
    encode(Request::Acquire(Acquire { ipv6, ipv4 }))
}

pub(crate) fn renew(addresses: Addresses) -> Vec<u8> {
    encode(Request::Renew(Renew { addresses }))
}

pub(crate) fn release(addresses: Addresses) -> Vec<u8> {
    encode(Request::Release(Release { addresses }))
}

fn encode(request: Request) -> Vec<u8> {
    ClientRequest { request: Some(request) }.encode_to_vec()
}

pub(crate) fn answer(bytes: &[u8]) -> Answer {
    match ServerReply::decode(bytes).ok().and_then(|message| message.reply) {
        Some(Reply::AddressSet(set)) => Answer::Set(set.addresses, set.lifetime_ms),
        Some(Reply::Released(released)) => Answer::Released(released.count),
        Some(Reply::Refused(refused)) => Answer::Refused(refused.reason()),
        None => Answer::Malformed,
    }
}

/// How many addresses a push revokes; `None` if it is none.
pub(crate) fn revoked(bytes: &[u8]) -> Option<u64> {
    match ServerPush::decode(bytes).ok()?.push? {
        Push::Revoke(revoke) => Some(revoke.addresses.len() as u64),
        Push::Drain(_) => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (answer(&bytes), revoked(&bytes));
        }
    }
}
