//! Each operation on the pools and on the model, and whether the pools' answer is right.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use mimiq_addressing::*;

use crate::{common::*, ops::Op, reference::*};

impl Model {
    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Wait(time) | Op::ClockForward(time) => return self.shown += time,
            Op::ClockBack(time) => return self.shown = self.shown.saturating_sub(time),
            _ => {}
        }
        let now = self.clock();
        // The pools see the time even if the operation finds nothing to work on.
        assert!(!self.pool.rules_removed(now, Ipv6Addr::UNSPECIFIED.into()));
        let clock = self.now;
        let any = |n| nth(self.addresses.keys().copied(), n);
        match op {
            Op::AddSid(sid) => {
                let sid = Sid(sid);
                let result = self.pool.add_sid(now, &mut self.rng, sid);
                let count = u64::from(self.epochs.aliases_per_sid);
                if self.sids.contains(&sid) {
                    assert_eq!(result, Err(AliasError::SidExists(sid)));
                } else if let Some(pool) = self.too_small(sid) {
                    assert!(matches!(result, Err(AliasError::SpaceTooSmall { pool: p, .. }) if p == pool));
                } else if let Some((pool, free)) = self.free_aliases().into_iter().find(|(_, free)| *free < count) {
                    assert_eq!(result, Err(AliasError::Exhausted { pool, needed: count, free }));
                } else {
                    self.sids.insert(sid);
                    self.draw(result.unwrap(), &[sid]);
                }
            }
            Op::RemoveSid(sid) => {
                let sid = Sid(sid);
                assert_eq!(self.pool.remove_sid(now, sid).is_ok(), self.sids.remove(&sid));
                for (_, state) in self.aliases.values_mut().filter(|(s, _)| *s == sid) {
                    match state {
                        AliasState::Usable => *state = AliasState::Retained { since: clock },
                        AliasState::Pending(_) => *state = AliasState::Abandoned,
                        _ => {}
                    }
                }
            }
            Op::Rotate => {
                let pending = |sid: &Sid| {
                    self.aliases.values().any(|(s, state)| s == sid && matches!(state, AliasState::Pending(_)))
                };
                let sids: Vec<Sid> = self.sids.iter().copied().filter(|sid| !pending(sid)).collect();
                let needed = sids.len() as u64 * u64::from(self.epochs.aliases_per_sid);
                let short = self.free_aliases().into_iter().find(|(_, free)| *free < needed);
                let result = self.pool.rotate(now, &mut self.rng);
                match short {
                    None => self.draw(result.unwrap(), &sids),
                    Some((pool, free)) => assert_eq!(result, Err(AliasError::Exhausted { pool, needed, free })),
                }
            }
            Op::Confirm(n) => {
                let pending = self.aliases.values().filter_map(|(_, state)| match state {
                    AliasState::Pending(epoch) => Some(*epoch),
                    _ => None,
                });
                let Some(epoch) = nth(pending, n) else { return };
                assert!(self.pool.confirm(now, epoch));
                let confirmed = self.aliases.values().filter(|(_, state)| *state == AliasState::Pending(epoch));
                let sids: BTreeSet<Sid> = confirmed.map(|(sid, _)| *sid).collect();
                for (sid, state) in self.aliases.values_mut().filter(|(sid, _)| sids.contains(sid)) {
                    match state {
                        AliasState::Usable => *state = AliasState::Retained { since: clock },
                        AliasState::Pending(_) if sids.contains(sid) => *state = AliasState::Usable,
                        _ => {}
                    }
                }
                assert!(!self.pool.confirm(now, epoch), "{epoch:?} was confirmed twice");
            }
            Op::AdoptAlias { pool, sid, alias, resume } => {
                self.adopt_alias(now, PoolId(pool), Sid(sid), Alias(alias), resume);
            }
            Op::Acquire { client, sid, demand } => self.acquire(now, client, Sid(sid), demand),
            Op::Release { client, nth } => {
                let Some(address) = any(nth) else { return };
                let held = self.leased_to(client, address);
                assert_eq!(self.pool.release(now, client, address).is_ok(), held);
                if held {
                    self.addresses.get_mut(&address).unwrap().2 = Address::Grace { since: clock };
                }
            }
            Op::Renew { client, nth, many } => {
                let Some(address) = any(nth) else { return };
                self.renew(now, client, if many { self.addresses.keys().copied().collect() } else { vec![address] });
            }
            Op::Revoke(nth) => {
                let Some(address) = any(nth) else { return };
                let (client, location, state) = self.addresses.get_mut(&address).unwrap();
                let revoked = self.pool.revoke(now, address);
                assert_eq!(revoked.is_some(), matches!(state, Address::Leased { .. }));
                if let Some(lease) = revoked {
                    assert_eq!((lease.address, lease.client, lease.location), (address, *client, *location));
                    *state = Address::Grace { since: clock };
                }
            }
            Op::Abort(nth) => {
                let Some(address) = any(nth) else { return };
                let (client, location, state) = self.addresses.get_mut(&address).unwrap();
                let aborted = self.pool.abort(now, address);
                assert_eq!(aborted.is_some(), matches!(state, Address::Leased { .. }));
                if let Some(lease) = aborted {
                    assert_eq!((lease.client, lease.location, lease.state), (*client, *location, LeaseState::Removing));
                    *state = Address::Removing;
                    self.check_unused(address);
                }
            }
            Op::RemoveNow(nth) => {
                let Some(address) = any(nth) else { return };
                let (client, location, state) = self.addresses.get_mut(&address).unwrap();
                let removed = self.pool.remove_now(now, address);
                assert_eq!(removed.is_some(), matches!(state, Address::Leased { .. } | Address::Grace { .. }));
                if let Some(lease) = removed {
                    assert_eq!((lease.client, lease.location, lease.state), (*client, *location, LeaseState::Removing));
                    *state = Address::Removing;
                    self.check_unused(address);
                }
            }
            Op::RulesRemoved(n) => {
                let Some(address) = any(n) else { return };
                let (client, _, state) = self.addresses.get_mut(&address).unwrap();
                let was = *state == Address::Removing;
                assert_eq!(self.pool.rules_removed(now, address), was);
                if was {
                    (*client, *state) = (None, Address::Cooling { since: clock });
                }
            }
            Op::AliasDeleted(n) => {
                let Some((pool, alias)) = nth(self.aliases.keys().copied(), n) else { return };
                let (_, state) = self.aliases.get_mut(&(pool, alias)).unwrap();
                // The pools' own state changes at once, but the caller hears of it with the next advance.
                let was = matches!(state, AliasState::Deleting);
                if *state != AliasState::Abandoned {
                    assert_eq!(self.pool.alias_deleted(now, pool, alias), was);
                }
                if was {
                    *state = AliasState::Resting { since: clock };
                }
            }
            Op::Adopt { pool, nth: n, random, client, lifetime } => self.adopt(now, pool, n, random, client, lifetime),
            Op::Claim { client, nth, there } => {
                let Some(address) = any(nth) else { return };
                let (owner, location, state) = self.addresses.get_mut(&address).unwrap();
                let claimable =
                    there && owner.is_none() && matches!(state, Address::Leased { expires } if *expires > clock);
                let place = if there { *location } else { (location.0 + 1, location.1) };
                assert_eq!(self.pool.claim(now, client, address, place), claimable);
                if claimable {
                    *owner = Some(client);
                    self.waiting.retain(|(waiter, _), _| *waiter != client);
                }
            }
            Op::Quarantine { pool, ahead } => {
                let until = clock + ahead;
                self.pool.quarantine(PoolId(pool), Time::from_millis(until));
                let end = self.quarantine.entry(PoolId(pool)).or_default();
                *end = until.max(*end);
            }
            Op::Advance => self.advance(now),
            Op::Wait(_) | Op::ClockForward(_) | Op::ClockBack(_) => unreachable!("handled above"),
        }
    }

    /// The first alias pool that has no room for one more SID.
    fn too_small(&self, sid: Sid) -> Option<PoolId> {
        let sids = self.sids.iter().filter(|other| **other != sid).count() as u64 + 1;
        let needed = self.epochs.aliases_needed(&self.leases) * sids;
        self.alias_pools().find(|(_, codec)| needed > codec.alias_count()).map(|(pool, _)| pool)
    }

    fn adopt_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias, resume: bool) {
        let result = if resume {
            self.pool.resume_alias(now, pool, sid, alias)
        } else {
            self.pool.adopt_alias(now, pool, sid, alias)
        };
        let Some(available) = self.alias_pools().find(|(p, _)| *p == pool).map(|(_, codec)| codec.alias_count()) else {
            assert_eq!(result, Err(AliasError::NoAliasPool(pool)));
            return;
        };
        let needed = self.epochs.aliases_needed(&self.leases) * (self.sids.len() as u64 + 1);
        if resume && !self.sids.contains(&sid) && needed > available {
            assert!(matches!(result, Err(AliasError::SpaceTooSmall { .. })));
        } else if u64::from(alias.0) >= available {
            assert_eq!(result, Err(AliasError::OutOfRange { pool, alias, available }));
        } else if self.aliases.contains_key(&(pool, alias)) {
            assert_eq!(result, Err(AliasError::Taken { pool, alias }));
        } else {
            assert_eq!(result, Ok(()));
            let state = if resume { AliasState::Usable } else { AliasState::Retained { since: self.now } };
            self.aliases.insert((pool, alias), (sid, state));
            if resume {
                self.sids.insert(sid);
            }
        }
    }

    fn adopt(&mut self, now: Time, pool: u16, n: usize, random: u64, client: Option<Client>, lifetime: u64) {
        let address = match self.pool.codecs().get(usize::from(pool)) {
            None => return,
            Some(Codec::Naive(codec)) => codec.encode(random % codec.capacity()),
            Some(Codec::Alias(codec)) => {
                let of_pool = self.aliases.iter().filter(|((p, _), (_, state))| {
                    p.0 == pool && matches!(state, AliasState::Usable | AliasState::Retained { .. })
                });
                let Some(alias) = nth(of_pool.map(|((_, alias), _)| *alias), n) else { return };
                IpAddr::V6(codec.encode(alias, random))
            }
        };
        let expires = self.now + lifetime;
        let result = self.pool.adopt(now, address, client, (9, 9), Time::from_millis(expires));
        if self.addresses.contains_key(&address) {
            assert_eq!(result, Err(AdoptError::Taken));
        } else {
            assert_eq!(result, Ok(()));
            self.addresses.insert(address, (client, (9, 9), Address::Leased { expires }));
            self.waiting.retain(|(waiter, _), _| Some(*waiter) != client);
        }
    }

    fn renew(&mut self, now: Time, client: Client, addresses: Vec<IpAddr>) {
        let held = addresses.iter().all(|address| self.leased_to(client, *address));
        let result = self.pool.renew(now, &mut self.rng, client, &addresses);
        match result {
            Err(RenewError::AliasRetired) => {
                let retired = |address: &IpAddr| match self.pool_of(*address) {
                    (_, None) => false,
                    (pool, Some(alias)) => self.aliases.get(&(pool, alias)).map(|a| a.1) != Some(AliasState::Usable),
                };
                assert!(addresses.iter().any(retired));
            }
            Err(error) => assert!(!held && error == RenewError::NotHeld(NotHeld), "{error}"),
            Ok(first) => {
                assert!(held);
                let range = self.now + millis(self.leases.lifetime_min)..=u64::MAX;
                assert!(range.contains(&first.as_millis()));
                for address in addresses {
                    let lease = self.pool.get(address).unwrap();
                    let new = lease.deadline.as_millis();
                    let (_, _, state) = self.addresses.get_mut(&address).unwrap();
                    let Address::Leased { expires } = state else { unreachable!("checked above") };
                    assert!(new >= *expires && lease.deadline >= first, "a renewal shortened a lease");
                    assert!(new <= (*expires).max(self.now + millis(self.leases.lifetime_max)));
                    let renewed = new != *expires;
                    *expires = new;
                    let alias = lease.alias.map(|alias| self.aliases[&(lease.pool, alias)].1);
                    if let Some(AliasState::Retained { since }) = alias {
                        let end = since + millis(self.epochs.validity());
                        assert!(!renewed || new + millis(self.leases.grace) <= end, "a renewal outlives its alias");
                    }
                }
            }
        }
    }
}
