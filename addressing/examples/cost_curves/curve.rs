//! One pool, filled step by step.

use std::{
    error::Error,
    net::IpAddr,
    time::{Duration, Instant},
};

use mimiq_addressing::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// In tenths of a percent.
const OCCUPANCIES: [u64; 7] = [0, 100, 500, 900, 990, 999, 1000];
/// How many addresses are measured at an occupancy, and how many of them at most in one go.
const MEASURED: u64 = 50_000;
const BATCH: u64 = 256;

const LEASES: LeasePolicy = LeasePolicy {
    lifetime_min: Duration::from_secs(300),
    lifetime_max: Duration::from_secs(900),
    grace: Duration::from_millis(1),
    cool_down: Duration::from_millis(1),
    quota: 256,
};

/// A client's SID, port and MAC, as large as the controller's.
type Location = (u16, u16, [u8; 6]);

/// A pool, and who has which address.
pub(crate) struct Curve {
    name: &'static str,
    family: Family,
    pools: Pools<u32, Location>,
    rng: StdRng,
    now: Time,
    size: u64,
    leased: Vec<(u32, IpAddr)>,
    last_client: u32,
    events: Vec<Event<u32, Location>>,
}

impl Curve {
    pub(crate) fn new(name: &'static str, codec: Codec, aliases_per_sid: u32) -> Result<Self, Box<dyn Error>> {
        let epochs = EpochPolicy { t_sid: Duration::from_secs(86_400), k: 2, aliases_per_sid };
        let mut pools = Pools::new(vec![codec], epochs, LEASES)?;
        let (now, mut rng) = (Time::default(), StdRng::seed_from_u64(1));
        let new = pools.add_sid(now, &mut rng, Sid(1))?;
        pools.confirm(now, new.epoch);
        let family = codec.family();
        let size = u64::try_from(pools.free_for(Sid(1), family))?;
        let (leased, events) = (Vec::new(), Vec::new());
        Ok(Self { name, family, pools, rng, now, size, leased, last_client: 0, events })
    }

    /// Measures at each occupancy, and then how all leases expire.
    pub(crate) fn run(mut self) -> Result<(), Box<dyn Error>> {
        for tenths in OCCUPANCIES {
            let wanted = self.size * tenths / 1000;
            while (self.leased.len() as u64) < wanted {
                self.acquire(1)?;
            }
            if wanted < self.size {
                self.measure(tenths)?;
            } else {
                self.measure_refusals(tenths);
            }
        }
        self.measure_expiry();
        Ok(())
    }

    fn measure(&mut self, tenths: u64) -> Result<(), Box<dyn Error>> {
        let free = self.size - self.leased.len() as u64;
        // Few at a time, so that the occupancy stays what it is said to be.
        let batch = (free / 8).clamp(1, BATCH).min(self.size / 50);
        let (mut acquiring, mut releasing) = (Vec::new(), Vec::new());
        for _ in 0..MEASURED / batch {
            acquiring.push(self.acquire(batch)?.as_nanos() as u64 / batch);
            releasing.push(self.release(batch)?.as_nanos() as u64 / batch);
        }
        self.print(tenths, "acquire", median(acquiring));
        self.print(tenths, "release", median(releasing));
        Ok(())
    }

    /// Each client asks for one address; only that is timed.
    fn acquire(&mut self, count: u64) -> Result<Duration, Refusal> {
        let demand = match self.family {
            Family::V6 => Demand { v6: 1, v4: 0 },
            Family::V4 => Demand { v6: 0, v4: 1 },
        };
        let start = Instant::now();
        for _ in 0..count {
            self.last_client = self.last_client.wrapping_add(1);
            let client = self.last_client;
            let set = self.pools.acquire(self.now, &mut self.rng, client, Sid(1), (1, 1, [0; 6]), demand)?;
            self.leased.extend(set.addresses.into_iter().map(|address| (client, address)));
        }
        Ok(start.elapsed())
    }

    /// Arbitrary leases, from the release until the addresses are free again.
    fn release(&mut self, count: u64) -> Result<Duration, NotHeld> {
        let mut given = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let nth = self.rng.random_range(0..self.leased.len());
            given.push(self.leased.swap_remove(nth));
        }
        let start = Instant::now();
        for (client, address) in given {
            self.pools.release(self.now, client, address)?;
        }
        for _ in 0..2 {
            self.pass(1);
        }
        Ok(start.elapsed())
    }

    /// Time passes; what is to be done is done at once. Returns how many addresses have become free.
    fn pass(&mut self, millis: u64) -> u64 {
        self.now = self.now + Duration::from_millis(millis);
        self.pools.advance(self.now, &mut self.events);
        let mut freed = 0;
        for event in self.events.drain(..) {
            match event {
                Event::RemoveRules(lease) => {
                    self.pools.rules_removed(self.now, lease.address);
                }
                Event::Freed(_) => freed += 1,
                Event::Expired(_) | Event::DeleteAlias { .. } => {}
            }
        }
        freed
    }

    fn measure_refusals(&mut self, tenths: u64) {
        let demand = Demand { v6: u32::from(self.family == Family::V6), v4: u32::from(self.family == Family::V4) };
        let mut refusing = Vec::new();
        for _ in 0..MEASURED / BATCH {
            let start = Instant::now();
            for _ in 0..BATCH {
                self.last_client = self.last_client.wrapping_add(1);
                let location = (1, 1, [0; 6]);
                let refused = self.pools.acquire(self.now, &mut self.rng, self.last_client, Sid(1), location, demand);
                assert!(matches!(refused, Err(Refusal::Exhausted { .. })), "{refused:?}");
            }
            refusing.push(start.elapsed().as_nanos() as u64 / BATCH);
        }
        self.print(tenths, "refuse", median(refusing));
    }

    /// The pool is full, and nobody gives anything back: about a hundred expire at a time, until all are free.
    fn measure_expiry(&mut self) {
        let step = LEASES.lifetime_max.as_millis() as u64 * 100 / self.size;
        let mut left = self.leased.len() as u64;
        let start = Instant::now();
        while left > 0 {
            left -= self.pass(step.max(1));
        }
        self.print(1000, "expire", start.elapsed().as_nanos() as u64 / self.leased.len() as u64);
    }

    fn print(&self, tenths: u64, what: &str, nanos: u64) {
        println!("{}.{}.{}%.{what} {nanos} ns", self.name, self.size, tenths as f64 / 10.0);
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
