//! Replies, as the allocation protocol writes them.

use std::time::Duration;

use mimiq_addressing::{Refusal, RenewError};
use mimiq_api::allocation::{AddressSet, RefusalReason, Refused, Released, server_reply::Reply};
use mimiq_core::{Denial, Granted};

use crate::allocator::octets;

/// When a client should try again after a switch failed it.
pub(super) const RETRY: Duration = Duration::from_secs(1);

pub(super) fn granted(granted: Granted) -> Reply {
    Reply::AddressSet(AddressSet {
        addresses: granted.addresses.into_iter().map(octets).collect(),
        lifetime_ms: millis(granted.lifetime),
        grace_ms: millis(granted.grace),
        mtu: granted.mtu.into(),
    })
}

pub(super) fn released(count: u32) -> Reply {
    Reply::Released(Released { count })
}

pub(super) fn denied(denial: &Denial) -> Reply {
    use RefusalReason as Reason;
    let (reason, retry) = match denial {
        Denial::Pool(refusal) => pool_refused(refusal),
        Denial::Renew(RenewError::Empty) => (Reason::Invalid, Duration::ZERO),
        Denial::Renew(RenewError::NotHeld(_) | RenewError::AliasRetired) => (Reason::NotHeld, Duration::ZERO),
        Denial::Switch(_) => (Reason::SwitchUnavailable, RETRY),
        Denial::TooMany { retry_after, .. } => (Reason::RateLimited, *retry_after),
        Denial::Drained(_) | Denial::Starting | Denial::Ended => (Reason::Unavailable, RETRY),
    };
    refused(reason, denial.to_string(), retry)
}

fn pool_refused(refusal: &Refusal) -> (RefusalReason, Duration) {
    use RefusalReason as Reason;
    match refusal {
        Refusal::Empty | Refusal::NoPool(_) => (Reason::Invalid, Duration::ZERO),
        Refusal::Quota { .. } => (Reason::Quota, RETRY),
        Refusal::Exhausted { retry_after, .. } => (Reason::Exhausted, retry_after.unwrap_or_default()),
        Refusal::Fairness { retry_after, .. } => (Reason::Exhausted, *retry_after),
        Refusal::Quarantine { retry_after, .. } => (Reason::Unavailable, *retry_after),
        Refusal::UnknownSid(_) | Refusal::NoAlias(_) => (Reason::Unavailable, RETRY),
    }
}

pub(super) fn refused(reason: RefusalReason, message: String, retry_after: Duration) -> Reply {
    Reply::Refused(Refused { reason: reason.into(), message, retry_after_ms: millis(retry_after) })
}

/// Rounded down: a lifetime must not be told longer than it is.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
