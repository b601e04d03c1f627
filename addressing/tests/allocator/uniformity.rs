//! random-reuse: every draw is uniform over the free addresses, whatever was taken and given back before. Chi-square
//! tests with fixed seeds; the bounds are the 99.9% quantiles.

use std::collections::BTreeSet;
use std::net::IpAddr;

use mimiq_addressing::*;
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::common::*;

/// χ² of observations that should be equally frequent.
fn chi_square(observed: &[u32]) -> f64 {
    let expected = f64::from(observed.iter().sum::<u32>()) / observed.len() as f64;
    observed.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum()
}

const NO_WAIT: LeasePolicy = LeasePolicy {
    lifetime_min: ms(1_000),
    lifetime_max: ms(1_000_000),
    grace: ms(0),
    cool_down: ms(0),
    quota: u32::MAX,
};

/// Pools of one family with one SID; the free addresses are kept beside them.
struct Bench {
    pool: Pool,
    rng: ChaCha8Rng,
    demand: Demand,
    free: BTreeSet<IpAddr>,
    taken: BTreeSet<IpAddr>,
}

impl Bench {
    fn new(codecs: Vec<Codec>) -> Self {
        let mut rng = rng(7);
        let pool = with_sid(&mut rng, Pools::new(codecs.clone(), EPOCHS, NO_WAIT).unwrap());
        let demand = if codecs[0].family() == Family::V6 { v6(1) } else { v4(1) };
        let mut free = BTreeSet::new();
        for (id, codec) in (0..).map(PoolId).zip(codecs) {
            match codec {
                Codec::Naive(codec) => free.extend((0..codec.capacity()).map(|index| codec.encode(index))),
                Codec::Alias(codec) => {
                    for (_, _, alias) in pool.aliases().filter(|(pool, ..)| *pool == id) {
                        free.extend(
                            (0..1 << codec.random_bits()).map(|random| IpAddr::V6(codec.encode(alias, random))),
                        );
                    }
                }
            }
        }
        Self { pool, rng, demand, free, taken: BTreeSet::new() }
    }

    /// 128 addresses with two aliases.
    fn aliases() -> Self {
        Self::new(vec![alias(1, 26)])
    }

    /// Draws an address and returns its rank among the free ones.
    fn draw(&mut self) -> usize {
        let set = self.pool.acquire(Time::default(), &mut self.rng, 1, Sid(1), (1, 1), self.demand).unwrap();
        let address = set.addresses[0];
        let rank = self.free.range(..address).count();
        assert!(self.free.remove(&address));
        self.taken.insert(address);
        rank
    }

    fn give(&mut self, address: IpAddr) {
        self.pool.release(Time::default(), 1, address).unwrap();
        // Once through grace and once through cool-down.
        advance_obediently(&mut self.pool, Time::default());
        advance_obediently(&mut self.pool, Time::default());
        assert!(self.taken.remove(&address) && self.free.insert(address));
    }

    /// Draws from exactly `free` free addresses, again and again, giving back arbitrary ones in between, and counts the
    /// ranks of what comes.
    fn ranks(&mut self, free: usize, draws: usize) -> Vec<u32> {
        while self.free.len() > free {
            self.draw();
        }
        let mut ranks = vec![0; free];
        for _ in 0..draws {
            ranks[self.draw()] += 1;
            let given = *self.taken.iter().choose(&mut self.rng).unwrap();
            self.give(given);
        }
        ranks
    }
}

#[test]
fn uniform_when_nearly_empty() {
    // 128 addresses of which 4 are taken: 123 degrees of freedom.
    let ranks = Bench::aliases().ranks(124, 30_000);
    let chi_square = chi_square(&ranks);
    assert!(chi_square < 176.0, "χ² = {chi_square}");
}

#[test]
fn uniform_when_nearly_full() {
    // 128 addresses of which 5 are free: 4 degrees of freedom.
    let ranks = Bench::aliases().ranks(5, 20_000);
    let chi_square = chi_square(&ranks);
    assert!(chi_square < 18.5, "χ² = {chi_square}");
}

#[test]
fn uniform_over_several_pools() {
    // 2 × 32 + 2 × 8 + 32 addresses, of which 100 are free, in blocks of different sizes: 99 degrees of freedom.
    let pools = || vec![alias(1, 27), naive("2001:db8:1::20/123"), alias(2, 29)];
    let ranks = Bench::new(pools()).ranks(100, 30_000);
    let chi_square_free = chi_square(&ranks);
    assert!(chi_square_free < 148.3, "χ² = {chi_square_free}");
    // With ten left, most blocks are full: 9 degrees of freedom.
    let ranks = Bench::new(pools()).ranks(10, 20_000);
    let chi_square_full = chi_square(&ranks);
    assert!(chi_square_full < 27.9, "χ² = {chi_square_full}");
}

