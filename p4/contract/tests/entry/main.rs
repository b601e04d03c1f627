//! Entries to P4Runtime and back, and what arrives instead of them.

#![allow(clippy::unwrap_used, clippy::panic)] // the lints' exception for tests leaves out their helpers

#[path = "../common/mod.rs"]
mod common;
mod generate;
mod wire;

use common::TABLES;
use generate::{Valid, arbitrary, valid};
use mimiq_contract::{Entry, EntryKey};
use p4runtime::v1::{TableEntry, action::Param, field_match::FieldMatchType, table_action};
use proptest::prelude::*;

fn params(entry: &mut TableEntry) -> &mut Vec<Param> {
    match entry.action.as_mut().unwrap().r#type.as_mut().unwrap() {
        table_action::Type::Action(action) => &mut action.params,
        other => panic!("{other:?}"),
    }
}

/// All byte strings of an entry, with the names of their fields and parameters.
fn values<'a>(valid: &Valid, entry: &'a mut TableEntry) -> Vec<(&'static str, &'a mut Vec<u8>)> {
    let TableEntry { r#match, action, .. } = entry;
    let fields = r#match.iter_mut().map(|f| {
        let name = valid.table.fields[f.field_id as usize - 1].name;
        match f.field_match_type.as_mut().unwrap() {
            FieldMatchType::Exact(exact) => (name, &mut exact.value),
            FieldMatchType::Lpm(lpm) => (name, &mut lpm.value),
            other => panic!("{other:?}"),
        }
    });
    let params = match action.as_mut().unwrap().r#type.as_mut().unwrap() {
        table_action::Type::Action(action) => action.params.iter_mut(),
        other => panic!("{other:?}"),
    };
    let params = params.map(|p| (valid.action.params[p.param_id as usize - 1].0, &mut p.value));
    fields.chain(params).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn round_trip(valid in valid()) {
        let entry = Entry::from_p4(&valid.entry).unwrap();
        // What is written is canonical: `valid` is so by its own reckoning.
        prop_assert_eq!(&entry.to_p4(), &valid.entry);
        prop_assert_eq!(Entry::from_p4(&entry.to_p4()), Ok(entry));

        let key = EntryKey::from_p4(&valid.entry).unwrap();
        prop_assert_eq!(key, entry.key());
        prop_assert_eq!(key.table_id(), valid.table.id);
        prop_assert_eq!(key.to_p4(), TableEntry { action: None, ..valid.entry.clone() });
        prop_assert_eq!(EntryKey::from_p4(&key.to_p4()), Ok(key));
    }

    #[test]
    fn leading_zeros_are_accepted(valid in valid(), zeros in 0..40usize) {
        let mut padded = valid.entry.clone();
        for (_, value) in values(&valid, &mut padded) {
            value.splice(0..0, vec![0; zeros]);
        }
        prop_assert_eq!(Entry::from_p4(&padded).map(|e| e.to_p4()), Ok(valid.entry));
    }

    #[test]
    fn the_order_of_fields_and_parameters_is_free(valid in valid()) {
        let mut reversed = valid.entry.clone();
        reversed.r#match.reverse();
        params(&mut reversed).reverse();
        prop_assert_eq!(Entry::from_p4(&reversed), Entry::from_p4(&valid.entry));
    }

    #[test]
    fn values_that_do_not_fit_are_refused_by_name(valid in valid(), which: prop::sample::Index, wide in any::<[u8; 17]>()) {
        let count = values(&valid, &mut valid.entry.clone()).len();
        prop_assume!(count > 0);
        for bytes in [vec![], [&[1][..], &wide].concat(), [1u8; 100].to_vec()] {
            let mut entry = valid.entry.clone();
            let (name, value) = values(&valid, &mut entry).swap_remove(which.index(count));
            value.clone_from(&bytes);
            let error = Entry::from_p4(&entry).unwrap_err().to_string();
            prop_assert!(error.contains(valid.table.name) && error.contains(name), "{}", error);
            prop_assert!(error.contains(&hex(&bytes[..bytes.len().min(64)])), "{}", error);
        }
    }

    #[test]
    fn one_bit_too_many_is_refused(valid in valid()) {
        for (i, (_, bits)) in valid.action.params.iter().enumerate().filter(|(_, (_, bits))| *bits < 128) {
            let mut entry = valid.entry.clone();
            params(&mut entry)[i].value = (1u128 << bits).to_be_bytes().to_vec();
            let error = Entry::from_p4(&entry).unwrap_err().to_string();
            prop_assert!(error.ends_with(&format!("does not fit {bits} bits")), "{}", error);
        }
    }

    #[test]
    fn host_bits_are_refused(valid in valid()) {
        for (i, field) in valid.entry.r#match.iter().enumerate() {
            if let Some(FieldMatchType::Lpm(lpm)) = &field.field_match_type {
                let bits = valid.table.fields[field.field_id as usize - 1].bits;
                prop_assume!((lpm.prefix_len as u32) < bits);
                let mut entry = valid.entry.clone();
                let mut lpm = lpm.clone();
                *lpm.value.last_mut().unwrap() |= 1;
                let value = hex(&lpm.value);
                entry.r#match[i].field_match_type = Some(FieldMatchType::Lpm(lpm));
                let error = Entry::from_p4(&entry).unwrap_err().to_string();
                prop_assert!(error.contains(valid.table.name) && error.contains("_addr = 0x"), "{}", error);
                prop_assert!(error.contains(&value) && error.contains("behind prefix_len"), "{}", error);
            }
        }
    }

    #[test]
    fn prefix_lengths_outside_the_address_are_refused(valid in valid(), len in any::<i32>()) {
        for (i, field) in valid.entry.r#match.iter().enumerate() {
            if let Some(FieldMatchType::Lpm(lpm)) = &field.field_match_type {
                let bits = valid.table.fields[field.field_id as usize - 1].bits as i32;
                prop_assume!(!(1..=bits).contains(&len));
                let mut entry = valid.entry.clone();
                let lpm = p4runtime::v1::field_match::Lpm { prefix_len: len, ..lpm.clone() };
                entry.r#match[i].field_match_type = Some(FieldMatchType::Lpm(lpm));
                let error = Entry::from_p4(&entry).unwrap_err().to_string();
                prop_assert!(error.contains(&format!("prefix_len {len} ")), "{}", error);
            }
        }
    }

    #[test]
    fn missing_repeated_and_unknown_fields_are_refused(valid in valid(), id in 4..u32::MAX) {
        let table = valid.table;
        for (i, field) in table.fields.iter().enumerate() {
            if let Some(position) = valid.entry.r#match.iter().position(|f| f.field_id as usize == i + 1) {
                let mut repeated = valid.entry.clone();
                repeated.r#match.push(repeated.r#match[position].clone());
                prop_assert!(Entry::from_p4(&repeated).unwrap_err().to_string().contains("repeated"));

                let mut missing = valid.entry.clone();
                missing.r#match.remove(position);
                match field.match_type {
                    mimiq_contract::MatchType::Exact => {
                        let error = Entry::from_p4(&missing).unwrap_err().to_string();
                        prop_assert_eq!(error, format!("{}: match field {} is missing", table.name, field.name));
                    }
                    mimiq_contract::MatchType::Lpm => prop_assert!(Entry::from_p4(&missing).is_ok(), "the default route"),
                }
            }
        }
        let mut unknown = valid.entry.clone();
        unknown.r#match.push(p4runtime::v1::FieldMatch { field_id: id, field_match_type: None });
        let error = Entry::from_p4(&unknown).unwrap_err().to_string();
        prop_assert_eq!(error, format!("{}: match field_id {} is unknown or repeated", table.name, id));
    }

    #[test]
    fn missing_repeated_and_unknown_parameters_are_refused(valid in valid(), id in 6..u32::MAX) {
        for i in 0..valid.action.params.len() {
            let mut missing = valid.entry.clone();
            params(&mut missing).remove(i);
            let error = Entry::from_p4(&missing).unwrap_err().to_string();
            prop_assert!(error.contains(&format!("param_id {}", i + 1)), "{}", error);
            let mut repeated = valid.entry.clone();
            let param = params(&mut repeated)[i].clone();
            params(&mut repeated).push(param);
            let error = Entry::from_p4(&repeated).unwrap_err().to_string();
            prop_assert!(error.contains(&format!("param_id {}", i + 1)), "{}", error);
        }
        let mut unknown = valid.entry.clone();
        params(&mut unknown).push(Param { param_id: id, value: vec![1] });
        let error = Entry::from_p4(&unknown).unwrap_err().to_string();
        prop_assert!(error.contains(valid.table.name) && error.contains(&format!("param_id {id}")), "{}", error);
    }

    #[test]
    fn priorities_and_misplaced_defaults_are_refused(valid in valid(), priority in any::<i32>()) {
        prop_assume!(priority != 0);
        let entry = TableEntry { priority, ..valid.entry.clone() };
        let error = Entry::from_p4(&entry).unwrap_err().to_string();
        prop_assert!(error.starts_with(&format!("{}: priority = {priority}", valid.table.name)), "{}", error);

        let is_default_action = !valid.entry.is_default_action;
        let error = Entry::from_p4(&TableEntry { is_default_action, ..valid.entry }).unwrap_err().to_string();
        prop_assert!(error.starts_with(&format!("{}: is_default_action = ", valid.table.name)), "{}", error);
    }

    #[test]
    fn anything_is_read_or_refused_by_name(entry in arbitrary()) {
        match Entry::from_p4(&entry) {
            Ok(read) => {
                prop_assert_eq!(Entry::from_p4(&read.to_p4()), Ok(read));
                prop_assert_eq!(EntryKey::from_p4(&entry), Ok(read.key()));
            }
            Err(error) => {
                let error = error.to_string();
                match TABLES.iter().find(|t| t.id == entry.table_id) {
                    Some(table) => prop_assert!(error.starts_with(&format!("{}: ", table.name)), "{}", error),
                    None => prop_assert!(error.contains(&format!("{:#010x}", entry.table_id)), "{}", error),
                }
            }
        }
    }
}

#[test]
fn reserved_roles_are_refused() {
    let role = |value: u8| {
        let entry = Entry::PortRole(
            mimiq_contract::tables::PortRoleKey { port: mimiq_contract::PortId(1) },
            mimiq_contract::tables::PortRoleAction::SetRole { role: mimiq_contract::Role::Client },
        );
        let mut entry = entry.to_p4();
        params(&mut entry)[0].value = vec![value];
        Entry::from_p4(&entry)
    };
    assert_eq!(role(0).unwrap_err().to_string(), "port_role: role = 0x00: is reserved");
    assert!((1..=3).all(|n| role(n).is_ok()));
}
