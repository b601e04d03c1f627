//! One entry of every table with every action, and devices to write them to.

use std::{
    net::Ipv6Addr,
    sync::{Arc, OnceLock},
};

use mimiq_contract::{Entry, MacAddr, P4INFO_TEXT, PortId, Prefix, Role, ids, tables::*};
use mimiq_pipeline::{DropCounters, TableReader};
use mimiq_switch::{Device, ItemError, pipeline_config::PipelineConfig, tables};
use p4runtime::{
    config::v1::P4Info,
    v1::{
        CounterData, CounterEntry, Entity, ForwardingPipelineConfig, Index, ReadRequest,
        SetForwardingPipelineConfigRequest, TableEntry, Uint128, Update, WriteRequest, entity,
        set_forwarding_pipeline_config_request::Action, update::Type,
    },
};
use tonic::Code;

pub(crate) const DEVICE: u64 = 42;

pub(crate) fn contract() -> P4Info {
    static CONTRACT: OnceLock<P4Info> = OnceLock::new();
    CONTRACT.get_or_init(|| p4runtime::p4info_from_text(P4INFO_TEXT).unwrap()).clone()
}

pub(crate) struct Rig {
    pub(crate) device: Device,
    pub(crate) drops: Arc<DropCounters>,
    pub(crate) reader: TableReader,
}

/// A switch without configuration, its tables shrunk to `size` if that is given.
pub(crate) fn rig(size: Option<i64>) -> Rig {
    let mut contract = contract();
    if let Some(size) = size {
        contract.tables.iter_mut().for_each(|t| t.size = size);
    }
    let (writer, reader) = mimiq_pipeline::tables(&tables::sizes(&contract));
    let drops = Arc::new(DropCounters::default());
    let tables = tables::Tables::new(writer, drops.clone(), &contract);
    Rig { device: Device::new(DEVICE, PipelineConfig::new(contract), tables), drops, reader }
}

/// A switch whose primary has election ID 1 and has set the configuration.
pub(crate) fn ready_rig(size: Option<i64>) -> Rig {
    let mut rig = rig(size);
    rig.device.arbitration.update(mimiq_switch::arbitration::StreamId(1), "", Some(1)).unwrap();
    let mut p4info = contract();
    if let Some(size) = size {
        p4info.tables.iter_mut().for_each(|t| t.size = size);
    }
    rig.device.set_config(set_config(Action::VerifyAndCommit, Some(p4info))).unwrap();
    rig
}

pub(crate) fn set_config(action: Action, p4info: Option<P4Info>) -> SetForwardingPipelineConfigRequest {
    SetForwardingPipelineConfigRequest {
        device_id: DEVICE,
        election_id: Some(Uint128 { high: 0, low: 1 }),
        action: action as i32,
        config: p4info.map(|p4info| ForwardingPipelineConfig { p4info: Some(p4info), ..Default::default() }),
        ..Default::default()
    }
}

pub(crate) fn update(kind: Type, entry: TableEntry) -> Update {
    Update { r#type: kind as i32, entity: Some(Entity { entity: Some(entity::Entity::TableEntry(entry)) }) }
}

pub(crate) fn write(updates: Vec<Update>) -> WriteRequest {
    WriteRequest { device_id: DEVICE, election_id: Some(Uint128 { high: 0, low: 1 }), updates, ..Default::default() }
}

/// The default entry of the table without key.
pub(crate) fn switch_info(mtu: u16) -> Entry {
    Entry::SwitchInfo(
        SwitchInfoKey {},
        SwitchInfoAction::SetSwitchInfo {
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            tunnel_addr: v6(1),
            icmp_addr_v6: v6(2),
            icmp_addr_v4: "10.0.0.1".parse().unwrap(),
            fabric_mtu: mtu,
        },
    )
}

pub(crate) fn v6(n: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xfd00 << 112 | n)
}

pub(crate) fn client(n: u128, port: u16) -> Entry {
    Entry::ClientV6(
        ClientV6Key { dst_addr: v6(n) },
        ClientV6Action::Deliver { port: PortId(port), mac: MacAddr([2; 6]) },
    )
}

