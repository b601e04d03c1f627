use std::fmt;

use crate::PoolId;

/// The identifier of a client-facing switch (MIMIQ §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid(pub u16);

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A SID alias (MIMIQ §3.3): the random number that stands for a client-facing switch in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(pub u32);

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Names the aliases that were drawn together, until they are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub(crate) u64);

/// Aliases to enter at every edge switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAliases {
    /// To be confirmed when every edge switch has them.
    pub epoch: Epoch,
    /// The aliases, their pools, and whose they are. None if there is no alias pool; the epoch needs no confirmation then.
    pub aliases: Vec<(PoolId, Sid, Alias)>,
}

/// Why aliases were not drawn, adopted or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// The SID is there already.
    #[error("sid = {0}: was added already")]
    SidExists(Sid),
    /// No such SID was added.
    #[error("sid = {0}: is unknown")]
    UnknownSid(Sid),
    /// There is no such pool, or it has no aliases.
    #[error("pool = {0}: is no alias pool")]
    NoAliasPool(PoolId),
    /// The alias space of a pool cannot hold the aliases that are valid or rest at a time.
    #[error(
        "pool {pool}: alias_bits give {available} aliases: {sids} SIDs need {needed} each; widen the alias, or lower \
             aliases_per_sid, k or the lifetimes"
    )]
    SpaceTooSmall {
        /// The pool.
        pool: PoolId,
        /// SIDs, the new one included.
        sids: u64,
        /// Aliases that one keeps out of the space.
        needed: u64,
        /// Size of the space.
        available: u64,
    },
    /// Fewer aliases are free now than a new epoch needs: old ones are in use, not deleted, or rest. The old epoch stays.
    #[error("pool {pool}: {needed} aliases are needed and {free} are free: old ones are not yet deleted or still rest")]
    Exhausted {
        /// The pool.
        pool: PoolId,
        /// Aliases of a new epoch.
        needed: u64,
        /// Aliases that can be drawn.
        free: u64,
    },
    /// The alias does not fit its bits.
    #[error("pool {pool}: alias = {alias}: must be less than {available}")]
    OutOfRange {
        /// The pool.
        pool: PoolId,
        /// The alias.
        alias: Alias,
        /// Size of the space.
        available: u64,
    },
    /// The alias belongs to a SID, or rests.
    #[error("pool {pool}: alias = {alias}: is taken")]
    Taken {
        /// The pool.
        pool: PoolId,
        /// The alias.
        alias: Alias,
    },
}
