use std::{hash::Hash, net::Ipv6Addr};

use crate::{Alias, AliasError, AliasPool, Sid, Time};

/// Why an address was not adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// It has another prefix.
    #[error("the address is not in the pool")]
    NotInPool,
    /// It is not free.
    #[error("the address is taken")]
    Taken,
}

/// After a restart, when the switches know more than the pool.
impl<C: Copy + Eq + Hash, L: Copy> AliasPool<C, L> {
    /// Takes an alias that was read back from an edge switch. It is valid as an old one is.
    ///
    /// # Errors
    /// If it does not fit its bits or is taken.
    pub fn adopt_alias(&mut self, now: Time, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        let now = self.observe(now);
        self.epochs.adopt(now, sid, alias)
    }

    /// Takes an address that was read back from a switch out of the free ones, as leased until
    /// `expires`; then come grace, removal and cool-down as for any other. Its alias is to be adopted before.
    ///
    /// # Errors
    /// If it is not in the pool or not free.
    pub fn adopt(
        &mut self,
        now: Time,
        address: Ipv6Addr,
        client: Option<C>,
        location: L,
        expires: Time,
    ) -> Result<(), AdoptError> {
        self.observe(now);
        let key = self.key(address).ok_or(AdoptError::NotInPool)?;
        if self.table.adopt(key, client, location, expires) { Ok(()) } else { Err(AdoptError::Taken) }
    }

    /// Gives no address before `until`; [`LeasePolicy::longest_hold`](crate::LeasePolicy::longest_hold) is long enough if the switches'
    /// entries cannot be read.
    pub fn quarantine(&mut self, until: Time) {
        self.quarantine = self.quarantine.max(until);
    }
}
