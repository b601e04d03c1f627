//! What goes into a stock and comes out of it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An application's connection to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub u64);

/// What the stock wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the allocation server for a set of this many addresses.
    Acquire(u32),
    /// Give addresses back to the allocation server.
    Release(Vec<IpAddr>),
    /// Write down what [`super::Stock::leases`] says, before anything else is done.
    Record,
    /// Make an address local to this host, for at least so long.
    Install(IpAddr, Duration),
    /// Undo [`Command::Install`].
    Remove(IpAddr),
    /// Answer a take.
    Give {
        /// Who asked.
        app: AppId,
        /// What it gets.
        address: IpAddr,
        /// How long it may send from the address.
        lifetime: Duration,
        /// The largest packet, bytes.
        mtu: u32,
    },
    /// Answer a take or a return in the negative.
    Refuse {
        /// Who asked.
        app: AppId,
        /// Why.
        message: String,
        /// When a new attempt may succeed; zero if it will not.
        retry_after: Duration,
        /// Whether that is because the stock is empty.
        empty: bool,
    },
    /// Answer a return.
    Returned(AppId),
    /// Tell an application to stop sending from an address.
    Expire(AppId, IpAddr),
}

/// A set of addresses as granted by the allocation server (MIMIQ §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// How long they may be sent from (t_ip).
    pub lifetime: Duration,
    /// How long after that packets to them are still delivered (t_remove).
    pub grace: Duration,
    /// The largest packet, bytes.
    pub mtu: u32,
}

/// A lease that an earlier daemon had, or a later one will find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The address.
    pub address: IpAddr,
    /// Until when it may be sent from.
    pub end: Instant,
    /// Until when packets to it are delivered.
    pub grace_end: Instant,
    /// The largest packet, bytes.
    pub mtu: u32,
}

/// How many free addresses to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// With fewer than this, more are acquired.
    pub low: u32,
    /// Up to this many.
    pub high: u32,
}
