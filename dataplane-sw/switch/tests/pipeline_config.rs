//! A p4info that is not the contract's is refused with what differs.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;

use common::contract;
use mimiq_switch::differences;
use p4runtime::config::v1::{P4Info, PkgInfo, Register, match_field};

type Change = fn(&mut P4Info);

#[test]
fn each_difference_is_named() {
    let changes: [(Change, &[&str]); 12] = [
        (|i| drop(i.tables.remove(0)), &["table port_role", "missing"]),
        (|i| i.tables.push(i.tables[0].clone()), &["table port_role", "repeated"]),
        (|i| i.tables[0].preamble.as_mut().unwrap().id += 1 << 10, &["port_role", "missing", "unknown"]),
        (|i| i.tables[0].preamble.as_mut().unwrap().alias = "ports".into(), &["alias", "\"ports\"", "\"port_role\""]),
        (|i| i.tables[0].size = 3, &["table port_role: size is 3, must be 512"]),
        (|i| i.tables[1].match_fields[1].bitwidth = 32, &["source_guard_v6", "src_mac", "bitwidth is 32, must be 48"]),
        (
            |i| {
                let lpm = match_field::Match::MatchType(match_field::MatchType::Lpm as i32);
                i.tables[1].match_fields[2].r#match = Some(lpm);
            },
            &["source_guard_v6", "src_addr", "LPM", "EXACT"],
        ),
        (|i| drop(i.tables[1].match_fields.pop()), &["source_guard_v6", "src_addr", "missing"]),
        (|i| drop(i.tables[0].action_refs.remove(0)), &["table port_role: action_refs"]),
        (|i| i.actions[0].params[0].name = "kind".into(), &["action set_role", "\"kind\"", "\"role\""]),
        (|i| i.counters[0].size = 7, &["counter drop_reason: size is 7, must be 64"]),
        (|i| i.registers.push(Register::default()), &["registers: 1 given, this pipeline has none"]),
    ];
    for (change, words) in changes {
        let mut given = contract();
        change(&mut given);
        let found = differences(&contract(), &given).join("; ");
        assert!(words.iter().all(|word| found.contains(word)), "{words:?}: {found}");
    }
}

#[test]
fn what_a_controller_cannot_notice_does_not_matter() {
    let mut given = contract();
    given.pkg_info = Some(PkgInfo { name: "other".into(), arch: "tna".into(), ..PkgInfo::default() });
    given.tables.reverse();
    given.actions.reverse();
    given.tables[0].preamble.as_mut().unwrap().annotations.push("@hidden".into());
    assert_eq!(differences(&contract(), &given), [""; 0]);
}
