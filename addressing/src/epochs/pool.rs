use std::collections::{BTreeMap, VecDeque};

use rand::{CryptoRng, Rng};

use crate::{Alias, AliasError, PoolId, Sid, Time, epochs::space::FreeSpace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Usable,
    /// Valid, but not for new addresses; at least until then.
    Retained(Time),
    /// Retained for long enough, but an address still uses it.
    Overdue,
    Deleting,
    Resting(Time),
}

impl State {
    fn is_valid(self) -> bool {
        !matches!(self, Self::Deleting | Self::Resting(_))
    }
}

/// The aliases of one pool that are not free.
#[derive(Debug)]
pub(crate) struct PoolAliases {
    pool: PoolId,
    available: u64,
    space: FreeSpace,
    states: BTreeMap<Alias, (Sid, State)>,
    /// In order of their deadlines, as all are retained for k × t_sid; the same for `resting`.
    retained: VecDeque<Alias>,
    resting: VecDeque<Alias>,
    /// To be deleted, not yet told to the caller.
    deletable: Vec<Alias>,
}

impl PoolAliases {
    pub(crate) fn new(pool: PoolId, available: u64) -> Self {
        Self {
            pool,
            available,
            space: FreeSpace::new(u128::from(available)),
            states: BTreeMap::new(),
            retained: VecDeque::new(),
            resting: VecDeque::new(),
            deletable: Vec::new(),
        }
    }

    pub(crate) fn pool(&self) -> PoolId {
        self.pool
    }

    /// Whether this many SIDs, each of which keeps `needed` aliases out of the space, find room.
    pub(crate) fn check_size(&self, sids: u64, needed: u64) -> Result<(), AliasError> {
        if sids.saturating_mul(needed) > self.available {
            return Err(AliasError::SpaceTooSmall { pool: self.pool, sids, needed, available: self.available });
        }
        Ok(())
    }

    /// Whether this many can be drawn now.
    pub(crate) fn check_free(&self, needed: u64) -> Result<(), AliasError> {
        let free = self.space.free();
        if u128::from(needed) > free {
            return Err(AliasError::Exhausted { pool: self.pool, needed, free: free as u64 });
        }
        Ok(())
    }

    /// A free alias becomes pending; `None` if there is none.
    pub(crate) fn draw<R: CryptoRng + ?Sized>(&mut self, rng: &mut R, sid: Sid) -> Option<Alias> {
        let free = self.space.free();
        if free == 0 {
            return None;
        }
        // Fits 32 bits: so does the space.
        let alias = Alias(self.space.take_slot(rng.random_range(0..free))? as u32);
        self.states.insert(alias, (sid, State::Pending));
        Some(alias)
    }

    /// Takes an alias that an edge switch has, as usable.
    pub(crate) fn adopt(&mut self, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        let Self { pool, available, .. } = *self;
        if u64::from(alias.0) >= available {
            return Err(AliasError::OutOfRange { pool, alias, available });
        }
        if !self.space.take(u64::from(alias.0)) {
            return Err(AliasError::Taken { pool, alias });
        }
        self.states.insert(alias, (sid, State::Usable));
        Ok(())
    }

    pub(crate) fn make_usable(&mut self, alias: Alias) {
        self.set(alias, State::Usable);
    }

    /// The alias is not for new addresses any more.
    pub(crate) fn retain(&mut self, alias: Alias, until: Time) {
        if self.set(alias, State::Retained(until)) {
            self.retained.push_back(alias);
        }
    }

    pub(crate) fn make_deletable(&mut self, alias: Alias) {
        if self.set(alias, State::Deleting) {
            self.deletable.push(alias);
        }
    }

    /// Does what is due; `is_live` says whether an address with the alias is leased or in its grace.
    pub(crate) fn advance(&mut self, now: Time, is_live: impl Fn(Alias) -> bool) {
        while let Some(alias) = self.due(&self.retained, now) {
            self.retained.pop_front();
            if is_live(alias) {
                self.set(alias, State::Overdue);
            } else {
                self.make_deletable(alias);
            }
        }
        while let Some(alias) = self.due(&self.resting, now) {
            self.resting.pop_front();
            self.states.remove(&alias);
            self.space.give(u64::from(alias.0));
        }
    }

    /// The last address with this alias has ended its grace.
    pub(crate) fn unused(&mut self, alias: Alias) {
        if matches!(self.states.get(&alias), Some((_, State::Overdue))) {
            self.make_deletable(alias);
        }
    }

    pub(crate) fn take_deletable(&mut self) -> impl Iterator<Item = (Sid, Alias)> {
        self.deletable.drain(..).filter_map(|alias| Some((self.states.get(&alias)?.0, alias)))
    }

    /// No edge switch has the alias any more: it rests until then. `false` if it was not to be deleted.
    pub(crate) fn deleted(&mut self, alias: Alias, until: Time) -> bool {
        let deleting = matches!(self.states.get(&alias), Some((_, State::Deleting)));
        if deleting {
            self.set(alias, State::Resting(until));
            self.resting.push_back(alias);
        }
        deleting
    }

    /// Until when an address with this alias may be renewed; `None` if there is no limit yet.
    pub(crate) fn renewable_until(&self, alias: Alias) -> Option<Time> {
        match self.states.get(&alias) {
            Some((_, State::Usable)) => None,
            Some((_, State::Retained(until))) => Some(*until),
            _ => Some(Time::default()),
        }
    }

    /// The aliases that every edge switch must have.
    pub(crate) fn valid(&self) -> impl Iterator<Item = (Sid, Alias, State)> {
        let all = self.states.iter().map(|(alias, (sid, state))| (*sid, *alias, *state));
        all.filter(|(_, _, state)| state.is_valid())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Sid, Alias)> {
        self.states.iter().map(|(alias, (sid, _))| (*sid, *alias))
    }

    pub(crate) fn owner(&self, alias: Alias) -> Option<Sid> {
        self.states.get(&alias).filter(|(_, state)| state.is_valid()).map(|(sid, _)| *sid)
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let told = (!self.deletable.is_empty()).then_some(Time::default());
        let front = |queue: &VecDeque<Alias>| queue.front().and_then(|alias| self.deadline(*alias));
        [told, front(&self.retained), front(&self.resting)].into_iter().flatten().min()
    }

    fn set(&mut self, alias: Alias, to: State) -> bool {
        let known = self.states.get_mut(&alias);
        known.map(|(_, state)| *state = to).is_some()
    }

    fn due(&self, queue: &VecDeque<Alias>, now: Time) -> Option<Alias> {
        queue.front().copied().filter(|alias| self.deadline(*alias).is_none_or(|deadline| deadline <= now))
    }

    fn deadline(&self, alias: Alias) -> Option<Time> {
        match self.states.get(&alias)?.1 {
            State::Retained(until) | State::Resting(until) => Some(until),
            State::Pending | State::Usable | State::Overdue | State::Deleting => None,
        }
    }
}
