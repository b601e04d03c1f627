use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashMap;
use rand::{CryptoRng, Rng};

use crate::{Alias, AliasError, Epoch, EpochPolicy, NewAliases, Sid, Time, space::FreeSpace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Usable,
    /// Valid, but not for new addresses; at least until then.
    Retained(Time),
    /// Retained for long enough, but an address still uses it.
    Overdue,
    Deleting,
    Resting(Time),
}

#[derive(Debug, Default)]
struct Aliases {
    usable: Vec<u32>,
    pending: Option<(Epoch, Vec<u32>)>,
}

/// Which aliases each SID has had, and when they may go.
#[derive(Debug)]
pub(crate) struct AliasEpochs {
    policy: EpochPolicy,
    /// [`EpochPolicy::aliases_needed`].
    needed: u64,
    available: u64,
    space: FreeSpace,
    states: HashMap<u32, (Sid, State)>,
    sids: BTreeMap<Sid, Aliases>,
    /// In order of their deadlines, as all are retained for k × t_sid; the same for `resting`.
    retained: VecDeque<u32>,
    resting: VecDeque<u32>,
    /// To be deleted, not yet told to the caller.
    deletable: Vec<u32>,
    last_epoch: u64,
    next_rotation: Option<Time>,
}

impl AliasEpochs {
    pub(crate) fn new(policy: EpochPolicy, needed: u64, available: u64) -> Self {
        Self {
            policy,
            needed,
            available,
            space: FreeSpace::new(u128::from(available)),
            states: HashMap::new(),
            sids: BTreeMap::new(),
            retained: VecDeque::new(),
            resting: VecDeque::new(),
            deletable: Vec::new(),
            last_epoch: 0,
            next_rotation: None,
        }
    }

