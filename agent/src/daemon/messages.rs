//! What the daemon says to applications.

use std::net::IpAddr;
use std::time::Duration;

use mimiq_api::local::{NotHopping, Reason, Refused, Taken, agent_message};

use crate::{address, outage};

pub(super) fn taken(address: IpAddr, lifetime: Duration, mtu: u32) -> Taken {
    Taken { address: address::to_bytes(address), lifetime_ms: milliseconds(lifetime), mtu }
}

pub(super) fn refused(message: String, retry_after: Duration, reason: Reason) -> agent_message::Message {
    let retry_after_ms = milliseconds(retry_after);
    agent_message::Message::Refused(Refused { message, retry_after_ms, reason: reason.into() })
}

pub(super) fn not_hopping(reason: Option<Reason>) -> agent_message::Message {
    let reason = reason.unwrap_or(Reason::Unspecified);
    let message = outage::describe(reason).to_owned();
    agent_message::Message::NotHopping(NotHopping { reason: reason.into(), message })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
