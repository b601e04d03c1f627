use std::{net::IpAddr, time::Duration};

use crate::{Alias, PoolId, Sid, Time};

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
    pub address: IpAddr,
    /// Its pool.
    pub pool: PoolId,
    /// The SID alias in it; `None` in a naive pool.
    pub alias: Option<Alias>,
    /// Who has it; `None` while cooling, and if it was adopted and nobody knows.
    pub client: Option<C>,
    /// Where its client is, as the caller said.
    pub location: L,
    /// What it is waiting for.
    pub state: LeaseState,
    /// When this state ends by itself; does not apply to [`LeaseState::Removing`].
    pub deadline: Time,
}

/// How many addresses of each family are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// IPv6 addresses.
    pub v6: u32,
    /// IPv4 addresses.
    pub v4: u32,
}

/// Addresses given to a client at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSet {
    /// The addresses: first those of IPv6, then those of IPv4.
    pub addresses: Vec<IpAddr>,
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
    /// [`rules_removed`](crate::Pools::rules_removed).
    RemoveRules(Lease<C, L>),
    /// The address can be drawn again.
    Freed(IpAddr),
    /// Nothing uses the alias any more: delete it from every edge switch, then call
    /// [`alias_deleted`](crate::Pools::alias_deleted).
    DeleteAlias {
        /// The alias's pool.
        pool: PoolId,
        /// Whose alias it was.
        sid: Sid,
        /// The alias.
        alias: Alias,
    },
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

/// [`Occupancy`] of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolOccupancy {
    /// How many addresses are in each state.
    pub occupancy: Occupancy,
    /// How many addresses the pool has, whatever their alias.
    pub capacity: u128,
}
