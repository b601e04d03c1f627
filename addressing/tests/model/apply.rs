//! Each operation on the pool and on the model, and whether the pool's answer is right.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

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
        // The pool sees the time even if the operation finds nothing to work on.
        assert!(!self.pool.rules_removed(now, Ipv6Addr::UNSPECIFIED));
        let clock = self.now;
        let any = |n| nth(self.addresses.keys().copied(), n);
        match op {
            Op::AddSid(sid) => {
                let sid = Sid(sid);
                let needed = self.epochs.aliases_needed(&self.leases) * (self.sids.len() as u64 + 1);
                let result = self.pool.add_sid(now, &mut self.rng, sid);
                if self.sids.contains(&sid) {
                    assert_eq!(result, Err(AliasError::SidExists(sid)));
                } else if needed > self.pool.codec().alias_count() {
                    assert!(matches!(result, Err(AliasError::SpaceTooSmall { .. })));
                } else if self.free_aliases() < u64::from(self.epochs.aliases_per_sid) {
                    assert!(matches!(result, Err(AliasError::Exhausted { .. })));
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
                match self.pool.rotate(now, &mut self.rng) {
                    Ok(new) => self.draw(new, &sids),
                    Err(error) => {
                        assert_eq!(error, AliasError::Exhausted { needed, free: self.free_aliases() });
                        assert!(needed > self.free_aliases());
                    }
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
            Op::Acquire { client, sid, count } => self.acquire(now, client, Sid(sid), count),
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
                let Some(alias) = nth(self.aliases.keys().copied(), n) else { return };
                let (_, state) = self.aliases.get_mut(&alias).unwrap();
                // The pool's own state changes at once, but the caller hears of it with the next advance.
                let was = matches!(state, AliasState::Deleting);
                if *state != AliasState::Abandoned {
                    assert_eq!(self.pool.alias_deleted(now, alias), was);
                }
                if was {
                    *state = AliasState::Resting { since: clock };
                }
            }
            Op::Adopt { nth: n, random, client, lifetime } => {
                let Some(alias) =
                    nth(self.aliases.iter().filter(|(_, (_, s))| matches!(s, AliasState::Usable)).map(|(a, _)| *a), n)
                else {
                    return;
                };
                let address = self.pool.codec().encode(alias, random);
                let expires = clock + lifetime;
                let result = self.pool.adopt(now, address, client, (9, 9), Time::from_millis(expires));
                assert_eq!(result.is_ok(), !self.addresses.contains_key(&address));
                self.addresses.entry(address).or_insert((client, (9, 9), Address::Leased { expires }));
            }
            Op::Advance => self.advance(now),
            Op::Wait(_) | Op::ClockForward(_) | Op::ClockBack(_) => unreachable!("handled above"),
        }
    }

    fn acquire(&mut self, now: Time, client: Client, sid: Sid, count: u32) {
        let usable = self.usable(sid);
        let taken = self.addresses.keys().filter(|address| usable.contains(&self.alias_of(**address))).count();
        let free = ((usable.len() as u128) << self.pool.codec().random_bits()) - taken as u128;
        let held = self.held(client) as u32;
        let location = (sid.0, u16::from(client));
        let result = self.pool.acquire(now, &mut self.rng, client, sid, location, count);
        if !self.sids.contains(&sid) {
            assert_eq!(result, Err(Refusal::UnknownSid(sid)));
        } else if usable.is_empty() {
            assert_eq!(result, Err(Refusal::NoAlias(sid)));
        } else if count == 0 {
            assert_eq!(result, Err(Refusal::Empty));
        } else if held + count > self.leases.quota {
            assert_eq!(result, Err(Refusal::Quota { count, held, quota: self.leases.quota }));
        } else if u128::from(count) > free {
            assert!(matches!(result, Err(Refusal::Exhausted { free: f, .. }) if f == free), "{result:?}");
        } else {
            let set = result.unwrap();
            assert_eq!(set.addresses.len(), count as usize);
            assert!((self.leases.lifetime_min..=self.leases.lifetime_max).contains(&set.lifetime));
            let expires = set.expires.as_millis();
            assert_eq!(expires, self.now + millis(set.lifetime));
            for (address, alias) in set.addresses {
                assert_eq!(alias, self.alias_of(address));
                assert!(usable.contains(&alias), "alias {alias} is not usable");
                let before = self.addresses.insert(address, (Some(client), location, Address::Leased { expires }));
                assert_eq!(before, None, "no-collision: {address} was not free");
            }
        }
    }

    fn renew(&mut self, now: Time, client: Client, addresses: Vec<Ipv6Addr>) {
        let held = addresses.iter().all(|address| self.leased_to(client, *address));
        let result = self.pool.renew(now, &mut self.rng, client, &addresses);
        match result {
            Err(RenewError::AliasRetired) => {
                let retired = |address: &Ipv6Addr| {
                    self.aliases.get(&self.alias_of(*address)).map(|a| a.1) != Some(AliasState::Usable)
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
                    if let (_, AliasState::Retained { since }) = self.aliases[&lease.alias] {
                        let end = since + millis(self.epochs.validity());
                        assert!(!renewed || new + millis(self.leases.grace) <= end, "a renewal outlives its alias");
                    }
                }
            }
        }
    }

    fn advance(&mut self, now: Time) {
        let mut events = Vec::new();
        self.pool.advance(now, &mut events);
        let (grace, cool_down, validity) =
            (millis(self.leases.grace), millis(self.leases.cool_down), millis(self.epochs.validity()));
        let clock = self.now;
        for event in events {
            match event {
                Event::Expired(lease) => {
                    let (client, location, state) = self.addresses.get_mut(&lease.address).unwrap();
                    assert_eq!((lease.client, lease.location), (*client, *location));
                    assert!(matches!(state, Address::Leased { expires } if *expires <= clock), "{state:?}");
                    *state = Address::Grace { since: clock };
                }
                Event::RemoveRules(lease) => {
                    let (_, location, state) = self.addresses.get_mut(&lease.address).unwrap();
                    assert_eq!(lease.location, *location);
                    assert!(
                        matches!(state, Address::Grace { since } if *since + grace <= clock),
                        "in-flight: {state:?}"
                    );
                    *state = Address::Removing;
                }
                Event::Freed(address) => {
                    let (_, _, state) = self.addresses.remove(&address).unwrap();
                    assert!(
                        matches!(state, Address::Cooling { since } if since + cool_down <= clock),
                        "cool-down: {state:?}"
                    );
                }
                Event::DeleteAlias { sid, alias } => {
                    let live = self.is_live(alias);
                    let (owner, state) = self.aliases.get_mut(&alias).unwrap();
                    assert_eq!(*owner, sid);
                    assert!(!live, "alias {alias} is in use");
                    assert!(
                        match state {
                            AliasState::Retained { since } => *since + validity <= clock,
                            AliasState::Abandoned => true,
                            _ => false,
                        },
                        "alias {alias}: {state:?}"
                    );
                    *state = AliasState::Deleting;
                }
            }
        }
        self.aliases
            .retain(|_, (_, state)| !matches!(state, AliasState::Resting { since } if *since + validity <= clock));
        // Nothing that was due has been left.
        for (address, (_, _, state)) in &self.addresses {
            assert!(self.deadline(*state).is_none_or(|deadline| deadline > clock), "{address}: {state:?}");
        }
        for (alias, (_, state)) in &self.aliases {
            let due =
                matches!(state, AliasState::Retained { since } if since + validity <= clock && !self.is_live(*alias));
            assert!(!due && *state != AliasState::Abandoned, "alias {alias}: {state:?}");
        }
        if let Some(next) = self.pool.next_deadline() {
            assert!(next.as_millis() > clock, "an event was left");
        }
    }
}
