use mimiq_contract::{
    TableSchema,
    tables::{SwitchInfo, SwitchInfoAction, SwitchInfoKey},
};

use super::{Refusal, Table, Visitor};
use crate::counters::Counters;

/// A table without key: its only entry is the default one, once it has been set. Default entries have no direct counters.
#[derive(Debug)]
pub(crate) struct Single<T: TableSchema>(Option<T::Action>);

impl<T: TableSchema> Default for Single<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: TableSchema> Single<T> {
    /// The entry's action.
    #[inline]
    pub(crate) fn find(&self) -> Option<&T::Action> {
        self.0.as_ref()
    }
}

impl Table<SwitchInfo> for Single<SwitchInfo> {
    fn get(&self, _: &SwitchInfoKey) -> Option<(SwitchInfoAction, Option<&Counters>)> {
        self.0.map(|action| (action, None))
    }

    fn insert(&mut self, _: &SwitchInfoKey, _: SwitchInfoAction, _: usize) -> Result<(), Refusal> {
        Err(Refusal::Keyless)
    }

    fn modify(&mut self, _: &SwitchInfoKey, action: SwitchInfoAction) -> bool {
        self.0 = Some(action);
        true
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
        self.0.iter().for_each(|action| visit(SwitchInfoKey {}, *action, None));
    }
}
