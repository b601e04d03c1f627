use std::{hash::Hash, net::Ipv6Addr};

use rand::CryptoRng;

use crate::{
    AddressSet, Alias, AliasCodec, AliasError, Epoch, EpochPolicy, Event, Lease, LeasePolicy, NewAliases, NotHeld,
    Occupancy, PolicyError, Refusal, RenewError, Sid, Time,
    epochs::AliasEpochs,
    table::{Key, LeaseTable, Record, Step},
};

/// A pool of IPv6 addresses that carry a SID alias.
///
/// `C` names a client, `L` says where it is (SID, port, MAC); the pool hands both back and looks into neither. Each call
/// takes the time; the latest one seen counts.
pub struct AliasPool<C, L> {
    codec: AliasCodec,
    pub(crate) epochs: AliasEpochs,
    pub(crate) table: LeaseTable<C, L>,
    now: Time,
    /// No address is given before.
    pub(crate) quarantine: Time,
}

impl<C: Copy + Eq + Hash, L: Copy> AliasPool<C, L> {
    /// A pool without SIDs.
    ///
    /// # Errors
    /// If a value in a policy makes no sense; the message names it.
    pub fn new(codec: AliasCodec, epochs: EpochPolicy, leases: LeasePolicy) -> Result<Self, PolicyError> {
        epochs.check()?;
        leases.check()?;
        Ok(Self {
            codec,
            epochs: AliasEpochs::new(epochs, epochs.aliases_needed(&leases), codec.alias_count()),
            table: LeaseTable::new(leases, 1 << codec.random_bits()),
            now: Time::default(),
            quarantine: Time::default(),
        })
    }

    /// The addresses' layout.
    pub fn codec(&self) -> &AliasCodec {
        &self.codec
    }

    /// The lifetimes.
    pub fn policy(&self) -> &LeasePolicy {
        self.table.policy()
    }

