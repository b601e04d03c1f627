//! The three things the pipeline does most, each with the table that grows.

use std::net::Ipv6Addr;

use rand::{Rng as _, rngs::StdRng};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A client's packet on its way out; `source_guard_v6` grows.
    SourceGuard,
    /// A packet from the Internet at the edge; `alias` grows.
    Alias,
    /// A tunnelled packet at the client-facing switch; `client_v6` grows.
    Delivery,
}

impl Work {
    pub(super) const ALL: [Self; 3] = [Self::SourceGuard, Self::Alias, Self::Delivery];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SourceGuard => "source guard",
            Self::Alias => "alias look-up, encapsulation",
            Self::Delivery => "decapsulation, delivery",
        }
    }

    /// As many different addresses of clients as entries are wanted: below the pool's /40, which leaves 24 bits for the
    /// alias, random.
    pub(super) fn addresses(self, entries: usize, rng: &mut StdRng) -> Vec<Ipv6Addr> {
        let pool = super::network::POOL.to_bits();
        // Multiplying by an odd number permutes the aliases, so that all are different and none is next to the one before.
        let alias = |i: usize| ((i as u128 * 0x9e_3779) & 0xff_ffff) << 64;
        (0..entries).map(|i| Ipv6Addr::from_bits(pool | alias(i) | u128::from(rng.random::<u64>()))).collect()
    }
}
