//! The tables' schemas as values.

use std::sync::LazyLock;

use mimiq_contract::{ActionSchema, FieldSchema, TableSchema, tables};

/// A table's schema as a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) keyless: bool,
    pub(crate) fields: &'static [FieldSchema],
    pub(crate) actions: &'static [ActionSchema],
}

fn schema<T: TableSchema>() -> Table {
    Table { id: T::ID, name: T::NAME, keyless: T::KEYLESS, fields: T::FIELDS, actions: T::ACTIONS }
}

/// All tables in the order of their IDs.
pub(crate) static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    use tables::*;
    vec![
        schema::<PortRole>(),
        schema::<SourceGuardV6>(),
        schema::<SourceGuardV4>(),
        schema::<ClientV6>(),
        schema::<ClientV4>(),
        schema::<PoolV6>(),
        schema::<PoolV4>(),
        schema::<Alias>(),
        schema::<BindingV6>(),
        schema::<BindingV4>(),
        schema::<DeniedSourceV6>(),
        schema::<DeniedSourceV4>(),
        schema::<Decap>(),
        schema::<ControlRelay>(),
        schema::<RelayReturn>(),
        schema::<GatewayV6>(),
        schema::<GatewayV4>(),
        schema::<RouteV6>(),
        schema::<RouteV4>(),
        schema::<SwitchInfo>(),
        schema::<EgressRole>(),
    ]
});
