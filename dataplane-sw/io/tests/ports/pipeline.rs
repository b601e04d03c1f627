//! The pipeline over real interfaces: packets from upstream are delivered to a client, routed into the fabric, and
//! tunnelled to the client-facing switch.

use std::{net::Ipv6Addr, sync::Arc};

use mimiq_contract::{DropReason, Entry, MacAddr, PortId, Prefix, Role, tables::*};
use mimiq_io::{Port, Ports, Shutdown, packet, run, xdp};
use mimiq_pipeline::{DropCounters, Pipeline, TableReader, TableSizes, TableWriter, tables};

use crate::common::{Host, in_namespace, veth};

/// Where in a frame the IPv6 hop limit is.
const HOP_LIMIT: usize = 14 + 7;
const CLIENT: PortId = PortId(1);
const FABRIC: PortId = PortId(2);
const UPSTREAM: PortId = PortId(3);
const SWITCH_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x10]);
const CLIENT_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x20]);
const NEIGHBOUR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x30]);

/// The tables of a switch that is edge and client-facing switch at once.
fn table_state() -> (TableWriter, TableReader) {
    let (mut writer, reader) = tables(&TableSizes::uniform(16));
    for (port, role) in [(CLIENT, Role::Client), (FABRIC, Role::Fabric), (UPSTREAM, Role::Upstream)] {
        writer.insert(Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role })).unwrap();
    }
    let info = SwitchInfoAction::SetSwitchInfo {
        mac: SWITCH_MAC,
        tunnel_addr: "fd00::1".parse().unwrap(),
        icmp_addr_v6: "fd00::1".parse().unwrap(),
        icmp_addr_v4: "10.0.0.1".parse().unwrap(),
        fabric_mtu: 1500,
    };
    writer.modify(Entry::SwitchInfo(SwitchInfoKey {}, info)).unwrap();
    let client = ClientV6Key { dst_addr: "2001:db8::c".parse().unwrap() };
    writer.insert(Entry::ClientV6(client, ClientV6Action::Deliver { port: CLIENT, mac: CLIENT_MAC })).unwrap();
    let route = RouteV6Key { dst_addr: Prefix::new("fd00::".parse().unwrap(), 16).unwrap() };
    let to_fabric = RouteV6Action::Forward { port: FABRIC, src_mac: SWITCH_MAC, dst_mac: NEIGHBOUR_MAC };
    writer.insert(Entry::RouteV6(route, to_fabric)).unwrap();
    let pool = PoolV6Key { dst_addr: Prefix::new("2001:db8:1::".parse().unwrap(), 48).unwrap() };
    writer.insert(Entry::PoolV6(pool, PoolV6Action::BindingPool {})).unwrap();
    let binding = BindingV6Key { dst_addr: "2001:db8:1::a".parse().unwrap() };
    let tunnel = BindingV6Action::Tunnel { switch_addr: "fd00::2".parse().unwrap() };
    writer.insert(Entry::BindingV6(binding, tunnel)).unwrap();
    writer.publish();
    (writer, reader)
}

/// An Ethernet frame with a UDP packet of `payload` bytes.
fn packet(dst_addr: &str, payload: usize) -> Vec<u8> {
    let mut frame = [SWITCH_MAC.0, NEIGHBOUR_MAC.0].concat();
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((payload as u16 + 8).to_be_bytes());
    frame.extend([17, 64]);
    frame.extend("2001:db8:ffff::1".parse::<Ipv6Addr>().unwrap().octets());
    frame.extend(dst_addr.parse::<Ipv6Addr>().unwrap().octets());
    frame.extend([0x12, 0x34, 0x56, 0x78]);
    frame.extend((payload as u16 + 8).to_be_bytes());
    frame.extend([0xca, 0xfe]);
    frame.extend((0..payload).map(|i| i as u8));
    frame
}

fn delivers_and_routes<P: Port + 'static>(mut ports: Ports<P>) {
    let (_writer, reader) = table_state();
    let (drops, shutdown) = (Arc::new(DropCounters::default()), Shutdown::new().unwrap());
    let pipeline = Pipeline::new(drops.clone(), Arc::default());
    let (drops_inside, shutdown_inside) = (drops.clone(), shutdown.clone());
    let thread = std::thread::spawn(move || {
        run(&mut ports, pipeline, &reader, &drops_inside, &shutdown_inside).unwrap();
        ports
    });
    let (mut client, mut fabric, mut upstream) = (Host::new(1), Host::new(2), Host::new(3));
    let rewritten = |frame: &[u8], src: MacAddr, dst: MacAddr| {
        let mut frame = frame.to_vec();
        frame[..12].copy_from_slice(&[dst.0, src.0].concat());
        frame[HOP_LIMIT] -= 1;
        frame
    };
    for payload in (0..1400).step_by(100) {
        // Nobody's: dropped by the pipeline.
        upstream.send(&packet("2001:db8::d", payload));

        let to_client = packet("2001:db8::c", payload);
        upstream.send(&to_client);
        assert_eq!(client.receive(), Some(rewritten(&to_client, SWITCH_MAC, CLIENT_MAC)));

        let to_fabric = packet("fd00::2", payload);
        upstream.send(&to_fabric);
        let routed = rewritten(&to_fabric, SWITCH_MAC, NEIGHBOUR_MAC);
        assert_eq!(fabric.receive(), Some(routed.clone()));

        // The outer header went into the headroom.
        let to_pool = packet("2001:db8:1::a", payload);
        upstream.send(&to_pool);
        let tunnelled = fabric.receive().unwrap();
        let (outer, inner) = tunnelled.split_at(14 + 40);
        assert_eq!(outer[..14], routed[..14]);
        assert_eq!(outer[14 + 4..14 + 7], [((inner.len()) >> 8) as u8, inner.len() as u8, 41]);
        assert_eq!(outer[14 + 24..], "fd00::2".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(inner, &rewritten(&to_pool, SWITCH_MAC, NEIGHBOUR_MAC)[14..]);
    }
    shutdown.signal();
    let ports = thread.join().unwrap();
    ports.frames_held().expect("a frame was lost");
    assert_eq!(drops.get(DropReason::NoRoute).0, 14);
    assert_eq!(drops.get(DropReason::Egress).0, 0);
}

#[test]
fn xdp_delivers_and_routes() {
    in_namespace(|| delivers_and_routes(xdp::open(&[veth(1, 1600), veth(2, 1600), veth(3, 1600)]).unwrap()));
}

#[test]
fn packet_sockets_deliver_and_route() {
    in_namespace(|| delivers_and_routes(packet::open(&[veth(1, 1600), veth(2, 1600), veth(3, 1600)]).unwrap()));
}
