//! Entries as text, with the names of the p4info.

use std::{collections::HashMap, net::Ipv4Addr, net::Ipv6Addr};

use mimiq_contract::{Entry, EntryKey, MacAddr, P4INFO_TEXT};
use p4runtime::v1::{FieldMatch, TableEntry, field_match::FieldMatchType, table_action};

/// Names and widths of tables, fields, actions and parameters.
pub(super) struct Names {
    tables: HashMap<u32, Named>,
    actions: HashMap<u32, Named>,
}

struct Named {
    name: String,
    /// Of fields or parameters, by ID.
    parts: HashMap<u32, (String, i32)>,
}

impl Names {
    pub(super) fn new() -> Result<Self, p4runtime::TextError> {
        let p4info = p4runtime::p4info_from_text(P4INFO_TEXT)?;
        let tables = p4info.tables.into_iter().filter_map(|table| {
            let preamble = table.preamble?;
            let parts = table.match_fields.into_iter().map(|field| (field.id, (field.name, field.bitwidth))).collect();
            Some((preamble.id, Named { name: preamble.alias, parts }))
        });
        let actions = p4info.actions.into_iter().filter_map(|action| {
            let preamble = action.preamble?;
            let parts = action.params.into_iter().map(|param| (param.id, (param.name, param.bitwidth))).collect();
            Some((preamble.id, Named { name: preamble.alias, parts }))
        });
        Ok(Self { tables: tables.collect(), actions: actions.collect() })
    }

    /// The table's name.
    pub(super) fn table(&self, id: u32) -> String {
        self.tables.get(&id).map(|table| table.name.clone()).unwrap_or_default()
    }

    /// The match fields.
    pub(super) fn key(&self, key: &EntryKey) -> String {
        let TableEntry { table_id, r#match, .. } = key.to_p4();
        let Some(table) = self.tables.get(&table_id) else { return String::new() };
        let field = |field: &FieldMatch| {
            let (name, bits) = table.parts.get(&field.field_id)?;
            match field.field_match_type.as_ref()? {
                FieldMatchType::Exact(exact) => Some(format!("{name}={}", value(name, *bits, &exact.value))),
                FieldMatchType::Lpm(lpm) => {
                    Some(format!("{name}={}/{}", value(name, *bits, &lpm.value), lpm.prefix_len))
                }
                _ => None,
            }
        };
        let fields: Vec<String> = r#match.iter().filter_map(field).collect();
        // A prefix of length 0 is not written.
        if fields.is_empty() && !table.parts.is_empty() { "any".into() } else { fields.join(" ") }
    }

    /// The action with its parameters.
    pub(super) fn action(&self, entry: &Entry) -> String {
        let Some(table_action::Type::Action(action)) = entry.to_p4().action.and_then(|action| action.r#type) else {
            return String::new();
        };
        let Some(named) = self.actions.get(&action.action_id) else { return String::new() };
        let mut text = named.name.clone();
        for param in &action.params {
            if let Some((name, bits)) = named.parts.get(&param.param_id) {
                text += &format!(" {name}={}", value(name, *bits, &param.value));
            }
        }
        text
    }
}

/// A value by its width: addresses and MACs as such, roles by name, anything else as a number.
fn value(name: &str, bits: i32, bytes: &[u8]) -> String {
    let number = bytes.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    match bits {
        128 => Ipv6Addr::from_bits(number).to_string(),
        32 => Ipv4Addr::from_bits(number as u32).to_string(),
        48 => {
            let [.., a, b, c, d, e, f] = number.to_be_bytes();
            MacAddr([a, b, c, d, e, f]).to_string()
        }
        2 if name == "role" => match number {
            1 => "client".into(),
            2 => "fabric".into(),
            3 => "upstream".into(),
            _ => number.to_string(),
        },
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mimiq_contract::{PortId, Prefix, Role, tables::*};

    use super::*;

    #[test]
    fn entries_are_readable() {
        let names = Names::new().unwrap();
        let text = |entry: Entry| {
            let key = entry.key();
            format!("{} {} -> {}", names.table(key.table_id()), names.key(&key), names.action(&entry))
        };
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        let guard = SourceGuardV6Key { port: PortId(1), src_mac: mac, src_addr: "2001:db8::7".parse().unwrap() };
        assert_eq!(
            text(Entry::SourceGuardV6(guard, SourceGuardV6Action::Permit {})),
            "source_guard_v6 port=1 src_mac=02:00:00:00:00:01 src_addr=2001:db8::7 -> permit_v6"
        );
        let route = |addr: Ipv4Addr, len| {
            let action = RouteV4Action::Forward { port: PortId(3), src_mac: mac, dst_mac: mac };
            text(Entry::RouteV4(RouteV4Key { dst_addr: Prefix::new(addr, len).unwrap() }, action))
        };
        let forward = "forward_v4 port=3 src_mac=02:00:00:00:00:01 dst_mac=02:00:00:00:00:01";
        assert_eq!(route(Ipv4Addr::new(10, 0, 0, 0), 8), format!("route_v4 dst_addr=10.0.0.0/8 -> {forward}"));
        assert_eq!(route(Ipv4Addr::UNSPECIFIED, 0), format!("route_v4 any -> {forward}"));
        for (role, name) in [(Role::Client, "client"), (Role::Fabric, "fabric"), (Role::Upstream, "upstream")] {
            let entry = Entry::PortRole(PortRoleKey { port: PortId(0) }, PortRoleAction::SetRole { role });
            assert_eq!(text(entry), format!("port_role port=0 -> set_role role={name}"));
        }
    }
}
