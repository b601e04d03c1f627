use std::time::Duration;

use crate::{Family, Sid};

/// Why no address was given. Which of several reasons is named first is this list's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No client-facing switch with this SID was added.
    #[error("sid = {0}: is unknown")]
    UnknownSid(Sid),
    /// An empty set.
    #[error("count = 0: must be at least 1")]
    Empty,
    /// The client would have rules for too many addresses.
    #[error("count = {count}: the client has {held} addresses, its grace included, of a quota of {quota}")]
    Quota {
        /// What was asked for, of both families.
        count: u64,
        /// What it has: leased, in grace, or not yet removed.
        held: u32,
        /// [`LeasePolicy::quota`](crate::LeasePolicy::quota).
        quota: u32,
    },
    /// There is no pool of this family.
    #[error("{0}: there is no pool")]
    NoPool(Family),
    /// The family has alias pools only, and the SID's first aliases are not confirmed yet.
    #[error("sid = {0}: the edge switches have not confirmed its aliases")]
    NoAlias(Sid),
    /// All pools of the family are in quarantine after a restart.
    #[error("{family}: the pools are in quarantine for {retry_after:?}")]
    Quarantine {
        /// The pools' family.
        family: Family,
        /// When the first of them ends.
        retry_after: Duration,
    },
    /// Fewer addresses are free than asked for.
    #[error("{family} = {count}: {free} addresses are free")]
    Exhausted {
        /// The family that is exhausted.
        family: Family,
        /// What was asked for of it.
        count: u32,
        /// What the SID can use of it now.
        free: u128,
        /// The soonest that another address can be free; `None` if trying again will not help.
        retry_after: Option<Duration>,
    },
    /// The client has addresses already, and clients without any wait for those that are or become free.
    #[error("{family} = {count}: the client has {held} addresses, and {waiting} clients that have none wait for one")]
    Fairness {
        /// The family that is scarce.
        family: Family,
        /// What was asked for of it.
        count: u32,
        /// What the client has, as for [`Quota`](Self::Quota).
        held: u32,
        /// How many clients wait.
        waiting: u32,
        /// When those have been served or have given up, if no other comes.
        retry_after: Duration,
    },
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

/// Why an address was not adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// No pool gives it out.
    #[error("the address is in no pool")]
    NotInPool,
    /// It is not free.
    #[error("the address is taken")]
    Taken,
}
