//! Which packets are answered by ICMP errors, and how they are addressed.

use etherparse::IpNumber;
use mimiq_contract::{DropReason, EntryKey, tables::*};
use mimiq_pipeline::{MeterRate, Verdict};

use crate::{frames::*, switch::*};

/// An IPv6 packet of a client whose hop limit runs out.
fn expiring6(next_header: IpNumber, payload: &[u8]) -> Vec<u8> {
    let mut frame = raw6(CLIENT_V6, SERVER_V6, next_header, payload);
    frame[14 + 7] = 1;
    frame
}

/// An IPv4 packet of a client whose TTL runs out, with this fragment offset.
fn expiring4(protocol: IpNumber, offset: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = raw4(CLIENT_V4, SERVER_V4, protocol, payload);
    let (mut header, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
    (header.time_to_live, header.dont_fragment) = (1, false);
    header.fragment_offset = offset.try_into().unwrap();
    header.header_checksum = header.calc_header_checksum();
    frame[14..34].copy_from_slice(&header.to_bytes());
    frame
}

#[test]
fn leave_by_the_ingress_port_with_macs_swapped() {
    let mut switch = Switch::new();
    let out = switch.forwards(CLIENT, &expiring6(IpNumber::UDP, &[0; 100]), CLIENT);
    assert_eq!((macs(&out), out.len()), ((CLIENT_MAC, TO_MAC), 14 + 40 + 8 + 48));
    let out = switch.forwards(CLIENT, &expiring4(IpNumber::UDP, 0, &[0; 100]), CLIENT);
    assert_eq!((macs(&out), out.len()), ((CLIENT_MAC, TO_MAC), 14 + 20 + 8 + 28));
}

#[test]
fn answer_no_errors() {
    let mut switch = Switch::new();
    for kind in [1, 2, 3, 4, 100, 127] {
        switch.drops(CLIENT, &expiring6(IpNumber::IPV6_ICMP, &[kind, 0, 0, 0, 0, 0, 0, 0]), DropReason::HopLimit);
    }
    for kind in [3, 4, 5, 11, 12] {
        switch.drops(CLIENT, &expiring4(IpNumber::ICMP, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]), DropReason::HopLimit);
    }
    switch.forwards(CLIENT, &expiring6(IpNumber::IPV6_ICMP, &[128, 0, 0, 0, 0, 0, 0, 0]), CLIENT);
    switch.forwards(CLIENT, &expiring4(IpNumber::ICMP, 0, &[8, 0, 0, 0, 0, 0, 0, 0]), CLIENT);
}

#[test]
fn need_eight_bytes_to_quote() {
    let mut switch = Switch::new();
    for len in 0..8 {
        switch.drops(CLIENT, &expiring6(IpNumber::UDP, &vec![0; len]), DropReason::HopLimit);
        // Padding is no part of the packet.
        let mut padded = expiring4(IpNumber::UDP, 0, &vec![0; len]);
        padded.resize(60, 0);
        switch.drops(CLIENT, &padded, DropReason::HopLimit);
    }
    switch.forwards(CLIENT, &expiring6(IpNumber::UDP, &[0; 8]), CLIENT);
    switch.forwards(CLIENT, &expiring4(IpNumber::UDP, 0, &[0; 8]), CLIENT);
}

#[test]
fn answer_no_later_fragment_of_ipv4_and_no_multicast_frame() {
    let mut switch = Switch::new();
    switch.drops(CLIENT, &expiring4(IpNumber::UDP, 1, &[0; 8]), DropReason::HopLimit);
    let mut multicast = expiring6(IpNumber::UDP, &[0; 8]);
    multicast[0] |= 1;
    switch.drops(CLIENT, &multicast, DropReason::HopLimit);
}

#[test]
fn need_the_switch_info() {
    let mut switch = Switch::new();
    switch.delete(EntryKey::SwitchInfo(SwitchInfoKey {}));
    switch.drops(CLIENT, &expiring6(IpNumber::UDP, &[0; 8]), DropReason::HopLimit);
}

#[test]
fn need_room_in_front() {
    let mut switch = Switch::new();
    let frame = expiring6(IpNumber::UDP, &[0; 8]);
    assert_eq!(switch.run_in(CLIENT, &frame, 48, 0).0, Verdict::Send(CLIENT));
    assert_eq!(switch.run_in(CLIENT, &frame, 47, 0).0, Verdict::Drop(DropReason::HopLimit));
}

#[test]
fn are_limited_to_a_hundred_a_second_by_all_workers_together() {
    let mut switch = Switch::new();
    let frame = expiring6(IpNumber::UDP, &[0; 8]);
    let mut other = switch.pipeline.clone();
    let mut sent = 0;
    for n in 0..2000 {
        switch.now_ns = 7_000_000_000 + n * 500_000;
        sent += u32::from(switch.run(CLIENT, &frame).0 == Verdict::Send(CLIENT));
        std::mem::swap(&mut switch.pipeline, &mut other);
    }
    // A second's worth and the burst after the pause.
    assert!((100..=110).contains(&sent), "{sent}");
    assert_eq!(switch.drops.get(DropReason::HopLimit).0, 2000);
}

#[test]
fn are_not_limited_before_the_meter_is_configured() {
    let mut switch = Switch::new();
    switch.meter.configure(None);
    (0..1000).for_each(|_| drop(switch.forwards(CLIENT, &expiring6(IpNumber::UDP, &[0; 8]), CLIENT)));
}

#[test]
fn that_are_not_sent_do_not_use_up_the_meter() {
    let mut switch = Switch::new();
    switch.meter.configure(Some(MeterRate { burst: 1.try_into().unwrap(), ..meter_rate() }));
    let good = expiring6(IpNumber::UDP, &[0; 8]);
    let mut multicast = good.clone();
    multicast[0] |= 1;
    for unanswered in [
        multicast,
        expiring6(IpNumber::UDP, &[0; 7]),
        expiring6(IpNumber::IPV6_ICMP, &[1; 8]),
        expiring4(IpNumber::UDP, 1, &[0; 8]),
    ] {
        switch.drops(CLIENT, &unanswered, DropReason::HopLimit);
    }
    switch.delete(EntryKey::SwitchInfo(SwitchInfoKey {}));
    switch.drops(CLIENT, &good, DropReason::HopLimit);
    switch.writer.modify(switch_info()).unwrap();
    switch.writer.publish();
    switch.forwards(CLIENT, &good, CLIENT);
    switch.drops(CLIENT, &good, DropReason::HopLimit);
}

#[test]
fn end_behind_the_quotation() {
    let mut switch = Switch::new();
    let mut padded = expiring4(IpNumber::UDP, 0, &[9; 8]);
    padded.resize(60, 0xaa);
    let out = switch.forwards(CLIENT, &padded, CLIENT);
    assert_eq!(out.len(), 14 + 20 + 8 + 28);
    assert_eq!(usize::from(ipv4(&out).0.total_len), out.len() - 14);
}
