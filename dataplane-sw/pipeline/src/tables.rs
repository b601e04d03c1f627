//! The tables: one exact, one longest-prefix, two by port, one without key, and but for the last a counter in every
//! entry; two copies of all of them, so that reads never wait for writes.

mod double;
mod exact;
mod key;
mod limits;
mod lpm;
mod ports;
mod single;
mod writer;

use mimiq_contract::{Entry, EntryKey, TableSchema, tables as schema};

use crate::counters::Counters;
pub use double::{ReadGuard, TableReader};
pub use limits::{TableError, TableSizes};
pub use writer::{Edit, TableWriter};

pub(crate) use self::key::{ExactSchema, location};
use self::{double::Double, exact::Exact, lpm::Lpm, ports::Ports, single::Single};

/// What all kinds of table can do for their writer.
trait Table<T: TableSchema> {
    /// The action, and the counters where the table has some.
    fn get(&self, key: &T::Key) -> Option<(T::Action, Option<&Counters>)>;
    /// Adds an entry with counters at zero, as long as there are fewer than `size`.
    fn insert(&mut self, key: &T::Key, action: T::Action, size: usize) -> Result<(), Refusal>;
    /// Sets the action of an entry and keeps its counters. Whether there is one.
    fn modify(&mut self, key: &T::Key, action: T::Action) -> bool;
    /// Whether there was such an entry.
    fn remove(&mut self, key: &T::Key) -> bool;
    fn len(&self) -> usize;
    fn clear(&mut self);
    fn for_each(&self, visit: &mut Visitor<'_, T>);
}

/// Why a table does not take a new entry.
enum Refusal {
    Exists,
    Full,
    Keyless,
}

type Visitor<'v, T> = dyn FnMut(<T as TableSchema>::Key, <T as TableSchema>::Action, Option<&Counters>) + 'v;

macro_rules! all_tables {
    ($($field:ident: $kind:ident<$table:ident>),+ $(,)?) => {
        /// One copy of all tables, as the pipeline sees them.
        #[derive(Debug, Default)]
        pub struct Tables { $(pub(crate) $field: $kind<schema::$table>),+ }

        /// The size of each table.
        #[derive(Debug, Clone)]
        struct Limits { $($field: usize),+ }

        impl Limits {
            fn new(sizes: &TableSizes) -> Self {
                Self { $($field: sizes.get(schema::$table::ID)),+ }
            }
        }

        impl Tables {
            fn get(&self, key: &EntryKey) -> Option<(Entry, Option<&Counters>)> {
                match key {
                    $(EntryKey::$table(key) => {
                        let (action, counters) = self.$field.get(key)?;
                        Some((Entry::$table(*key, action), counters))
                    })+
                }
            }

            #[inline]
            fn insert(&mut self, entry: &Entry, limits: &Limits) -> Result<(), TableError> {
                match entry {
                    $(Entry::$table(key, action) => {
                        let (table, size) = (schema::$table::NAME, limits.$field);
                        self.$field.insert(key, *action, size).map_err(|refusal| match refusal {
                            Refusal::Exists => TableError::AlreadyExists { table },
                            Refusal::Full => TableError::Full { table, size },
                            Refusal::Keyless => TableError::Keyless { table },
                        })
                    })+
                }
            }

            /// Adds an entry that is surely not there and has room.
            #[inline]
            fn insert_again(&mut self, entry: &Entry) {
                match entry {
                    // The other copy, which is equal, took it.
                    $(Entry::$table(key, action) => drop(self.$field.insert(key, *action, usize::MAX))),+
                }
            }

            #[inline]
            fn modify(&mut self, entry: &Entry) -> bool {
                match entry { $(Entry::$table(key, action) => self.$field.modify(key, *action)),+ }
            }

            #[inline]
            fn remove(&mut self, key: &EntryKey) -> bool {
                match key { $(EntryKey::$table(key) => self.$field.remove(key)),+ }
            }

            fn len(&self, table_id: u32) -> usize {
                match table_id {
                    $(schema::$table::ID => Table::<schema::$table>::len(&self.$field),)+
                    _ => 0,
                }
            }

            fn clear(&mut self) {
                $(Table::<schema::$table>::clear(&mut self.$field);)+
            }

            fn for_each(&self, table_id: u32, f: &mut dyn FnMut(Entry, Option<&Counters>)) {
                match table_id {
                    $(schema::$table::ID => {
                        Table::<schema::$table>::for_each(&self.$field, &mut |key, action, counters| f(Entry::$table(key, action), counters));
                    })+
                    _ => {}
                }
            }
        }
    };
}

all_tables! {
    port_role: Ports<PortRole>,
    source_guard_v6: Exact<SourceGuardV6>,
    source_guard_v4: Exact<SourceGuardV4>,
    client_v6: Exact<ClientV6>,
    client_v4: Exact<ClientV4>,
    pool_v6: Lpm<PoolV6>,
    pool_v4: Lpm<PoolV4>,
    alias: Exact<Alias>,
    binding_v6: Exact<BindingV6>,
    binding_v4: Exact<BindingV4>,
    denied_source_v6: Lpm<DeniedSourceV6>,
    denied_source_v4: Lpm<DeniedSourceV4>,
    decap: Exact<Decap>,
    control_relay: Exact<ControlRelay>,
    relay_return: Exact<RelayReturn>,
    gateway_v6: Exact<GatewayV6>,
    gateway_v4: Exact<GatewayV4>,
    route_v6: Lpm<RouteV6>,
    route_v4: Lpm<RouteV4>,
    switch_info: Single<SwitchInfo>,
    egress_role: Ports<EgressRole>,
}

/// Empty tables with these sizes: their only writer, and a reader to clone for each worker thread.
pub fn tables(sizes: &TableSizes) -> (TableWriter, TableReader) {
    let double = Double::new(Tables::default(), Tables::default());
    (TableWriter::new(double.clone(), sizes), TableReader::new(double))
}
