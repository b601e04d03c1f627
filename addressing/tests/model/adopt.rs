//! What is taken over after a restart, in the middle of everything else.

use std::net::IpAddr;

use mimiq_addressing::*;

use crate::{common::*, reference::*};

impl Model {
    /// The first alias pool that has no room for one more SID.
    pub(crate) fn too_small(&self, sid: Sid) -> Option<PoolId> {
        let sids = self.sids.iter().filter(|other| **other != sid).count() as u64 + 1;
        let needed = self.epochs.aliases_needed(&self.leases) * sids;
        self.alias_pools().find(|(_, codec)| needed > codec.alias_count()).map(|(pool, _)| pool)
    }

    pub(crate) fn adopt_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias, resume: bool) {
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

    pub(crate) fn adopt(&mut self, now: Time, pool: u16, n: usize, random: u64, client: Option<Client>, lifetime: u64) {
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
        let taken = self.addresses.contains_key(&address);
        assert_eq!(result, if taken { Err(AdoptError::Taken) } else { Ok(()) });
        if !taken {
            self.waiting.retain(|(waiter, _), _| Some(*waiter) != client);
        }
        self.addresses.entry(address).or_insert((client, (9, 9), Address::Leased { expires }));
    }
}
