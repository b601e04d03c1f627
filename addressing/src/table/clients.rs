use std::hash::Hash;

use crate::table::{
    index::SlotIndex,
    record::{Links, NIL, Record, Records},
};

/// The chains of each client's records that are not cooling yet.
///
/// The index names the first of a chain. As nothing is before it, its `prev` counts the records of the chain.
pub(crate) struct Clients {
    chains: SlotIndex,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self { chains: SlotIndex::new() }
    }

    pub(crate) fn first<C: Copy + Eq + Hash, L>(&self, records: &Records<C, L>, client: C) -> Option<u32> {
        self.chains.find(&Some(client), |slot| records[slot].client)
    }

    pub(crate) fn count<C: Copy + Eq + Hash, L>(&self, records: &Records<C, L>, client: C) -> u32 {
        self.first(records, client).map_or(0, |slot| records[slot].of_client.prev)
    }

    pub(crate) fn iter<'a, C: Copy + Eq + Hash, L>(
        &self,
        records: &'a Records<C, L>,
        client: C,
    ) -> impl Iterator<Item = &'a Record<C, L>> {
        let next = |slot: &u32| Some(records[*slot].of_client.next).filter(|next| *next != NIL);
        std::iter::successors(self.first(records, client), next).map(|slot| &records[slot])
    }

    /// Chains a record to its client's others, in front.
    pub(crate) fn link<C: Copy + Eq + Hash, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        let client = records[slot].client;
        if client.is_none() {
            return;
        }
        let chain = match self.chains.find_mut(&client, |slot| records[slot].client) {
            Some(first) => {
                let next = std::mem::replace(first, slot);
                let count = std::mem::replace(&mut records[next].of_client.prev, slot);
                records[next].first = false;
                Links { prev: count + 1, next }
            }
            None => {
                self.chains.insert(&client, slot, |slot| records[slot].client);
                Links { prev: 1, next: NIL }
            }
        };
        records[slot].of_client = chain;
        records[slot].first = true;
    }

    /// Takes a record out of its chain, and its client off the record.
    pub(crate) fn unlink<C: Copy + Eq + Hash, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        let client = records[slot].client;
        if client.is_none() {
            return;
        }
        let Links { prev, next } = std::mem::replace(&mut records[slot].of_client, Links::NONE);
        if std::mem::take(&mut records[slot].first) {
            if next == NIL {
                self.chains.remove(&client, slot);
            } else {
                if let Some(first) = self.chains.find_mut(&client, |slot| records[slot].client) {
                    *first = next;
                }
                records[next].of_client.prev = prev - 1;
                records[next].first = true;
            }
        } else {
            records[prev].of_client.next = next;
            if next != NIL {
                records[next].of_client.prev = prev;
            }
            if let Some(first) = self.chains.find(&client, |slot| records[slot].client) {
                records[first].of_client.prev -= 1;
            }
        }
        records[slot].client = None;
    }
}
