//! Whether what becomes due is what should: in-flight, cool-down, the life of aliases.

use mimiq_addressing::*;

use crate::reference::*;

impl Model {
    pub(crate) fn advance(&mut self, now: Time) {
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
                Event::DeleteAlias { pool, sid, alias } => {
                    let live = self.is_live(pool, alias);
                    let (owner, state) = self.aliases.get_mut(&(pool, alias)).unwrap();
                    assert_eq!(*owner, sid);
                    assert!(!live, "alias {alias} is in use");
                    assert!(
                        match state {
                            AliasState::Retained { since } => *since + validity <= clock,
                            AliasState::Overdue | AliasState::Abandoned => true,
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
        let old: Vec<_> = self.aliases.iter().map(|(key, (_, state))| (*key, *state)).collect();
        for ((pool, alias), state) in old {
            assert_ne!(state, AliasState::Abandoned, "alias {alias}");
            if matches!(state, AliasState::Retained { since } if since + validity <= clock)
                || state == AliasState::Overdue
            {
                assert!(self.is_live(pool, alias), "alias {alias}: {state:?}");
                self.aliases.entry((pool, alias)).and_modify(|(_, state)| *state = AliasState::Overdue);
            }
        }
        if let Some(next) = self.pool.next_deadline() {
            assert!(next.as_millis() > clock, "an event was left");
        }
    }
}