    pub(crate) fn add_sid<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        sid: Sid,
    ) -> Result<NewAliases, AliasError> {
        if self.sids.contains_key(&sid) {
            return Err(AliasError::SidExists(sid));
        }
        let sids = self.sids.len() as u64 + 1;
        if sids.saturating_mul(self.needed) > self.available {
            return Err(AliasError::SpaceTooSmall { sids, needed: self.needed, available: self.available });
        }
        let new = self.draw(rng, &[sid])?;
        self.next_rotation.get_or_insert(now + self.policy.t_sid);
        Ok(new)
    }

    /// Gives each SID new aliases, except those whose last ones are not confirmed yet.
    pub(crate) fn rotate<R: CryptoRng + ?Sized>(&mut self, now: Time, rng: &mut R) -> Result<NewAliases, AliasError> {
        if self.next_rotation.is_some() {
            self.next_rotation = Some(now + self.policy.t_sid);
        }
        let sids: Vec<Sid> = self.sids.iter().filter(|(_, a)| a.pending.is_none()).map(|(sid, _)| *sid).collect();
        self.draw(rng, &sids)
    }

    fn draw<R: CryptoRng + ?Sized>(&mut self, rng: &mut R, sids: &[Sid]) -> Result<NewAliases, AliasError> {
        let (count, free) = (self.policy.aliases_per_sid, self.space.free());
        let needed = sids.len() as u64 * u64::from(count);
        if u128::from(needed) > free {
            return Err(AliasError::Exhausted { needed, free: free as u64 });
        }
        self.last_epoch += 1;
        let epoch = Epoch(self.last_epoch);
        let mut new = NewAliases { epoch, aliases: Vec::with_capacity(needed as usize) };
        for sid in sids {
            let mut pending = Vec::with_capacity(count as usize);
            for _ in 0..count {
                // Fits 32 bits: so does the space.
                let slot = rng.random_range(0..self.space.free());
                pending.extend(self.space.take_slot(slot).map(|alias| alias as u32));
            }
            self.states.extend(pending.iter().map(|alias| (*alias, (*sid, State::Pending))));
            new.aliases.extend(pending.iter().map(|alias| (*sid, Alias(*alias))));
            self.sids.entry(*sid).or_default().pending = Some((epoch, pending));
        }
        Ok(new)
    }

    /// Every edge switch has the epoch's aliases: they replace their predecessors. `false` if none of them is pending.
    pub(crate) fn confirm(&mut self, now: Time, epoch: Epoch) -> bool {
        let mut replaced = Vec::new();
        let mut any = false;
        for aliases in self.sids.values_mut() {
            if let Some((_, pending)) = aliases.pending.take_if(|(pending, _)| *pending == epoch) {
                any = true;
                for alias in &pending {
                    if let Some((_, state)) = self.states.get_mut(alias) {
                        *state = State::Usable;
                    }
                }
                replaced.append(&mut std::mem::replace(&mut aliases.usable, pending));
            }
        }
        self.retain(now, replaced);
        any
    }

    pub(crate) fn remove_sid(&mut self, now: Time, sid: Sid) -> Result<(), AliasError> {
        let aliases = self.sids.remove(&sid).ok_or(AliasError::UnknownSid(sid))?;
        self.retain(now, aliases.usable);
        // No address was ever made with these.
        for alias in aliases.pending.into_iter().flat_map(|(_, pending)| pending) {
            self.make_deletable(alias);
        }
        if self.sids.is_empty() {
            self.next_rotation = None;
        }
        Ok(())
    }

    /// Takes an alias that an edge switch has from an earlier life of the caller: valid, but not for new addresses.
    pub(crate) fn adopt(&mut self, now: Time, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        if u64::from(alias.0) >= self.available {
            return Err(AliasError::OutOfRange { alias, available: self.available });
        }
        if !self.space.take(u64::from(alias.0)) {
            return Err(AliasError::Taken(alias));
        }
        self.states.insert(alias.0, (sid, State::Usable));
        self.retain(now, vec![alias.0]);
        Ok(())
    }

    fn retain(&mut self, now: Time, aliases: Vec<u32>) {
        let until = now + self.policy.validity();
        for alias in aliases {
            if let Some((_, state)) = self.states.get_mut(&alias) {
                *state = State::Retained(until);
                self.retained.push_back(alias);
            }
        }
    }

    fn make_deletable(&mut self, alias: u32) {
        if let Some((_, state)) = self.states.get_mut(&alias) {
            *state = State::Deleting;
            self.deletable.push(alias);
        }
    }

    /// Does what is due; `is_live` says whether an address with the alias is leased or in its grace.
    pub(crate) fn advance(&mut self, now: Time, is_live: impl Fn(u32) -> bool) {
        while let Some(alias) = self.due(&self.retained, now) {
            self.retained.pop_front();
            if !is_live(alias) {
                self.make_deletable(alias);
            } else if let Some((_, state)) = self.states.get_mut(&alias) {
                *state = State::Overdue;
            }
        }
        while let Some(alias) = self.due(&self.resting, now) {
            self.resting.pop_front();
            self.states.remove(&alias);
            self.space.give(u64::from(alias));
        }
    }

    /// The last address with this alias has ended its grace.
    pub(crate) fn unused(&mut self, alias: u32) {
        if matches!(self.states.get(&alias), Some((_, State::Overdue))) {
            self.make_deletable(alias);
        }
    }

    pub(crate) fn take_deletable(&mut self) -> impl Iterator<Item = (Sid, Alias)> {
        self.deletable.drain(..).filter_map(|alias| Some((self.states.get(&alias)?.0, Alias(alias))))
    }

    /// No edge switch has the alias any more: it rests for k × t_sid. `false` if it was not to be deleted.
    pub(crate) fn deleted(&mut self, now: Time, alias: Alias) -> bool {
        match self.states.get_mut(&alias.0) {
            Some((_, state)) if *state == State::Deleting => {
                *state = State::Resting(now + self.policy.validity());
                self.resting.push_back(alias.0);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn usable(&self, sid: Sid) -> Option<&[u32]> {
        self.sids.get(&sid).map(|aliases| &*aliases.usable)
    }

    /// Until when an address with this alias may be renewed; `None` if there is no limit yet.
    pub(crate) fn renewable_until(&self, alias: u32) -> Option<Time> {
        match self.states.get(&alias) {
            Some((_, State::Usable)) => None,
            Some((_, State::Retained(until))) => Some(*until),
            _ => Some(Time::default()),
        }
    }

    /// The aliases that every edge switch must have, the pending ones included.
    pub(crate) fn valid(&self) -> impl Iterator<Item = (Sid, Alias)> {
        let gone = |state| matches!(state, State::Deleting | State::Resting(_));
        self.states.iter().filter(move |(_, (_, state))| !gone(*state)).map(|(alias, (sid, _))| (*sid, Alias(*alias)))
    }

    pub(crate) fn next_rotation(&self) -> Option<Time> {
        self.next_rotation
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let told = (!self.deletable.is_empty()).then_some(Time::default());
        let front = |queue: &VecDeque<u32>| queue.front().and_then(|alias| self.deadline(*alias));
        [told, front(&self.retained), front(&self.resting)].into_iter().flatten().min()
    }

    fn due(&self, queue: &VecDeque<u32>, now: Time) -> Option<u32> {
        queue.front().copied().filter(|alias| self.deadline(*alias).is_none_or(|deadline| deadline <= now))
    }

    fn deadline(&self, alias: u32) -> Option<Time> {
        match self.states.get(&alias)?.1 {
            State::Retained(until) | State::Resting(until) => Some(until),
            State::Pending | State::Usable | State::Overdue | State::Deleting => None,
        }
    }
}