#[test]
fn uniform_at_99_percent() {
    // IPv4: 2046 + 254 addresses, of which 23 are free: 22 degrees of freedom.
    let ranks = Bench::new(vec![naive("10.0.0.0/21"), naive("192.0.2.0/24")]).ranks(23, 20_000);
    let chi_square_v4 = chi_square(&ranks);
    assert!(chi_square_v4 < 48.3, "χ² = {chi_square_v4}");
    // Aliases with 1024 addresses each, whose maps are made on the way: 2048, of which 20 are free.
    let ranks = Bench::new(vec![alias(1, 22)]).ranks(20, 20_000);
    let chi_square_v6 = chi_square(&ranks);
    assert!(chi_square_v6 < 43.9, "χ² = {chi_square_v6}");
}

#[test]
fn uniform_while_a_map_is_filled() {
    // 2 × 1024 numbers, of which from 2% to 30% is taken: the maps are made and filled on the way up, and
    // dropped on the way down. The free ones in 64 classes: 63 degrees of freedom.
    let mut bench = Bench::new(vec![alias(1, 22)]);
    let mut classes = [0; 64];
    for _ in 0..20 {
        for _ in 0..600 {
            let rank = bench.draw();
            classes[rank * 64 / (bench.free.len() + 1)] += 1;
        }
        while bench.taken.len() > 50 {
            let given = *bench.taken.iter().choose(&mut bench.rng).unwrap();
            bench.give(given);
        }
    }
    let chi_square = chi_square(&classes);
    assert!(chi_square < 103.5, "χ² = {chi_square}");
}

#[test]
fn a_fixed_address_given_back_is_no_likelier() {
    // Half full. What was given back last must come next with probability 1/64 as any other.
    let mut bench = Bench::aliases();
    while bench.free.len() > 63 {
        bench.draw();
    }
    let mut again = 0;
    for _ in 0..12_800 {
        let given = *bench.taken.iter().choose(&mut bench.rng).unwrap();
        bench.give(given);
        bench.draw();
        again += u32::from(bench.taken.contains(&given));
    }
    // Binomial(12800, 1/64): mean 200, standard deviation 14.
    assert!((154..=246).contains(&again), "{again} of 12800");
}

#[test]
fn sparse_pool_uses_all_random_bits() {
    let codec = AliasCodec::new("2001:db8:0:1::/64".parse().unwrap(), 16).unwrap();
    let mut rng = rng(11);
    let mut pool = with_sid(&mut rng, Pools::new(vec![Codec::Alias(codec)], EPOCHS, NO_WAIT).unwrap());
    let mut ones = [0u32; 48];
    let draws = 20_000;
    for _ in 0..draws / 100 {
        for address in pool.acquire(Time::default(), &mut rng, 1, Sid(1), (1, 1), v6(100)).unwrap().addresses {
            let lease = pool.get(address).unwrap();
            let IpAddr::V6(address) = address else { unreachable!("{address}") };
            let (decoded, random) = codec.decode(address).unwrap();
            assert_eq!(lease.alias, Some(decoded));
            ones.iter_mut().enumerate().for_each(|(bit, ones)| *ones += (random >> bit & 1) as u32);
        }
    }
    // Sum of 48 squared standard normal variables, if the bits are fair and independent.
    let fair = |ones: &u32| (f64::from(*ones) - f64::from(draws) / 2.0).powi(2) / (f64::from(draws) / 4.0);
    let chi_square: f64 = ones.iter().map(fair).sum();
    assert!(chi_square < 84.1, "χ² = {chi_square}");
}

#[test]
fn lifetimes_are_uniform_in_their_range() {
    let leases = LeasePolicy { lifetime_min: ms(10), lifetime_max: ms(29), ..NO_WAIT };
    let mut rng = rng(13);
    let mut pool = pool_with_sid(&mut rng, 4, EpochPolicy { t_sid: ms(1_000), k: 1, aliases_per_sid: 1 }, leases);
    let mut counts = [0; 20];
    for _ in 0..10_000 {
        let set = pool.acquire(Time::default(), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap();
        counts[set.lifetime.as_millis() as usize - 10] += 1;
    }
    let chi_square = chi_square(&counts);
    assert!(chi_square < 43.9, "χ² = {chi_square}");
}

#[test]
fn aliases_are_uniform() {
    // A SID's first alias is any of 64: 63 degrees of freedom.
    let mut rng = rng(17);
    let mut counts = [0; 64];
    let epochs = EpochPolicy { t_sid: ms(1_000), k: 1, aliases_per_sid: 1 };
    for _ in 0..12_800 {
        let leases = LeasePolicy { lifetime_max: ms(1_000), ..NO_WAIT };
        let mut pool = pool(6, epochs, leases);
        let sid = Sid(rng.random());
        counts[pool.add_sid(Time::default(), &mut rng, sid).unwrap().aliases[0].2.0 as usize] += 1;
    }
    let chi_square = chi_square(&counts);
    assert!(chi_square < 103.5, "χ² = {chi_square}");
}
