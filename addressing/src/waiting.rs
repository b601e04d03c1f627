use std::{collections::BTreeMap, hash::Hash, time::Duration};

use hashbrown::HashMap;

use crate::{Family, Sid, Time};

/// How long after the retry time that it was told a client still counts as waiting.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are remembered. Whoever comes when the list is full is not, but those on it hold the others back too.
const MOST: usize = 1 << 16;

/// What clients compete for: a family's addresses, those of all SIDs if there is a naive pool, which all SIDs draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) family: Family,
    pub(crate) sid: Option<Sid>,
}

/// The clients without addresses that were refused because none was left, and what they wait for.
#[derive(Debug)]
pub(crate) struct Waiting<C> {
    /// A client can wait for both families.
    clients: HashMap<(C, Family), Entry>,
    /// In the order in which they give up; numbered, as several may do so at a time.
    queue: BTreeMap<(Time, u64), (C, Family)>,
    scopes: HashMap<Scope, Crowd>,
    last: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    scope: Scope,
    count: u32,
    place: (Time, u64),
}

/// All that wait in a scope.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Crowd {
    pub(crate) clients: u32,
    /// What they asked for.
    pub(crate) addresses: u64,
    /// When the last of them gives up.
    pub(crate) until: Time,
}

impl<C: Copy + Eq + Hash> Waiting<C> {
    pub(crate) fn new() -> Self {
        Self { clients: HashMap::new(), queue: BTreeMap::new(), scopes: HashMap::new(), last: 0 }
    }

    /// The client holds no address and was refused `count`, to be tried again at `retry`.
    pub(crate) fn add(&mut self, client: C, scope: Scope, count: u32, retry: Time) {
        self.remove_entry((client, scope.family));
        if self.clients.len() >= MOST {
            return;
        }
        self.last += 1;
        let place = (retry + PATIENCE, self.last);
        self.clients.insert((client, scope.family), Entry { scope, count, place });
        self.queue.insert(place, (client, scope.family));
        let crowd = self.scopes.entry(scope).or_default();
        crowd.clients += 1;
        crowd.addresses += u64::from(count);
        crowd.until = crowd.until.max(place.0);
    }

    /// The client has got addresses.
    pub(crate) fn remove(&mut self, client: C) {
        // The usual case costs nothing.
        if !self.clients.is_empty() {
            self.remove_entry((client, Family::V6));
            self.remove_entry((client, Family::V4));
        }
    }

    /// Who waits in this scope.
    pub(crate) fn crowd(&mut self, now: Time, scope: Scope) -> Option<Crowd> {
        while let Some((_, key)) = self.queue.first_key_value().filter(|((until, _), _)| *until <= now) {
            self.remove_entry(*key);
        }
        self.scopes.get(&scope).copied()
    }

    fn remove_entry(&mut self, key: (C, Family)) {
        let Some(Entry { scope, count, place }) = self.clients.remove(&key) else { return };
        self.queue.remove(&place);
        if let Some(crowd) = self.scopes.get_mut(&scope) {
            crowd.clients -= 1;
            crowd.addresses -= u64::from(count);
            if crowd.clients == 0 {
                self.scopes.remove(&scope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: Scope = Scope { family: Family::V4, sid: None };

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn entries_end_and_are_bounded() {
        let mut waiting = Waiting::new();
        waiting.add(1u32, V4, 2, at(10));
        waiting.add(1, Scope { family: Family::V6, sid: Some(Sid(1)) }, 1, at(20));
        waiting.add(2, V4, 3, at(11));
        // Asked again.
        waiting.add(1, V4, 4, at(12));
        let crowd = |waiting: &mut Waiting<u32>, now| {
            waiting.crowd(now, V4).map(|crowd| (crowd.clients, crowd.addresses, crowd.until))
        };
        assert_eq!(crowd(&mut waiting, at(0)), Some((2, 7, at(17))));
        assert_eq!(crowd(&mut waiting, at(16)), Some((1, 4, at(17))));
        waiting.remove(1);
        assert_eq!(crowd(&mut waiting, at(16)), None);
        assert!(waiting.clients.is_empty() && waiting.queue.is_empty() && waiting.scopes.is_empty());

        for client in 0..2 * MOST as u32 {
            waiting.add(client, V4, 1, at(u64::from(client)));
        }
        assert_eq!(crowd(&mut waiting, at(0)), Some((MOST as u32, MOST as u64, at(MOST as u64 - 1 + 5))));
        assert_eq!((waiting.clients.len(), waiting.queue.len()), (MOST, MOST));
        assert_eq!(crowd(&mut waiting, at(u64::from(u32::MAX))), None);
        assert!(waiting.clients.is_empty() && waiting.queue.is_empty() && waiting.scopes.is_empty());
    }
}
