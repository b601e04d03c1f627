use mimiq_contract::{
    TableSchema,
    tables::{SwitchInfo, SwitchInfoKey},
};

use super::{Table, Visitor, exact::Slot};
use crate::counters::Counters;

/// A table without key: its only entry is the default one, once it has been set.
#[derive(Debug)]
pub(crate) struct Single<T: TableSchema>(Option<Slot<T::Action>>);

impl<T: TableSchema> Default for Single<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: TableSchema> Single<T> {
    /// The entry.
    #[inline]
    pub(crate) fn find(&self) -> Option<&Slot<T::Action>> {
        self.0.as_ref()
    }
}

type Action = <SwitchInfo as TableSchema>::Action;

impl Table<SwitchInfo> for Single<SwitchInfo> {
    fn get(&self, _: &SwitchInfoKey) -> Option<(Action, &Counters)> {
        self.0.as_ref().map(|slot| (slot.action, &slot.counters))
    }

    fn put(&mut self, _: &SwitchInfoKey, action: Action) {
        match &mut self.0 {
            Some(slot) => slot.action = action,
            None => self.0 = Some(Slot::new(action)),
        }
    }

    fn remove(&mut self, _: &SwitchInfoKey) -> bool {
        self.0.take().is_some()
    }

    fn len(&self) -> usize {
        usize::from(self.0.is_some())
    }

    fn clear(&mut self) {
        self.0 = None;
    }

    fn for_each(&self, visit: &mut Visitor<'_, SwitchInfo>) {
        self.0.iter().for_each(|slot| visit(SwitchInfoKey {}, slot.action, &slot.counters));
    }
}
