use std::marker::PhantomData;

use mimiq_contract::{
    PortId, Role,
    tables::{PortRole, PortRoleAction, PortRoleKey},
};

use super::{Table, Visitor, exact::Slot};
use crate::counters::Counters;

/// The roles of the ports, by direct index.
#[derive(Debug)]
pub(crate) struct Ports<T> {
    /// As long as the largest port number with a role needs.
    slots: Vec<Option<Slot<Role>>>,
    schema: PhantomData<T>,
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), schema: PhantomData }
    }
}

impl<T> Ports<T> {
    /// The port's entry.
    #[inline]
    pub(crate) fn find(&self, port: PortId) -> Option<&Slot<Role>> {
        self.slots.get(usize::from(port.0))?.as_ref()
    }
}

impl Table<PortRole> for Ports<PortRole> {
    fn get(&self, key: &PortRoleKey) -> Option<(PortRoleAction, &Counters)> {
        self.find(key.port).map(|slot| (PortRoleAction::SetRole { role: slot.action }, &slot.counters))
    }

    fn put(&mut self, key: &PortRoleKey, PortRoleAction::SetRole { role }: PortRoleAction) {
        let index = usize::from(key.port.0);
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        match self.slots.get_mut(index) {
            Some(Some(slot)) => slot.action = role,
            Some(empty) => *empty = Some(Slot::new(role)),
            None => {}
        }
    }

    fn remove(&mut self, key: &PortRoleKey) -> bool {
        self.slots.get_mut(usize::from(key.port.0)).is_some_and(|slot| slot.take().is_some())
    }

    fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    fn clear(&mut self) {
        self.slots.clear();
    }

    fn for_each(&self, visit: &mut Visitor<'_, PortRole>) {
        for (port, slot) in (0..).zip(&self.slots) {
            if let Some(slot) = slot {
                visit(
                    PortRoleKey { port: PortId(port) },
                    PortRoleAction::SetRole { role: slot.action },
                    &slot.counters,
                );
            }
        }
    }
}
