//! Interfaces that vanish, go down, or carry what they should not.

use mimiq_contract::{DropReason, PortId};
use mimiq_io::{Port, Ports, packet, xdp};
use mimiq_pipeline::Verdict;

use crate::common::{Host, Running, await_link, cross, exchange, frame, in_namespace, ip, veth};

/// Sends frames to ports that do not exist, or to one whose interface is gone, and expects the others to work.
fn counts_what_cannot_leave<P: Port + 'static>(ports: Ports<P>) {
    let running = Running::start(ports, |packets, verdicts| {
        // The egress port stands in the frame.
        let egress = |frame: &[u8]| u16::from_be_bytes([frame[14], frame[15]]);
        verdicts.extend(packets.iter().map(|packet| Verdict::Send(PortId(egress(packet.frame())))));
    });
    let to = |egress: u16| {
        let mut frame = frame(64, 0);
        frame[14..16].copy_from_slice(&egress.to_be_bytes());
        frame
    };
    let (mut one, mut two) = (Host::new(1), Host::new(2));
    for unknown in [0, 4, 511, 512, u16::MAX] {
        one.send(&to(unknown));
    }
    one.send(&to(2));
    assert_eq!(two.receive(), Some(to(2)));
    assert_eq!(running.drops.get(DropReason::Egress), (5, 5 * 64));
    ip("link del sw3");
    for _ in 0..3000 {
        one.send(&to(3));
        one.send(&to(2));
        assert_eq!(two.receive(), Some(to(2)));
    }
    let vanished = running.drops.get(DropReason::Egress).0 - 5;
    assert!(vanished >= 3000 - 2048, "{vanished} counted; a transmit ring takes 2048 at most");
    let ports = running.stop();
    ports.frames_held().expect("a frame was lost");
}

#[test]
fn xdp_counts_what_cannot_leave() {
    in_namespace(|| counts_what_cannot_leave(xdp::open(&[veth(1, 1500), veth(2, 1500), veth(3, 1500)]).unwrap()));
}

#[test]
fn packet_sockets_count_what_cannot_leave() {
    in_namespace(|| counts_what_cannot_leave(packet::open(&[veth(1, 1500), veth(2, 1500), veth(3, 1500)]).unwrap()));
}

/// Takes an interface down and up under traffic and expects the ports to work again.
fn recovers_from_a_link_that_was_down<P: Port + 'static>(ports: Ports<P>) {
    let running = Running::start(ports, cross);
    let (mut one, mut two) = (Host::new(1), Host::new(2));
    exchange(&mut one, &mut two, 60..100);
    for _ in 0..3 {
        ip("link set sw2 down");
        (0..20).for_each(|seed| one.send(&frame(64, seed)));
        ip("link set sw2 up");
    }
    await_link(2);
    // What was queued when the link went down may be late.
    let last = frame(1000, 7);
    one.send(&last);
    while two.receive().expect("the port does not send any more") != last {}
    exchange(&mut two, &mut one, 60..100);
    running.stop().frames_held().expect("a frame was lost");
}

#[test]
fn xdp_recovers_from_a_link_that_was_down() {
    in_namespace(|| recovers_from_a_link_that_was_down(xdp::open(&[veth(1, 1500), veth(2, 1500)]).unwrap()));
}

#[test]
fn packet_sockets_recover_from_a_link_that_was_down() {
    in_namespace(|| recovers_from_a_link_that_was_down(packet::open(&[veth(1, 1500), veth(2, 1500)]).unwrap()));
}

/// Raises the MTU after the chunks have been chosen: frames that do not fit must be counted, not cut.
fn counts_what_is_too_large<P: Port + 'static>(ports: Ports<P>) -> u64 {
    let monitor = ports.monitors()[0].clone();
    for interface in ["sw1", "h1"] {
        ip(&format!("link set {interface} mtu 3000"));
    }
    let running = Running::start(ports, cross);
    let (mut one, mut two) = (Host::new(1), Host::new(2));
    (0..5).for_each(|seed| one.send(&frame(2900, seed)));
    exchange(&mut one, &mut two, 60..100);
    let counted = monitor.counters.rx_errors.get() + monitor.kernel_statistics().rx_dropped;
    running.stop().frames_held().expect("a frame was lost");
    counted
}

#[test]
fn xdp_counts_what_is_too_large() {
    in_namespace(|| assert_eq!(counts_what_is_too_large(xdp::open(&[veth(1, 1500), veth(2, 1500)]).unwrap()), 5));
}

#[test]
fn packet_sockets_count_what_is_too_large() {
    in_namespace(|| assert_eq!(counts_what_is_too_large(packet::open(&[veth(1, 1500), veth(2, 1500)]).unwrap()), 5));
}

#[test]
fn packet_sockets_drop_what_has_lost_its_vlan_tag() {
    in_namespace(|| {
        let ports = packet::open(&[veth(1, 1500), veth(2, 1500)]).unwrap();
        let monitor = ports.monitors()[0].clone();
        let running = Running::start(ports, cross);
        let (mut one, mut two) = (Host::new(1), Host::new(2));
        let mut tagged = frame(64, 0);
        tagged[12..18].copy_from_slice(&[0x81, 0x00, 0x00, 0x05, 0x88, 0xb5]);
        one.send(&tagged);
        exchange(&mut one, &mut two, 60..100);
        assert_eq!(monitor.counters.rx_errors.get(), 1);
        running.stop();
    });
}
