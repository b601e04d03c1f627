//! Refusals, overload, closing and crashing.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use mimiq_contract::{DropReason, PortId};
use mimiq_io::{Port, PortConfig, Ports, packet, xdp};

use crate::common::{Host, NEVER, Running, cross, exchange, frame, in_namespace, ip, veth};

fn has_program(interface: &str) -> bool {
    ip(&format!("link show {interface}")).contains("xdp")
}

#[test]
fn refusals_name_the_interface_and_the_reason() {
    in_namespace(|| {
        let one = veth(1, 1500);
        let refusal = |configs: &[PortConfig]| {
            let (xdp, packet) = (xdp::open(configs).unwrap_err(), packet::open(configs).unwrap_err());
            assert_eq!(xdp.to_string(), packet.to_string());
            xdp.to_string()
        };
        let twice = PortConfig { interface: "sw1".into(), id: PortId(2) };
        assert_eq!(refusal(&[one.clone(), twice]), "interface sw1: given twice");
        let same_number = PortConfig { interface: "h1".into(), ..one.clone() };
        assert_eq!(refusal(&[one.clone(), same_number]), "port 1: given twice");
        ip("link set sw1 down");
        assert_eq!(
            refusal(std::slice::from_ref(&one)),
            "interface sw1: is down; bring it up with `ip link set sw1 up`"
        );
        let large = veth(2, 3819);
        assert_eq!(
            xdp::open(&[large]).unwrap_err().to_string(),
            "interface sw2: MTU 3819 is too large for AF_XDP, which carries up to 3818; lower it with `ip link set sw2 mtu \
             3818` or use AF_PACKET"
        );
    });
}

#[test]
fn an_interface_has_one_switch() {
    in_namespace(|| {
        let one = veth(1, 1500);
        let first = xdp::open(std::slice::from_ref(&one)).unwrap();
        let refusal = xdp::open(std::slice::from_ref(&one)).unwrap_err().to_string();
        assert!(refusal.starts_with("interface sw1: "), "{refusal}");
        assert!(refusal.contains("another program uses the interface"), "{refusal}");
        drop(first);
        xdp::open(&[one]).unwrap();
    });
}

#[test]
fn closing_detaches_the_program() {
    in_namespace(|| {
        let ports = xdp::open(&[veth(1, 1500), veth(2, 1500)]).unwrap();
        let monitors = ports.monitors().to_vec();
        assert!(has_program("sw1") && has_program("sw2"));
        drop(Running::start(ports, cross).stop());
        assert!(!has_program("sw1") && !has_program("sw2"), "a monitor keeps nothing open");
        assert_eq!(monitors[0].kernel_statistics(), mimiq_io::KernelStatistics::default());
    });
}

#[test]
fn a_killed_process_leaves_nothing_attached() {
    in_namespace(|| {
        let configs = [veth(1, 1500), veth(2, 1500)];
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "trouble::child_forwards_until_killed", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("child is ready"));
        assert!(ready, "the child ended before it was ready");
        assert!(has_program("sw1") && has_program("sw2"));
        exchange(&mut Host::new(1), &mut Host::new(2), 64..128);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!has_program("sw1") && !has_program("sw2"));
        xdp::open(&configs).unwrap();
    });
}

#[test]
#[ignore = "the child process of a_killed_process_leaves_nothing_attached"]
fn child_forwards_until_killed() {
    let port = |n: u16| PortConfig { id: PortId(n), interface: format!("sw{n}") };
    let running = Running::start(xdp::open(&[port(1), port(2)]).unwrap(), cross);
    println!("child is ready");
    // Until killed, or until the parent's death closes the pipe.
    std::io::stdin().lines().for_each(drop);
    running.stop();
}

/// Floods both ways without reading, then expects the switch to work as before with all frames at their places.
fn survives_overload<P: Port + 'static>(ports: Ports<P>) -> Ports<P> {
    let (total, monitors) = (ports.frames_total(), ports.monitors().to_vec());
    let running = Running::start(ports, cross);
    const FLOOD: usize = 20_000;
    let flood = |n| {
        let mut host = Host::new(n);
        (0..FLOOD).for_each(|seed| host.send(&frame(60 + seed % 1400, seed)));
    };
    flood(1);
    flood(2);
    let (mut one, mut two) = (Host::new(1), Host::with_timeout(2, NEVER));
    // The backlog comes first.
    while two.receive().is_some() {}
    let mut two = Host::new(2);
    exchange(&mut one, &mut two, 14..=1514);
    let drops = running.drops.clone();
    let ports = running.stop();
    assert_eq!(ports.frames_total(), total);
    let sent: u64 = monitors.iter().map(|m| m.counters.tx_packets.get()).sum();
    let received: u64 = monitors.iter().map(|m| m.counters.rx_packets.get()).sum();
    assert_eq!(received, sent + drops.get(DropReason::Egress).0, "every frame was sent or counted as dropped");
    for monitor in &monitors {
        let kernel = monitor.kernel_statistics();
        assert_eq!((kernel.rx_invalid_descs, kernel.tx_invalid_descs), (0, 0), "{monitor:?}");
    }
    ports
}

#[test]
fn xdp_survives_overload() {
    in_namespace(|| {
        let ports = xdp::open(&[veth(1, 1500), veth(2, 1500)]).unwrap();
        let idle = ports.frames_held().unwrap();
        let ports = survives_overload(ports);
        let held = ports.frames_held().expect("a frame was lost");
        assert!((idle..=idle + 1).contains(&held), "{held} frames held, {idle} before: the kernel keeps some");
    });
}

#[test]
fn packet_sockets_survive_overload() {
    in_namespace(|| {
        let ports = survives_overload(packet::open(&[veth(1, 1500), veth(2, 1500)]).unwrap());
        ports.frames_held().expect("a frame was lost");
    });
}
