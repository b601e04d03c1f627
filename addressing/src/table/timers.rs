use std::time::Duration;

use crate::{
    LeasePolicy, LeaseState, Occupancy, Time,
    table::{
        record::{List, Records},
        wheel::Wheel,
    },
};

/// What the addresses of one pool wait for.
///
/// Grace and cool-down have one length each, so their deadlines come in order and a list is enough; only leases, whose
/// lifetimes are drawn, need to be sorted.
pub(crate) struct Timers {
    leased: Wheel,
    grace: List,
    cooling: List,
    pub(crate) occupancy: Occupancy,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { leased: Wheel::new(), grace: List::EMPTY, cooling: List::EMPTY, occupancy: Occupancy::default() }
    }

    /// Enters a record in its state, with its deadline.
    pub(crate) fn enter<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        let state = records[slot].state;
        *self.count(state) += 1;
        match state {
            LeaseState::Leased => self.leased.insert(records, slot),
            LeaseState::Grace => self.grace.push_back(records, slot),
            LeaseState::Removing => {}
            LeaseState::Cooling => self.cooling.push_back(records, slot),
        }
    }

    /// Takes a record out that is as it was when it was entered.
    pub(crate) fn leave<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        let state = records[slot].state;
        *self.count(state) -= 1;
        match state {
            LeaseState::Leased => self.leased.remove(records, slot),
            LeaseState::Grace => self.grace.remove(records, slot),
            LeaseState::Removing => {}
            LeaseState::Cooling => self.cooling.remove(records, slot),
        }
    }

    /// Takes out a record whose time in this state is over. To be called until there is none.
    pub(crate) fn pop_due<C, L>(&mut self, records: &mut Records<C, L>, state: LeaseState, now: Time) -> Option<u32> {
        let due = |list: &List| list.first().filter(|slot| records[*slot].deadline <= now);
        let slot = match state {
            LeaseState::Leased => self.leased.pop_due(records, now)?,
            LeaseState::Grace => {
                due(&self.grace)?;
                self.grace.pop_front(records)?
            }
            LeaseState::Removing => return None,
            LeaseState::Cooling => {
                due(&self.cooling)?;
                self.cooling.pop_front(records)?
            }
        };
        *self.count(state) -= 1;
        Some(slot)
    }

    /// When something is due next, or sooner.
    pub(crate) fn next<C, L>(&self, records: &Records<C, L>) -> Option<Time> {
        self.fronts(records).into_iter().flatten().min()
    }

    /// How long until another address can be free at the soonest; at least a millisecond.
    pub(crate) fn next_free<C, L>(&self, records: &Records<C, L>, policy: &LeasePolicy, now: Time) -> Option<Duration> {
        let LeasePolicy { grace: t_remove, cool_down, .. } = *policy;
        let [leased, grace, cooling] = self.fronts(records);
        let removing = (self.occupancy.removing > 0).then_some(now + cool_down);
        let soonest = [leased.map(|t| t + t_remove + cool_down), grace.map(|t| t + cool_down), removing, cooling];
        let soonest = soonest.into_iter().flatten().min()?;
        Some(soonest.since(now).max(Duration::from_millis(1)))
    }

    /// The first deadline in each timed state.
    fn fronts<C, L>(&self, records: &Records<C, L>) -> [Option<Time>; 3] {
        let front = |list: &List| list.first().map(|slot| records[slot].deadline);
        [self.leased.next(), front(&self.grace), front(&self.cooling)]
    }

    fn count(&mut self, state: LeaseState) -> &mut usize {
        match state {
            LeaseState::Leased => &mut self.occupancy.leased,
            LeaseState::Grace => &mut self.occupancy.grace,
            LeaseState::Removing => &mut self.occupancy.removing,
            LeaseState::Cooling => &mut self.occupancy.cooling,
        }
    }
}