/// An entry of each table with each of its actions, but for `switch_info`; pairs of (entry, the entry modified).
pub(crate) fn samples() -> Vec<(Entry, Entry)> {
    let (mac, mac2) = (MacAddr([2, 0, 0, 0, 0, 9]), MacAddr([2, 0, 0, 0, 0, 10]));
    let v4 = |text: &str| text.parse().unwrap();
    let (port, port2) = (PortId(0), PortId(511));
    let p6 = |n: u128, len| Prefix::new(v6(n << 64), len).unwrap();
    let p4 = |text: &str, len| Prefix::new(v4(text), len).unwrap();
    macro_rules! pair {
        ($table:ident, $key:expr, $a:expr, $b:expr) => {
            (Entry::$table($key, $a), Entry::$table($key, $b))
        };
    }
    let relay = |sid| ControlRelayAction::RelayToController { sid, switch_addr: v6(1), controller_addr: v6(2) };
    let mut out = vec![
        pair!(
            PortRole,
            PortRoleKey { port },
            PortRoleAction::SetRole { role: Role::Client },
            PortRoleAction::SetRole { role: Role::Upstream }
        ),
        pair!(
            EgressRole,
            EgressRoleKey { port },
            EgressRoleAction::SetEgressRole { role: Role::Client },
            EgressRoleAction::SetEgressRole { role: Role::Fabric }
        ),
        pair!(
            SourceGuardV6,
            SourceGuardV6Key { port: port2, src_mac: mac, src_addr: v6(7) },
            SourceGuardV6Action::Permit {},
            SourceGuardV6Action::Permit {}
        ),
        pair!(
            SourceGuardV4,
            SourceGuardV4Key { port: port2, src_mac: mac, src_addr: v4("192.0.2.1") },
            SourceGuardV4Action::Permit {},
            SourceGuardV4Action::Permit {}
        ),
        pair!(
            ClientV6,
            ClientV6Key { dst_addr: v6(7) },
            ClientV6Action::Deliver { port, mac },
            ClientV6Action::Deliver { port: port2, mac: mac2 }
        ),
        pair!(
            ClientV4,
            ClientV4Key { dst_addr: v4("192.0.2.1") },
            ClientV4Action::Deliver { port, mac },
            ClientV4Action::Deliver { port: port2, mac: mac2 }
        ),
        pair!(
            Alias,
            AliasKey { alias_prefix: v6(0) },
            AliasAction::Tunnel { switch_addr: v6(1) },
            AliasAction::Tunnel { switch_addr: v6(2) }
        ),
        pair!(
            BindingV6,
            BindingV6Key { dst_addr: v6(0) },
            BindingV6Action::Tunnel { switch_addr: v6(1) },
            BindingV6Action::Tunnel { switch_addr: v6(2) }
        ),
        pair!(
            BindingV4,
            BindingV4Key { dst_addr: v4("0.0.0.0") },
            BindingV4Action::Tunnel { switch_addr: v6(1) },
            BindingV4Action::Tunnel { switch_addr: v6(2) }
        ),
        pair!(
            Decap,
            DecapKey { outer_src: v6(1), outer_dst: v6(2) },
            DecapAction::Decapsulate {},
            DecapAction::Decapsulate {}
        ),
        pair!(ControlRelay, ControlRelayKey { dst_addr: v6(9), udp_dst_port: 54171 }, relay(1), relay(65535)),
        pair!(
            RelayReturn,
            RelayReturnKey { src_addr: v6(2), dst_addr: v6(1), udp_dst_port: 0 },
            RelayReturnAction::RelayToClient {},
            RelayReturnAction::RelayToClient {}
        ),
        pair!(
            GatewayV6,
            GatewayV6Key { role: Role::Fabric, target_addr: v6(1) },
            GatewayV6Action::Answer { mac },
            GatewayV6Action::Answer { mac: mac2 }
        ),
        pair!(
            GatewayV4,
            GatewayV4Key { role: Role::Client, target_addr: v4("192.0.2.254") },
            GatewayV4Action::Answer { mac },
            GatewayV4Action::Answer { mac: mac2 }
        ),
        pair!(
            PoolV6,
            PoolV6Key { dst_addr: p6(5, 48) },
            PoolV6Action::AliasPool { mask: v6(u128::MAX >> 16 << 32) },
            PoolV6Action::BindingPool {}
        ),
        pair!(
            PoolV4,
            PoolV4Key { dst_addr: p4("10.0.0.0", 8) },
            PoolV4Action::BindingPool {},
            PoolV4Action::BindingPool {}
        ),
    ];
    for len in [0, 1, 64, 128] {
        let forward = |port| RouteV6Action::Forward { port, src_mac: mac, dst_mac: mac2 };
        out.push(pair!(RouteV6, RouteV6Key { dst_addr: p6(3, len) }, forward(port), forward(port2)));
        let key = DeniedSourceV6Key { src_addr: p6(3, len) };
        out.push(pair!(DeniedSourceV6, key, DeniedSourceV6Action::Deny {}, DeniedSourceV6Action::Deny {}));
    }
    for len in [0, 1, 24, 32] {
        let forward = |port| RouteV4Action::Forward { port, src_mac: mac, dst_mac: mac2 };
        out.push(pair!(RouteV4, RouteV4Key { dst_addr: p4("192.0.2.0", len) }, forward(port), forward(port2)));
        let key = DeniedSourceV4Key { src_addr: p4("192.0.2.0", len) };
        out.push(pair!(DeniedSourceV4, key, DeniedSourceV4Action::Deny {}, DeniedSourceV4Action::Deny {}));
    }
    out
}

/// What a read of one entity finds, and its results.
pub(crate) fn read(device: &Device, entity: entity::Entity) -> (Vec<entity::Entity>, Vec<Result<(), ItemError>>) {
    let entities = vec![Entity { entity: Some(entity) }];
    let outcome = device.read(&ReadRequest { device_id: DEVICE, entities, ..Default::default() }).unwrap();
    let results = outcome.results.clone();
    (outcome.into_messages().flat_map(|m| m.entities).filter_map(|e| e.entity).collect(), results)
}

pub(crate) fn codes(results: &[Result<(), ItemError>]) -> Vec<Code> {
    results.iter().map(|r| r.as_ref().err().map_or(Code::Ok, |e| e.code)).collect()
}

pub(crate) fn drop_counter(kind: Type, index: Option<i64>, data: Option<CounterData>) -> Update {
    let index = index.map(|index| Index { index });
    let entry = CounterEntry { counter_id: ids::COUNTER_DROP_REASON, index, data };
    Update { r#type: kind as i32, entity: Some(Entity { entity: Some(entity::Entity::CounterEntry(entry)) }) }
}
