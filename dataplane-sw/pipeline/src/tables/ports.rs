use mimiq_contract::{PortId, Role, TableSchema, tables::*};

use super::{Refusal, Table, Visitor, exact::Slot};
use crate::counters::Counters;

/// A table that gives ports their roles.
pub(crate) trait RoleSchema: TableSchema {
    /// The port of a key.
    fn port(key: &Self::Key) -> PortId;
    /// The key of a port.
    fn key(port: PortId) -> Self::Key;
    /// The role an action gives.
    fn role(action: Self::Action) -> Role;
    /// The action that gives a role.
    fn action(role: Role) -> Self::Action;
}

macro_rules! roles {
    ($($table:ident($key:ident) = $action:ident::$variant:ident;)+) => {
        $(impl RoleSchema for $table {
            fn port(key: &$key) -> PortId { key.port }
            fn key(port: PortId) -> $key { $key { port } }
            fn role($action::$variant { role }: $action) -> Role { role }
            fn action(role: Role) -> $action { $action::$variant { role } }
        })+
    };
}

roles! {
    PortRole(PortRoleKey) = PortRoleAction::SetRole;
    EgressRole(EgressRoleKey) = EgressRoleAction::SetEgressRole;
}

/// The roles of the ports, by direct index.
#[derive(Debug)]
pub(crate) struct Ports<T: RoleSchema> {
    /// As long as the largest port number with a role needs.
    slots: Vec<Option<Slot<T::Action>>>,
}

impl<T: RoleSchema> Default for Ports<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T: RoleSchema> Ports<T> {
    /// The port's role, and the entry's counters.
    #[inline]
    pub(crate) fn find(&self, port: PortId) -> Option<(Role, &Counters)> {
        let slot = self.slots.get(usize::from(port.0))?.as_ref()?;
        Some((T::role(slot.action), &slot.counters))
    }
}

impl<T: RoleSchema> Table<T> for Ports<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, Option<&Counters>)> {
        self.find(T::port(key)).map(|(role, counters)| (T::action(role), Some(counters)))
    }

    fn insert(&mut self, key: &T::Key, action: T::Action, size: usize) -> Result<(), Refusal> {
        let full = Table::<T>::len(self) >= size;
        let index = usize::from(T::port(key).0);
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        match self.slots.get_mut(index) {
            Some(Some(_)) => Err(Refusal::Exists),
            Some(empty) if !full => {
                *empty = Some(Slot::new(action));
                Ok(())
            }
            _ => Err(Refusal::Full),
        }
    }

    fn modify(&mut self, key: &T::Key, action: T::Action) -> bool {
        let slot = self.slots.get_mut(usize::from(T::port(key).0)).and_then(Option::as_mut);
        slot.map(|slot| slot.action = action).is_some()
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        self.slots.get_mut(usize::from(T::port(key).0)).is_some_and(|slot| slot.take().is_some())
    }

    fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    fn clear(&mut self) {
        self.slots.clear();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        for (port, slot) in (0..).zip(&self.slots) {
            if let Some(slot) = slot {
                visit(T::key(PortId(port)), slot.action, Some(&slot.counters));
            }
        }
    }
}
