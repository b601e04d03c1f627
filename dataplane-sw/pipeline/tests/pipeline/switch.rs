//! A switch with entries for both roles: edge and client-facing.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use mimiq_contract::{
    DropReason, Entry, EntryKey, MacAddr, ParamField, PortId, Prefix, Role,
    tables::*,
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC, RELAY_PORT},
};
use mimiq_pipeline::{
    DropCounters, HEADROOM, IcmpErrorMeter, MeterRate, Packet, Pipeline, TableReader, TableSizes, TableWriter, Verdict,
    tables,
};

pub(crate) const CLIENT: PortId = PortId(1);
pub(crate) const OTHER_CLIENT: PortId = PortId(2);
pub(crate) const FABRIC: PortId = PortId(10);
pub(crate) const UPSTREAM: PortId = PortId(20);
pub(crate) const UNUSED: PortId = PortId(30);

pub(crate) const CLIENT_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(crate) const SWITCH_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(crate) const FABRIC_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 10]);
pub(crate) const UPSTREAM_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 20]);
pub(crate) const NEXT_SWITCH_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 10]);
pub(crate) const ROUTER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 20]);

pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc1);
pub(crate) const SWITCH: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const EDGE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
pub(crate) const CONTROLLER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0xc);
pub(crate) const ICMP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xc, 0, 0, 0, 0, 1);
pub(crate) const ICMP_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// A client of this switch, in a pool with aliases (IPv6) and bindings (IPv4).
pub(crate) const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 1, 0, 0, 0, 0xc1);
pub(crate) const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
/// Clients of another switch, by alias and by binding.
pub(crate) const FAR_ALIAS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0x77, 1, 2, 3, 4);
pub(crate) const FAR_BINDING: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 5);
pub(crate) const FAR_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
/// Nobody's, in the pools.
pub(crate) const FREE_ALIAS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0x78, 1, 2, 3, 4);
pub(crate) const FREE_BINDING: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 6);
pub(crate) const FREE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 6);
/// Servers in the Internet, and hosts routed inside the fabric.
pub(crate) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
pub(crate) const SERVER_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const INSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
pub(crate) const INSIDE_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// No route leads here.
pub(crate) const NOWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const NOWHERE_V4: Ipv4Addr = Ipv4Addr::new(11, 0, 0, 1);
pub(crate) const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

pub(crate) const FABRIC_MTU: u16 = 1500;
pub(crate) const SID: u16 = 0x1234;

pub(crate) struct Switch {
    pub(crate) writer: TableWriter,
    pub(crate) reader: TableReader,
    pub(crate) pipeline: Pipeline,
    pub(crate) drops: Arc<DropCounters>,
    pub(crate) meter: Arc<IcmpErrorMeter>,
    pub(crate) now_ns: u64,
}

pub(crate) fn prefix<A: ParamField + Copy>(addr: A, len: u8) -> Prefix<A> {
    Prefix::new(addr, len).unwrap()
}

pub(crate) fn switch_info() -> Entry {
    Entry::SwitchInfo(
        SwitchInfoKey {},
        SwitchInfoAction::SetSwitchInfo {
            mac: SWITCH_MAC,
            tunnel_addr: SWITCH,
            icmp_addr_v6: ICMP_V6,
            icmp_addr_v4: ICMP_V4,
            fabric_mtu: FABRIC_MTU,
        },
    )
}

/// A port's role, for packets that enter and that leave there.
fn role(port: PortId, role: Role) -> [Entry; 2] {
    [
        Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }),
        Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }),
    ]
}

/// What the controller configures.
pub(crate) fn meter_rate() -> MeterRate {
    MeterRate { packets_per_second: 100.try_into().unwrap(), burst: 10.try_into().unwrap() }
}

