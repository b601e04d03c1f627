//! A p4info that is not the contract's is refused with what differs.

use mimiq_switch::{
    differences,
    pipeline_config::{Effect, PipelineConfig},
};
use p4runtime::config::v1::{
    Action, Documentation, P4Info, P4TypeInfo, PkgInfo, Register, Table, TableActionCall, match_field, meter_spec,
};

use p4runtime::v1::{
    ForwardingPipelineConfig, get_forwarding_pipeline_config_request::ResponseType,
    set_forwarding_pipeline_config_request::Action as ConfigAction,
};

use crate::common::contract;

type Change = fn(&mut P4Info);

/// Compilers write tables and actions in an order of their own.
fn table<'a>(info: &'a mut P4Info, alias: &str) -> &'a mut Table {
    info.tables.iter_mut().find(|t| t.preamble.as_ref().unwrap().alias == alias).unwrap()
}

fn action<'a>(info: &'a mut P4Info, alias: &str) -> &'a mut Action {
    info.actions.iter_mut().find(|a| a.preamble.as_ref().unwrap().alias == alias).unwrap()
}

#[test]
fn each_difference_is_named() {
    let changes: [(Change, &[&str]); 16] = [
        (|i| i.tables.retain(|t| t.size != 65536), &["table alias", "missing"]),
        (
            |i| {
                let again = table(i, "port_role").clone();
                i.tables.push(again);
            },
            &["table port_role", "repeated"],
        ),
        (|i| table(i, "port_role").preamble.as_mut().unwrap().id += 1 << 10, &["port_role", "missing", "unknown"]),
        (
            |i| table(i, "port_role").preamble.as_mut().unwrap().alias = "ports".into(),
            &["alias", "\"ports\"", "\"port_role\""],
        ),
        (|i| table(i, "port_role").size = 3, &["table port_role: size is 3, must be 512"]),
        (
            |i| table(i, "source_guard_v6").match_fields[1].bitwidth = 32,
            &["source_guard_v6", "src_mac", "bitwidth is 32, must be 48"],
        ),
        (
            |i| {
                let lpm = match_field::Match::MatchType(match_field::MatchType::Lpm as i32);
                table(i, "source_guard_v6").match_fields[2].r#match = Some(lpm);
            },
            &["source_guard_v6", "src_addr", "LPM", "EXACT"],
        ),
        (|i| drop(table(i, "source_guard_v6").match_fields.pop()), &["source_guard_v6", "src_addr", "missing"]),
        (|i| drop(table(i, "port_role").action_refs.remove(0)), &["table port_role: action_refs"]),
        (|i| action(i, "set_role").params[0].name = "kind".into(), &["action set_role", "\"kind\"", "\"role\""]),
        (
            |i| action(i, "tunnel_v4").params[0].bitwidth = 32,
            &["action tunnel_v4: param switch_addr: bitwidth is 32, must be 128"],
        ),
        (|i| i.counters[0].size = 7, &["counter drop_reason: size is 7, must be 64"]),
        (|i| i.meters.clear(), &["meter icmp_error_meter", "missing"]),
        (|i| i.meters[0].size = 2, &["meter icmp_error_meter: size is 2, must be 1"]),
        (
            |i| i.meters[0].spec.as_mut().unwrap().unit = meter_spec::Unit::Bytes as i32,
            &["meter icmp_error_meter: unit is Some(1), must be Some(2)"],
        ),
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
    given.counters.reverse();
    given.direct_counters.reverse();
    for table in &mut given.tables {
        let preamble = table.preamble.as_mut().unwrap();
        preamble.annotations.push("@hidden".into());
        preamble.doc = Some(Documentation { brief: "A table.".into(), ..Default::default() });
        table.action_refs.reverse();
        table.action_refs[0].annotations.push("@tableonly".into());
        table.match_fields.reverse();
        table.initial_default_action = Some(TableActionCall::default());
    }
    for action in &mut given.actions {
        action.preamble.as_mut().unwrap().annotations.push("@noWarn(\"unused\")".into());
        action.params.reverse();
    }
    given.type_info = Some(P4TypeInfo::default());
    assert_eq!(differences(&contract(), &given), [""; 0]);
}

/// What a compiler made for another target comes with the p4info; this pipeline needs none of it.
#[test]
fn a_device_configuration_is_kept_and_not_looked_at() {
    let mut config = PipelineConfig::new(contract());
    let bmv2 = b"{\"header_types\": []}".repeat(20_000);
    let pushed =
        ForwardingPipelineConfig { p4info: Some(contract()), p4_device_config: bmv2.clone(), ..Default::default() };
    assert_eq!(config.set(ConfigAction::VerifyAndCommit as i32, Some(pushed.clone())).unwrap(), Effect::Clear);
    assert_eq!(config.get(ResponseType::All as i32).unwrap(), Some(pushed.clone()));
    let mut other = pushed;
    other.p4info.as_mut().unwrap().tables[0].size += 1;
    assert!(config.set(ConfigAction::VerifyAndCommit as i32, Some(other)).is_err(), "the p4info decides");
    assert_eq!(config.get(ResponseType::All as i32).unwrap().unwrap().p4_device_config, bmv2);
}
