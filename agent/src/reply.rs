//! What an allocation server's reply means: a [`Grant`], or why there is none.

use std::net::IpAddr;
use std::time::Duration;

use mimiq_api::allocation::{AddressSet, RefusalReason, ServerReply, server_reply};

use crate::address::{self, IpVersion};
use crate::daemon::Event;
use crate::stock::Grant;

/// The shortest lifetime that is of any use.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longer times are cut to this, so that no server can push a timer out of range.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// When to try again if the server says that trying again will not help.
const HOPELESS: Duration = Duration::from_secs(30);

/// The event that the reply to an `Acquire` of `asked` addresses makes.
#[must_use]
pub fn granted(reply: ServerReply, version: IpVersion, asked: u32) -> Event {
    let failed = |reason, message: String, retry_after, smaller| Event::AcquireFailed {
        version,
        asked,
        retry_after,
        smaller,
        reason,
        message,
    };
    match reply.reply {
        Some(server_reply::Reply::AddressSet(set)) => match grant(&set, version, asked) {
            Ok(grant) => Event::Granted(version, grant),
            Err(problem) => failed("malformed_reply", problem, HOPELESS, false),
        },
        Some(server_reply::Reply::Refused(refused)) => {
            let retry_after = match refused.retry_after_ms {
                0 => HOPELESS,
                ms => Duration::from_millis(ms).min(HOPELESS),
            };
            let reason = refused.reason();
            let smaller = matches!(reason, RefusalReason::Exhausted | RefusalReason::Quota | RefusalReason::Invalid);
            failed(reason_name(reason), refused.message, retry_after, smaller)
        }
        Some(server_reply::Reply::Released(_)) | None => {
            failed("malformed_reply", "reply: not an address set".to_owned(), HOPELESS, false)
        }
    }
}

fn grant(set: &AddressSet, version: IpVersion, asked: u32) -> Result<Grant, String> {
    if set.addresses.is_empty() || set.addresses.len() > asked as usize {
        return Err(format!("address_set.addresses: {} of {asked} asked for", set.addresses.len()));
    }
    let lifetime = Duration::from_millis(set.lifetime_ms).min(LONGEST);
    if lifetime < SHORTEST {
        return Err(format!("address_set.lifetime_ms: {}: less than {SHORTEST:?}", set.lifetime_ms));
    }
    let mut addresses = Vec::with_capacity(set.addresses.len());
    for bytes in &set.addresses {
        let address = address::from_bytes(bytes).filter(|address| IpVersion::from(*address) == version);
        let Some(address) = address else {
            return Err(format!("address_set.addresses: {} bytes", bytes.len()));
        };
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local() || address.to_ipv4_mapped().is_some(),
        };
        if link_local || address.is_unspecified() || address.is_loopback() || address.is_multicast() {
            return Err("address_set.addresses: not a unicast address of global scope".to_owned());
        }
        addresses.push(address);
    }
    Ok(Grant { addresses, lifetime, grace: Duration::from_millis(set.grace_ms).min(LONGEST), mtu: set.mtu })
}

/// The name of a refusal reason in metrics.
fn reason_name(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Unspecified => "unspecified",
        RefusalReason::Invalid => "invalid",
        RefusalReason::Exhausted => "exhausted",
        RefusalReason::Quota => "quota",
        RefusalReason::NotHeld => "not_held",
        RefusalReason::SwitchUnavailable => "switch_unavailable",
        RefusalReason::Unavailable => "unavailable",
        RefusalReason::RateLimited => "rate_limited",
    }
}

#[cfg(test)]
mod tests {
    use mimiq_api::allocation::{Refused, Released};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn set(addresses: Vec<Vec<u8>>) -> AddressSet {
        AddressSet { addresses, lifetime_ms: 60_000, grace_ms: 5_000, mtu: 1460 }
    }

    fn reply(reply: server_reply::Reply) -> ServerReply {
        ServerReply { reply: Some(reply) }
    }

    #[test]
    fn a_set_is_a_grant() {
        let address = "2001:db8::1".parse::<IpAddr>().unwrap();
        let set = set(vec![address::to_bytes(address)]);
        let Event::Granted(IpVersion::V6, grant) =
            granted(reply(server_reply::Reply::AddressSet(set)), IpVersion::V6, 4)
        else {
            panic!()
        };
        assert_eq!(grant.addresses, [address]);
        assert_eq!((grant.lifetime, grant.grace), (Duration::from_secs(60), Duration::from_secs(5)));
    }

    #[test]
    fn what_makes_no_sense_names_the_field() {
        let good = address::to_bytes("2001:db8::1".parse().unwrap());
        for (set, expected) in [
            (set(vec![]), "addresses: 0 of 1"),
            (set(vec![good.clone(), good.clone()]), "addresses: 2 of 1"),
            (set(vec![vec![1, 2, 3]]), "addresses: 3 bytes"),
            (set(vec![vec![192, 0, 2, 1]]), "addresses: 4 bytes"),
            (set(vec![address::to_bytes("fe80::6d:696d:6971".parse().unwrap())]), "not a unicast"),
            (set(vec![address::to_bytes("::1".parse().unwrap())]), "not a unicast"),
            (AddressSet { lifetime_ms: 0, ..set(vec![good]) }, "lifetime_ms: 0"),
        ] {
            match granted(reply(server_reply::Reply::AddressSet(set)), IpVersion::V6, 1) {
                Event::AcquireFailed { reason: "malformed_reply", message, .. } => {
                    assert!(message.contains(expected), "{message}");
                }
                other => panic!("{other:?}"),
            }
        }
        let released = reply(server_reply::Reply::Released(Released { count: 1 }));
        assert!(matches!(granted(released, IpVersion::V6, 1), Event::AcquireFailed { reason: "malformed_reply", .. }));
    }

    #[test]
    fn a_quota_asks_for_less() {
        let refused = Refused { reason: RefusalReason::Quota.into(), message: "quota".into(), retry_after_ms: 500 };
        match granted(reply(server_reply::Reply::Refused(refused)), IpVersion::V6, 8) {
            Event::AcquireFailed { asked: 8, retry_after, smaller: true, reason: "quota", .. } => {
                assert_eq!(retry_after, Duration::from_millis(500));
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), asked in any::<u32>()) {
            if let Ok(reply) = ServerReply::decode(bytes.as_slice()) {
                let _ = granted(reply, IpVersion::V6, asked);
            }
        }

        #[test]
        fn no_set_panics(
            addresses in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5),
            lifetime_ms in any::<u64>(), grace_ms in any::<u64>(), mtu in any::<u32>(),
        ) {
            let set = AddressSet { addresses, lifetime_ms, grace_ms, mtu };
            let event = granted(reply(server_reply::Reply::AddressSet(set)), IpVersion::V4, 4);
            if let Event::Granted(_, grant) = event {
                let mut stock = crate::stock::Stock::new(crate::stock::Marks { low: 1, high: 4 });
                stock.granted(std::time::Instant::now(), &grant, &mut Vec::new());
            }
        }
    }
}