fn pools() -> Vec<Entry> {
    let alias_pool: Ipv6Addr = "2001:db8:a::".parse().unwrap();
    let binding_pool: Ipv6Addr = "2001:db8:b::".parse().unwrap();
    let mask = "ffff:ffff:ffff:ffff::".parse().unwrap();
    let alias_prefix = "2001:db8:a:77::".parse().unwrap();
    let pool_v4 = prefix(Ipv4Addr::new(203, 0, 113, 0), 24);
    vec![
        Entry::PoolV6(PoolV6Key { dst_addr: prefix(alias_pool, 48) }, PoolV6Action::AliasPool { mask }),
        Entry::PoolV6(PoolV6Key { dst_addr: prefix(binding_pool, 48) }, PoolV6Action::BindingPool {}),
        Entry::PoolV4(PoolV4Key { dst_addr: pool_v4 }, PoolV4Action::BindingPool {}),
        Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr: EDGE }),
        Entry::BindingV6(BindingV6Key { dst_addr: FAR_BINDING }, BindingV6Action::Tunnel { switch_addr: EDGE }),
        Entry::BindingV4(BindingV4Key { dst_addr: FAR_V4 }, BindingV4Action::Tunnel { switch_addr: EDGE }),
        Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr: prefix(alias_pool, 48) }, DeniedSourceV6Action::Deny {}),
        Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr: prefix(SWITCH, 16) }, DeniedSourceV6Action::Deny {}),
        Entry::DeniedSourceV4(DeniedSourceV4Key { src_addr: pool_v4 }, DeniedSourceV4Action::Deny {}),
    ]
}

fn client() -> Vec<Entry> {
    let (port, src_mac) = (CLIENT, CLIENT_MAC);
    vec![
        Entry::SourceGuardV6(SourceGuardV6Key { port, src_mac, src_addr: CLIENT_V6 }, SourceGuardV6Action::Permit {}),
        Entry::SourceGuardV4(SourceGuardV4Key { port, src_mac, src_addr: CLIENT_V4 }, SourceGuardV4Action::Permit {}),
        Entry::ClientV6(ClientV6Key { dst_addr: CLIENT_V6 }, ClientV6Action::Deliver { port, mac: CLIENT_MAC }),
        Entry::ClientV4(ClientV4Key { dst_addr: CLIENT_V4 }, ClientV4Action::Deliver { port, mac: CLIENT_MAC }),
    ]
}

fn fabric() -> Vec<Entry> {
    let answer_client = GatewayV6Action::Answer { mac: GATEWAY_MAC };
    let answer_fabric = GatewayV6Action::Answer { mac: FABRIC_MAC };
    let relay = ControlRelayAction::RelayToController { sid: SID, switch_addr: SWITCH, controller_addr: CONTROLLER };
    let to_client = RelayReturnKey { src_addr: CONTROLLER, dst_addr: SWITCH, udp_dst_port: RELAY_PORT };
    let answer_v4 = GatewayV4Action::Answer { mac: GATEWAY_MAC };
    vec![
        Entry::Decap(DecapKey { outer_src: EDGE, outer_dst: SWITCH }, DecapAction::Decapsulate {}),
        Entry::ControlRelay(ControlRelayKey { dst_addr: GATEWAY, udp_dst_port: CONTROL_PORT }, relay),
        Entry::RelayReturn(to_client, RelayReturnAction::RelayToClient {}),
        Entry::GatewayV6(GatewayV6Key { role: Role::Client, target_addr: GATEWAY }, answer_client),
        Entry::GatewayV6(GatewayV6Key { role: Role::Fabric, target_addr: SWITCH }, answer_fabric),
        Entry::GatewayV4(GatewayV4Key { role: Role::Client, target_addr: GATEWAY_V4 }, answer_v4),
    ]
}

fn routes() -> Vec<Entry> {
    let up6 = RouteV6Action::Forward { port: UPSTREAM, src_mac: UPSTREAM_MAC, dst_mac: ROUTER_MAC };
    let in6 = RouteV6Action::Forward { port: FABRIC, src_mac: FABRIC_MAC, dst_mac: NEXT_SWITCH_MAC };
    let up4 = RouteV4Action::Forward { port: UPSTREAM, src_mac: UPSTREAM_MAC, dst_mac: ROUTER_MAC };
    let in4 = RouteV4Action::Forward { port: FABRIC, src_mac: FABRIC_MAC, dst_mac: NEXT_SWITCH_MAC };
    vec![
        Entry::RouteV6(RouteV6Key { dst_addr: prefix(SERVER_V6, 16) }, up6),
        Entry::RouteV6(RouteV6Key { dst_addr: prefix(INSIDE_V6, 48) }, in6),
        Entry::RouteV6(RouteV6Key { dst_addr: prefix(SWITCH, 16) }, in6),
        Entry::RouteV4(RouteV4Key { dst_addr: prefix(SERVER_V4, 8) }, up4),
        Entry::RouteV4(RouteV4Key { dst_addr: prefix(INSIDE_V4, 8) }, in4),
    ]
}

