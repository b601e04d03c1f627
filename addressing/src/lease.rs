use std::{net::Ipv6Addr, time::Duration};

use crate::{Alias, Sid, Time};

/// Where an address is between being drawn and being free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseState {
    /// The client may send from it.
    Leased,
    /// The lease has ended; packets to it are still delivered, for t_remove.
    Grace,
    /// The switches are to delete its rules and have not confirmed it.
    Removing,
    /// No rule is left; it rests before its next use.
    Cooling,
}

/// An address that is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease<C, L> {
    /// The address.
    pub address: Ipv6Addr,
    /// The SID alias in it.
    pub alias: Alias,
    /// Who has it; `None` while cooling, and if it was adopted and nobody knows.
    pub client: Option<C>,
    /// Where its client is, as the caller said.
    pub location: L,
    /// What it is waiting for.
    pub state: LeaseState,
    /// When this state ends by itself; does not apply to [`LeaseState::Removing`].
    pub deadline: Time,
}

/// Addresses given to a client at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSet {
    /// The addresses and the SID alias in each.
    pub addresses: Vec<(Ipv6Addr, Alias)>,
    /// When the lease ends. A reply that takes time should state the rest, not [`lifetime`](Self::lifetime).
    pub expires: Time,
    /// t_ip.
    pub lifetime: Duration,
}

/// What the caller has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<C, L> {
    /// The lifetime has ended and the grace begun: tell the agent.
    Expired(Lease<C, L>),
    /// The grace has ended: delete the address's rules from the switches, then call
    /// [`rules_removed`](crate::AliasPool::rules_removed).
    RemoveRules(Lease<C, L>),
    /// The address can be drawn again.
    Freed(Ipv6Addr),
    /// Nothing uses the alias any more: delete it from every edge switch, then call
    /// [`alias_deleted`](crate::AliasPool::alias_deleted).
    DeleteAlias {
        /// Whose alias it was.
        sid: Sid,
        /// The alias.
        alias: Alias,
    },
}

/// Why no address was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An empty set.
    #[error("count = 0: must be at least 1")]
    Empty,
    /// The client would have rules for too many addresses.
    #[error("count = {count}: the client has {held} addresses, its grace included, of a quota of {quota}")]
    Quota {
        /// What was asked for.
        count: u32,
        /// What it has: leased, in grace, or not yet removed.
        held: u32,
        /// [`LeasePolicy::quota`](crate::LeasePolicy::quota).
        quota: u32,
    },
    /// Fewer addresses are free than asked for.
    #[error("count = {count}: {free} addresses are free")]
    Exhausted {
        /// What was asked for.
        count: u32,
        /// What is free under the SID's usable aliases.
        free: u128,
        /// The soonest that another address can be free; `None` if trying again will not help.
        retry_after: Option<Duration>,
    },
    /// The pool is in quarantine after a restart.
    #[error("the pool is in quarantine for {retry_after:?}")]
    Quarantine {
        /// When it ends.
        retry_after: Duration,
    },
    /// No client-facing switch with this SID was added.
    #[error("sid = {0}: is unknown")]
    UnknownSid(Sid),
    /// The SID's first aliases are not confirmed yet.
    #[error("sid = {0}: the edge switches have not confirmed its aliases")]
    NoAlias(Sid),
}

/// The client has no lease of this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is not leased to the client")]
pub struct NotHeld;

/// Why a lease was not renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RenewError {
    /// No address was named.
    #[error("addresses: none is named")]
    Empty,
    /// At least one address is not leased to the client.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// An address's alias is being retired. Were such a lease prolonged, its alias could never go; the client can
    /// acquire a new address.
    #[error("the SID alias of an address ends too soon")]
    AliasRetired,
}

/// How many addresses are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Occupancy {
    /// [`LeaseState::Leased`].
    pub leased: usize,
    /// [`LeaseState::Grace`].
    pub grace: usize,
    /// [`LeaseState::Removing`].
    pub removing: usize,
    /// [`LeaseState::Cooling`].
    pub cooling: usize,
}
