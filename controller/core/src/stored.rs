use std::{collections::BTreeSet, net::Ipv6Addr};

use mimiq_addressing::{Alias, AliasCodec, Codec, PoolId};

use crate::Core;

/// What must survive a restart. Leases are not among it: they are read back from the switches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The client-facing switches that may ever have had leases.
    pub sids: BTreeSet<u16>,
    /// Every alias that may be in an address, or must rest.
    pub aliases: Vec<StoredAlias>,
    /// A client-facing switch had lost its entries while no controller was there: addresses may be in use that nobody
    /// knows of. So it is until the longest lease has ended.
    pub emptied: bool,
    /// Client-facing switches whose entries are not to be believed: they were out of reach until their leases had ended, or
    /// the operator removed them while they were. Their addresses may be others' by now.
    pub stale: BTreeSet<u16>,
    /// Names of the edge switches that have all aliases in use; others join them when they have been put right.
    pub edges: BTreeSet<String>,
    /// Names of the switches that the operator has drained.
    pub drained: BTreeSet<String>,
}

/// An alias in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredAlias {
    /// Prefix ‖ alias, the other bits zero.
    pub prefix: Ipv6Addr,
    /// Whose it is.
    pub sid: u16,
    /// Whether new addresses may have it.
    pub phase: Phase,
}

/// What an alias is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// For new addresses; every edge switch has it.
    Usable,
    /// Perhaps for old addresses, never for new ones.
    Old,
}

impl Core {
    /// The pool and the alias of an entry's key or a stored prefix; `None` if no pool has such.
    pub(crate) fn alias_at(&self, prefix: Ipv6Addr) -> Option<(PoolId, Alias)> {
        self.alias_codecs().find_map(|(pool, codec)| match codec.decode(prefix) {
            Some((alias, 0)) => Some((pool, alias)),
            _ => None,
        })
    }

    pub(crate) fn alias_codecs(&self) -> impl Iterator<Item = (PoolId, &AliasCodec)> {
        self.settings.pools.iter().enumerate().filter_map(|(n, pool)| match &pool.codec {
            Codec::Alias(codec) => Some((PoolId(n as u16), codec)),
            Codec::Naive(_) => None,
        })
    }

    /// Prefix ‖ alias; the unspecified address if the pool has no aliases, which cannot be.
    pub(crate) fn alias_prefix(&self, pool: PoolId, alias: Alias) -> Ipv6Addr {
        match self.settings.pools.get(usize::from(pool.0)).map(|pool| &pool.codec) {
            Some(Codec::Alias(codec)) => codec.alias_prefix(alias),
            Some(Codec::Naive(_)) | None => Ipv6Addr::UNSPECIFIED,
        }
    }
}