impl Switch {
    pub(crate) fn new() -> Self {
        let (mut writer, reader) = tables(&TableSizes::uniform(1000));
        let roles = [
            role(CLIENT, Role::Client),
            role(OTHER_CLIENT, Role::Client),
            role(FABRIC, Role::Fabric),
            role(UPSTREAM, Role::Upstream),
        ];
        let entries = [roles.concat(), pools(), client(), fabric(), routes()].concat();
        entries.into_iter().for_each(|entry| writer.insert(entry).unwrap());
        writer.modify(switch_info()).unwrap();
        writer.publish();
        let (drops, meter) = (Arc::new(DropCounters::default()), Arc::new(IcmpErrorMeter::default()));
        meter.configure(Some(meter_rate()));
        let pipeline = Pipeline::new(Arc::clone(&drops), Arc::clone(&meter));
        Self { writer, reader, pipeline, drops, meter, now_ns: 0 }
    }

    /// What becomes of a frame: the verdict, and the frame that leaves.
    pub(crate) fn run(&mut self, port: PortId, frame: &[u8]) -> (Verdict, Vec<u8>) {
        self.run_in(port, frame, HEADROOM, 256)
    }

    /// With so much room in front of the frame and behind it.
    pub(crate) fn run_in(
        &mut self,
        port: PortId,
        frame: &[u8],
        headroom: usize,
        tailroom: usize,
    ) -> (Verdict, Vec<u8>) {
        let mut buf = vec![0xa5; headroom + frame.len() + tailroom];
        buf[headroom..headroom + frame.len()].copy_from_slice(frame);
        let mut packets = [Packet { buf: &mut buf, start: headroom, len: frame.len(), port }];
        let mut verdicts = Vec::new();
        let before: Vec<_> = DropReason::ALL.iter().map(|reason| self.drops.get(*reason)).collect();
        self.pipeline.process(&self.reader.enter(), self.now_ns, &mut packets, &mut verdicts);
        let [packet] = packets;
        assert!(packet.start + packet.len <= packet.buf.len(), "the frame left its buffer");
        let [verdict] = verdicts[..] else { panic!("{} verdicts for one packet", verdicts.len()) };
        for (reason, before) in DropReason::ALL.iter().zip(before) {
            let after = self.drops.get(*reason);
            if verdict == Verdict::Drop(*reason) {
                assert_eq!(after, (before.0 + 1, before.1 + frame.len() as u64), "{reason:?} is counted");
            } else if matches!(verdict, Verdict::Drop(_)) {
                assert_eq!(after, before, "{reason:?} is not counted");
            }
        }
        (verdict, packet.frame().to_vec())
    }

    /// The frame that leaves at `egress`.
    #[track_caller]
    pub(crate) fn forwards(&mut self, port: PortId, frame: &[u8], egress: PortId) -> Vec<u8> {
        let (verdict, out) = self.run(port, frame);
        assert_eq!(verdict, Verdict::Send(egress));
        out
    }

    #[track_caller]
    pub(crate) fn drops(&mut self, port: PortId, frame: &[u8], reason: DropReason) {
        assert_eq!(self.run(port, frame).0, Verdict::Drop(reason));
    }

    pub(crate) fn delete(&mut self, key: EntryKey) {
        self.writer.delete(key).unwrap();
        self.writer.publish();
    }

    /// Packets that would leave by this port, as far as `egress_role` was asked for it.
    pub(crate) fn egress_hits(&self, port: PortId) -> u64 {
        self.hits(EntryKey::EgressRole(EgressRoleKey { port })).0
    }

    /// Packets and bytes that hit an entry.
    pub(crate) fn hits(&self, key: EntryKey) -> (u64, u64) {
        let counters = self.writer.get(&key).unwrap().1.unwrap();
        (counters.packets, counters.bytes)
    }
}
