//! Whether a set or its refusal is right: no-collision, quotas, quarantine, fairness.

use mimiq_addressing::*;

use crate::{common::*, reference::*};

/// The pools' own, after the retry time.
const PATIENCE: u64 = 5_000;

impl Model {
    pub(crate) fn acquire(&mut self, now: Time, client: Client, sid: Sid, demand: Demand) {
        let held = self.held(client) as u32;
        let location = (sid.0, u16::from(client));
        let expected = self.refusal(client, sid, demand);
        let result = self.pool.acquire(now, &mut self.rng, client, sid, location, demand);
        if let Some(expected) = expected {
            let refusal = result.unwrap_err();
            // When the next is free is not modelled, but it bounds how long someone waits.
            if let Refusal::Exhausted { family, count, free, retry_after } = refusal {
                assert_eq!(Refusal::Exhausted { family, count, free, retry_after: None }, expected);
                let retry_after = self.check_retry(sid, family, count, retry_after);
                if let (0, Some(retry)) = (held, retry_after) {
                    let until = self.now + retry + PATIENCE;
                    self.waiting.insert((client, family), Waiter { sid, count, until });
                }
            } else if let Refusal::Fairness { family, count, held, waiting, retry_after } = refusal {
                assert!(retry_after > ms(0));
                let retry_after = ms(0);
                assert_eq!(Refusal::Fairness { family, count, held, waiting, retry_after }, expected);
            } else {
                assert_eq!(refusal, expected);
            }
            return;
        }
        let set = result.unwrap();
        assert!((self.leases.lifetime_min..=self.leases.lifetime_max).contains(&set.lifetime));
        let expires = set.expires.as_millis();
        assert_eq!(expires, self.now + millis(set.lifetime));
        let families: Vec<bool> = set.addresses.iter().map(|address| address.is_ipv4()).collect();
        assert_eq!(families, [vec![false; demand.v6 as usize], vec![true; demand.v4 as usize]].concat());
        let usable = self.usable(sid);
        for address in set.addresses {
            assert!(self.reaches(&usable, address), "{address} has an alias that is not usable");
            assert!(!self.is_quarantined(self.pool_of(address).0));
            let before = self.addresses.insert(address, (Some(client), location, Address::Leased { expires }));
            assert_eq!(before, None, "no-collision: {address} was not free");
        }
        self.waiting.retain(|(waiter, _), _| *waiter != client);
    }

    /// With times to try again left out.
    fn refusal(&self, client: Client, sid: Sid, demand: Demand) -> Option<Refusal> {
        if !self.sids.contains(&sid) {
            return Some(Refusal::UnknownSid(sid));
        }
        let (held, quota) = (self.held(client) as u32, self.leases.quota);
        let count = u64::from(demand.v6 + demand.v4);
        if count == 0 {
            return Some(Refusal::Empty);
        }
        if u64::from(held) + count > u64::from(quota) {
            return Some(Refusal::Quota { count, held, quota });
        }
        let wanted = [(Family::V6, demand.v6), (Family::V4, demand.v4)];
        wanted.into_iter().filter(|(_, count)| *count > 0).find_map(|(family, count)| {
            let pools: Vec<PoolId> =
                self.codecs().filter(|(_, c)| c.family() == family).map(|(pool, _)| pool).collect();
            if pools.is_empty() {
                return Some(Refusal::NoPool(family));
            }
            let reached: Vec<PoolId> = pools.into_iter().filter(|pool| self.room(sid, *pool).is_some()).collect();
            if reached.is_empty() {
                return Some(Refusal::NoAlias(sid));
            }
            let open: Vec<PoolId> = reached.iter().copied().filter(|pool| !self.is_quarantined(*pool)).collect();
            if open.is_empty() {
                let end = reached.iter().map(|pool| self.quarantine[pool]).min().unwrap();
                return Some(Refusal::Quarantine { family, retry_after: ms(end - self.now) });
            }
            let free: u128 = open.iter().filter_map(|pool| self.room(sid, *pool)).map(|(_, free)| free).sum();
            if u128::from(count) > free {
                return Some(Refusal::Exhausted { family, count, free, retry_after: None });
            }
            self.unfair(held, sid, family, count, &open)
        })
    }

    /// fairness: who has addresses leaves those that are free to those who have none and wait.
    fn unfair(&self, held: u32, sid: Sid, family: Family, count: u32, open: &[PoolId]) -> Option<Refusal> {
        let is_naive = |pool: &PoolId| matches!(self.pool.codecs()[usize::from(pool.0)], Codec::Naive(_));
        let shared = self.codecs().any(|(pool, codec)| codec.family() == family && is_naive(&pool));
        let competes =
            |f: Family, waiter: &Waiter| f == family && waiter.until > self.now && (shared || waiter.sid == sid);
        let crowd: Vec<u32> = self
            .waiting
            .iter()
            .filter(|((_, f), waiter)| competes(*f, waiter))
            .map(|(_, waiter)| waiter.count)
            .collect();
        let contested = open.iter().filter(|pool| !shared || is_naive(pool));
        let free: u128 = contested.filter_map(|pool| self.room(sid, *pool)).map(|(_, free)| free).sum();
        let wanted = u128::from(crowd.iter().sum::<u32>() + count);
        let waiting = crowd.len() as u32;
        (held > 0 && waiting > 0 && free < wanted).then_some(Refusal::Fairness {
            family,
            count,
            held,
            waiting,
            retry_after: ms(0),
        })
    }

    /// A time to try again is given if there can ever be enough, and is not later than the first address comes.
    fn check_retry(&self, sid: Sid, family: Family, count: u32, told: Option<std::time::Duration>) -> Option<u64> {
        let of_family = || self.codecs().filter(|(_, codec)| codec.family() == family).map(|(pool, _)| pool);
        let capacity: u128 = of_family().filter_map(|pool| self.room(sid, pool)).map(|(size, _)| size).sum();
        assert_eq!(told.is_some(), u128::from(count) <= capacity);
        let told = told?;
        assert!(told >= ms(1));
        let usable = self.usable(sid);
        let mine =
            |address: &std::net::IpAddr| address.is_ipv4() == (family == Family::V4) && self.reaches(&usable, *address);
        let (grace, cool_down) = (millis(self.leases.grace), millis(self.leases.cool_down));
        let free = self.addresses.iter().filter(|(address, _)| mine(address)).map(|(_, (_, _, state))| match state {
            Address::Leased { expires } => expires.max(&self.now) + grace + cool_down,
            Address::Grace { since } => since + grace + cool_down,
            Address::Removing => self.now + cool_down,
            Address::Cooling { since } => since + cool_down,
        });
        let quarantined = of_family().filter(|pool| self.is_quarantined(*pool) && self.room(sid, *pool).is_some());
        let soonest = free.chain(quarantined.map(|pool| self.quarantine[&pool])).min().unwrap();
        assert!(millis(told) <= soonest.saturating_sub(self.now).max(1), "{told:?} but one is free at {soonest}");
        Some(millis(told))
    }
}
