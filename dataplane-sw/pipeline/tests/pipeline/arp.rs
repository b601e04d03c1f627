//! Line 2: ARP.

use std::net::Ipv4Addr;

use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, ArpPacketSlice, EtherType};
use mimiq_contract::{DropReason, wellknown::GATEWAY_MAC};

use crate::{frames::*, switch::*};

fn request(operation: ArpOperation, target: Ipv4Addr) -> Vec<u8> {
    let (sender, zero) = (CLIENT_V4.octets(), [0; 6]);
    let hardware = ArpHardwareId::ETHERNET;
    let arp =
        ArpPacket::new(hardware, EtherType::IPV4, operation, &CLIENT_MAC.0, &sender, &zero, &target.octets()).unwrap();
    ethernet(0x0806, &arp.to_bytes())
}

#[test]
fn answers_for_the_gateway() {
    let mut switch = Switch::new();
    let mut asked = request(ArpOperation::REQUEST, GATEWAY_V4);
    asked[..6].copy_from_slice(&[0xff; 6]);
    asked.resize(60, 0);
    let out = switch.forwards(CLIENT, &asked, CLIENT);
    assert_eq!((macs(&out), out.len()), ((CLIENT_MAC, GATEWAY_MAC), 60));
    let reply = ArpPacketSlice::from_slice(&out[14..]).unwrap();
    assert_eq!(reply.operation(), ArpOperation::REPLY);
    assert_eq!((reply.sender_hw_addr(), reply.sender_protocol_addr()), (&GATEWAY_MAC.0[..], &GATEWAY_V4.octets()[..]));
    assert_eq!((reply.target_hw_addr(), reply.target_protocol_addr()), (&CLIENT_MAC.0[..], &CLIENT_V4.octets()[..]));
}

#[test]
fn drops_other_arp() {
    let mut switch = Switch::new();
    switch.drops(CLIENT, &request(ArpOperation::REQUEST, FAR_V4), DropReason::ArpNotForUs);
    switch.drops(CLIENT, &request(ArpOperation::REPLY, GATEWAY_V4), DropReason::ArpNotForUs);
    // The gateway is the clients' alone.
    switch.drops(FABRIC, &request(ArpOperation::REQUEST, GATEWAY_V4), DropReason::ArpNotForUs);
}

#[test]
fn drops_malformed_arp() {
    let mut switch = Switch::new();
    let good = request(ArpOperation::REQUEST, GATEWAY_V4);
    (14..good.len()).for_each(|len| switch.drops(CLIENT, &good[..len], DropReason::MalformedArp));
    for at in 14..20 {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        switch.drops(CLIENT, &bad, DropReason::MalformedArp);
    }
}