    /// Draws the first aliases of a client-facing switch; [`confirm`](Self::confirm) makes them usable.
    ///
    /// # Errors
    /// If the SID is there already, or the alias space is too small for one more.
    pub fn add_sid<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        sid: Sid,
    ) -> Result<NewAliases, AliasError> {
        let now = self.observe(now);
        self.epochs.add_sid(now, rng, sid)
    }

    /// Ends the use of a switch's aliases for new addresses. They stay valid as any old alias; its leases stay too, and
    /// are the caller's to [`revoke`](Self::revoke).
    ///
    /// # Errors
    /// If there is no such SID.
    pub fn remove_sid(&mut self, now: Time, sid: Sid) -> Result<(), AliasError> {
        let now = self.observe(now);
        self.epochs.remove_sid(now, sid)
    }

    /// Starts an alias epoch: draws new aliases for each SID, except for those whose last ones are not confirmed yet.
    /// Until they are confirmed, new addresses get the old ones. To be called at [`next_rotation`](Self::next_rotation).
    ///
    /// # Errors
    /// If too few aliases are free; nothing has changed then, except that the next epoch is due t_sid later.
    pub fn rotate<R: CryptoRng + ?Sized>(&mut self, now: Time, rng: &mut R) -> Result<NewAliases, AliasError> {
        let now = self.observe(now);
        self.epochs.rotate(now, rng)
    }

    /// Every edge switch has the epoch's aliases: new addresses get them from now on, and their predecessors are retained
    /// for at least k × t_sid. `false` if nothing of the epoch is pending.
    pub fn confirm(&mut self, now: Time, epoch: Epoch) -> bool {
        let now = self.observe(now);
        self.epochs.confirm(now, epoch)
    }

    /// No edge switch has the alias any more ([`Event::DeleteAlias`]). `false` if it was not to be deleted.
    pub fn alias_deleted(&mut self, now: Time, alias: Alias) -> bool {
        let now = self.observe(now);
        self.epochs.deleted(now, alias)
    }

    /// Leases a set of `count` addresses, all or none, each drawn uniformly from the free ones under the SID's usable
    /// aliases.
    ///
    /// # Errors
    /// The reason for the refusal.
    pub fn acquire<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        sid: Sid,
        location: L,
        count: u32,
    ) -> Result<AddressSet, Refusal> {
        let now = self.observe(now);
        if self.quarantine > now {
            return Err(Refusal::Quarantine { retry_after: self.quarantine.since(now) });
        }
        let blocks = self.epochs.usable(sid).ok_or(Refusal::UnknownSid(sid))?;
        if blocks.is_empty() {
            return Err(Refusal::NoAlias(sid));
        }
        let (keys, expires, lifetime) = self.table.acquire(now, rng, client, location, blocks, count)?;
        let address = |key: Key| (self.codec.encode(Alias(key.block), key.index), Alias(key.block));
        Ok(AddressSet { addresses: keys.into_iter().map(address).collect(), expires, lifetime })
    }

    /// Gives an address back: its grace begins now, and it is not reused before its cool-down.
    ///
    /// # Errors
    /// If it is not leased to the client.
    pub fn release(&mut self, now: Time, client: C, address: Ipv6Addr) -> Result<(), NotHeld> {
        let now = self.observe(now);
        let key = self.key(address).ok_or(NotHeld)?;
        self.table.held_by(now, client, key)?;
        self.table.end(now, key).map(drop).ok_or(NotHeld)
    }

    /// Prolongs leases, all or none, by a new t_ip from now; a lease that had longer to run keeps its end. Returns the
    /// first of the new ends.
    ///
    /// # Errors
    /// If one is not leased to the client, or its alias ends before the new grace would.
    pub fn renew<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        addresses: &[Ipv6Addr],
    ) -> Result<Time, RenewError> {
        let now = self.observe(now);
        let expires = now + self.table.draw_lifetime(rng);
        let end = expires + self.table.policy().grace;
        let mut slots = Vec::with_capacity(addresses.len());
        for address in addresses {
            let key = self.key(*address).ok_or(NotHeld)?;
            slots.push(self.table.held_by(now, client, key)?);
            if self.epochs.renewable_until(key.block).is_some_and(|until| until < end) {
                return Err(RenewError::AliasRetired);
            }
        }
        self.table.prolong(&slots, expires).ok_or(RenewError::Empty)
    }

    /// Ends a lease against the client's will: its grace begins now. Returns whom to tell, or `None` if the address is
    /// not leased.
    pub fn revoke(&mut self, now: Time, address: Ipv6Addr) -> Option<Lease<C, L>> {
        let now = self.observe(now);
        let record = self.table.end(now, self.key(address)?)?;
        Some(lease(&self.codec, &record))
    }

    /// The switches confirmed that no rule of the address is left ([`Event::RemoveRules`]): its cool-down begins. Before
    /// that it is not reused, so a switch that is away keeps its addresses out of the pool. `false` if the address was
    /// not to be removed.
    pub fn rules_removed(&mut self, now: Time, address: Ipv6Addr) -> bool {
        let now = self.observe(now);
        self.key(address).is_some_and(|key| self.table.rules_removed(now, key))
    }

    /// Does what is due and says what the caller has to do, in order.
    pub fn advance(&mut self, now: Time, events: &mut Vec<Event<C, L>>) {
        let now = self.observe(now);
        let codec = self.codec;
        let mut maybe_unused = Vec::new();
        self.table.advance(now, |step| {
            events.push(match step {
                Step::Expired(record) => Event::Expired(lease(&codec, &record)),
                Step::RemoveRules(record) => {
                    maybe_unused.push(record.key.block);
                    Event::RemoveRules(lease(&codec, &record))
                }
                Step::Freed(key) => Event::Freed(codec.encode(Alias(key.block), key.index)),
            });
        });
        self.epochs.advance(now, |alias| self.table.is_live(alias));
        for alias in maybe_unused {
            if !self.table.is_live(alias) {
                self.epochs.unused(alias);
            }
        }
        events.extend(self.epochs.take_deletable().map(|(sid, alias)| Event::DeleteAlias { sid, alias }));
    }

    /// When [`advance`](Self::advance) has something to do next; may be past.
    pub fn next_deadline(&self) -> Option<Time> {
        [self.table.next_deadline(), self.epochs.next_deadline()].into_iter().flatten().min()
    }

    /// When the next alias epoch is due; `None` without SIDs.
    pub fn next_rotation(&self) -> Option<Time> {
        self.epochs.next_rotation()
    }

    /// The aliases that every edge switch must have, the pending ones included, in no order.
    pub fn aliases(&self) -> impl Iterator<Item = (Sid, Alias)> {
        self.epochs.valid()
    }

    /// What is known of an address; `None` if it is free or not in the pool.
    pub fn get(&self, address: Ipv6Addr) -> Option<Lease<C, L>> {
        self.table.get(self.key(address)?).map(|record| lease(&self.codec, record))
    }

    /// All addresses that are not free, in no order. Switches must have rules for those [leased](crate::LeaseState::Leased) or in
    /// [grace](crate::LeaseState::Grace).
    pub fn leases(&self) -> impl Iterator<Item = Lease<C, L>> {
        self.table.records().map(|record| lease(&self.codec, record))
    }

    /// How many addresses are in each state.
    pub fn occupancy(&self) -> Occupancy {
        self.table.occupancy()
    }

    pub(crate) fn observe(&mut self, now: Time) -> Time {
        self.now = self.now.max(now);
        self.now
    }

    pub(crate) fn key(&self, address: Ipv6Addr) -> Option<Key> {
        self.codec.decode(address).map(|(alias, index)| Key { block: alias.0, index })
    }
}

fn lease<C: Copy, L: Copy>(codec: &AliasCodec, record: &Record<C, L>) -> Lease<C, L> {
    let alias = Alias(record.key.block);
    let address = codec.encode(alias, record.key.index);
    let Record { state, deadline, client, location, .. } = *record;
    Lease { address, alias, client, location, state, deadline }
}
