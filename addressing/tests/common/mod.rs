//! What the tests share: small pools, and a generator that would make a careless allocator collide.
#![allow(dead_code)] // each test binary uses its part

use std::time::Duration;

use mimiq_addressing::*;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) type Client = u8;
/// Where the client is; the pool only hands it back.
pub(crate) type Location = (u16, u16);
pub(crate) type Pool = Pools<Client, Location>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const LEASES: LeasePolicy =
    LeasePolicy { lifetime_min: ms(5), lifetime_max: ms(30), grace: ms(10), cool_down: ms(15), quota: 6 };
pub(crate) const EPOCHS: EpochPolicy = EpochPolicy { t_sid: ms(40), k: 2, aliases_per_sid: 2 };

/// The only pool of most tests.
pub(crate) const HOME: PoolId = PoolId(0);

pub(crate) const fn v6(count: u32) -> Demand {
    Demand { v6: count, v4: 0 }
}

pub(crate) const fn v4(count: u32) -> Demand {
    Demand { v6: 0, v4: count }
}

/// Number `n` of alias pools behind a /96: `alias_bits` of the other 32 bits are the alias.
pub(crate) fn alias(n: u16, alias_bits: u8) -> Codec {
    Codec::Alias(AliasCodec::new(format!("2001:db8:0:{n:x}::/96").parse().unwrap(), alias_bits).unwrap())
}

pub(crate) fn naive(prefix: &str) -> Codec {
    Codec::Naive(NaiveCodec::new(prefix.parse().unwrap()).unwrap())
}

/// One alias pool.
pub(crate) fn pool(alias_bits: u8, epochs: EpochPolicy, leases: LeasePolicy) -> Pool {
    Pools::new(vec![alias(1, alias_bits)], epochs, leases).unwrap()
}

/// The pools with one SID, number 1, whose aliases are confirmed.
pub(crate) fn with_sid(rng: &mut ChaCha8Rng, mut pool: Pool) -> Pool {
    let new = pool.add_sid(Time::default(), rng, Sid(1)).unwrap();
    assert_eq!(pool.confirm(Time::default(), new.epoch), !new.aliases.is_empty());
    pool
}

/// One alias pool with one SID, number 1, whose aliases are confirmed.
pub(crate) fn pool_with_sid(rng: &mut ChaCha8Rng, alias_bits: u8, epochs: EpochPolicy, leases: LeasePolicy) -> Pool {
    with_sid(rng, pool(alias_bits, epochs, leases))
}

/// Events of one step, with every order carried out at once.
pub(crate) fn advance_obediently(pool: &mut Pool, now: Time) -> Vec<Event<Client, Location>> {
    let mut events = Vec::new();
    pool.advance(now, &mut events);
    for event in &events {
        match event {
            Event::RemoveRules(lease) => assert!(pool.rules_removed(now, lease.address)),
            Event::DeleteAlias { pool: id, alias, .. } => assert!(pool.alias_deleted(now, *id, *alias)),
            Event::Expired(_) | Event::Freed(_) => {}
        }
    }
    events
}

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Only the highest three bits of each word are random: draws repeat all the time, and what must not collide would.
pub(crate) struct LowEntropy(pub(crate) ChaCha8Rng);

impl RngCore for LowEntropy {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32() & 0xe000_0000
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64() & 0xe000_0000_0000_0000
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

impl CryptoRng for LowEntropy {}
