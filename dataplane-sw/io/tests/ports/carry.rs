//! What the kernel backends carry: every size, unchanged, in order, counted.

use std::process::Command;

use mimiq_io::{KernelStatistics, Port, PortMonitor, Ports, packet, xdp};

use crate::common::{Host, Running, await_link, cross, exchange, frame, in_namespace, ip, skipped, veth};

/// Exchanges frames of all `lengths` both ways and checks the counters and that no frame is lost.
fn carries<P: Port + 'static>(ports: Ports<P>, lengths: impl Iterator<Item = usize> + Clone) -> Ports<P> {
    let monitors: Vec<PortMonitor> = ports.monitors().to_vec();
    let running = Running::start(ports, cross);
    let (mut one, mut two) = (Host::new(1), Host::new(2));
    exchange(&mut one, &mut two, lengths.clone());
    exchange(&mut two, &mut one, lengths.clone());
    let ports = running.stop();
    let (packets, bytes) = (lengths.clone().count() as u64, lengths.sum::<usize>() as u64);
    for monitor in monitors {
        let counters = &monitor.counters;
        assert_eq!((counters.rx_packets.get(), counters.rx_bytes.get()), (packets, bytes), "{monitor:?}");
        assert_eq!((counters.tx_packets.get(), counters.tx_bytes.get()), (packets, bytes), "{monitor:?}");
        assert_eq!(counters.rx_errors.get(), 0);
        let kernel = KernelStatistics { tx_ring_empty: 0, ..monitor.kernel_statistics() };
        assert_eq!(kernel, KernelStatistics::default(), "nothing dropped, nothing invalid");
    }
    assert!(ports.frames_held().is_some(), "a frame was lost");
    ports
}

fn mode<P: Port>(ports: &Ports<P>) -> String {
    ports.monitors()[0].mode.clone()
}

#[test]
fn xdp_carries_every_size() {
    in_namespace(|| {
        let ports = xdp::open(&[veth(1, 1500), veth(2, 1500)]).unwrap();
        assert_eq!(mode(&ports), "AF_XDP, native mode, copied, 1 queue(s), chunks of 2048 bytes");
        carries(ports, 14..=1514);
    });
}

#[test]
fn packet_sockets_carry_every_size() {
    in_namespace(|| {
        let ports = packet::open(&[veth(1, 1500), veth(2, 1500)]).unwrap();
        assert_eq!(mode(&ports), "AF_PACKET, chunks of 2048 bytes");
        carries(ports, 14..=1514);
    });
}

#[test]
fn xdp_carries_the_largest_frames_of_each_chunk_size() {
    // The last MTU of each: small chunks, native mode on veth, generic mode.
    for (mtu, hook, chunk) in
        [(1770, "native", 2048), (1771, "native", 4096), (3498, "native", 4096), (3818, "generic", 4096)]
    {
        in_namespace(move || {
            let ports = xdp::open(&[veth(1, mtu), veth(2, mtu)]).unwrap();
            assert_eq!(mode(&ports), format!("AF_XDP, {hook} mode, copied, 1 queue(s), chunks of {chunk} bytes"));
            carries(ports, mtu - 64..=mtu + 14);
        });
    }
}

#[test]
fn packet_sockets_carry_jumbo_frames() {
    in_namespace(|| {
        let ports = packet::open(&[veth(1, 9000), veth(2, 9000)]).unwrap();
        carries(ports, 9014 - 64..=9014);
    });
}

#[test]
fn all_queues_are_served() {
    in_namespace(|| {
        ip("link add sw1 numrxqueues 4 type veth peer name h1 numtxqueues 4");
        ip("link set sw1 up");
        ip("link set h1 up");
        // Otherwise the host's end sends all flows to the first queue.
        match Command::new("ethtool").args(["-L", "h1", "tx", "4"]).status() {
            Ok(status) => assert!(status.success(), "ethtool -L h1 tx 4"),
            Err(error) => return skipped(&format!("needs the command `ethtool`: {error}")),
        }
        await_link(1);
        let one = mimiq_io::PortConfig { id: mimiq_contract::PortId(1), interface: "sw1".into() };
        let ports = xdp::open(&[one, veth(2, 1500)]).unwrap();
        assert_eq!(mode(&ports), "AF_XDP, native mode, copied, 4 queue(s), chunks of 2048 bytes");
        let running = Running::start(ports, cross);
        let (mut one, mut two) = (Host::new(1), Host::new(2));
        for seed in 0..200 {
            // The kernel spreads flows over the queues. Order is not kept between them, so one frame at a time.
            let mut sent = frame(100, 0);
            sent[12..20].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 46]);
            sent[20] = 17;
            sent[22..38].copy_from_slice(&std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, seed).octets());
            one.send(&sent);
            assert_eq!(two.receive().as_ref(), Some(&sent));
            two.send(&sent);
            assert_eq!(one.receive().as_ref(), Some(&sent));
        }
        let ports = running.stop();
        let counters = &ports.monitors()[0].counters;
        assert_eq!((counters.rx_packets.get(), counters.tx_packets.get()), (200, 200));
        assert!(ports.frames_held().is_some(), "a frame was lost");
    });
}
