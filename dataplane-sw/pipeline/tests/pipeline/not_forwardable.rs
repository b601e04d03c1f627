//! Line 7: addresses that are not forwarded.

use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::DropReason;

use crate::{frames::*, switch::*};

#[test]
fn ipv6() {
    let mut switch = Switch::new();
    for addr in ["fe80::1", "febf::1", "ff02::1", "ff0e::1", "::1", "::"] {
        let addr: Ipv6Addr = addr.parse().unwrap();
        switch.drops(UPSTREAM, &udp6(SERVER_V6, addr, b"x"), DropReason::NotForwardable);
        switch.drops(FABRIC, &udp6(addr, CLIENT_V6, b"x"), DropReason::NotForwardable);
        switch.drops(CLIENT, &udp6(CLIENT_V6, addr, b"x"), DropReason::NotForwardable);
        let tunnelled = tunnelled(EDGE, SWITCH, &udp6(addr, CLIENT_V6, b"x"));
        switch.drops(FABRIC, &tunnelled, DropReason::NotForwardable);
    }
}

#[test]
fn ipv4() {
    let mut switch = Switch::new();
    for addr in ["169.254.1.1", "224.0.0.1", "239.255.255.255", "127.0.0.1", "0.0.0.0", "255.255.255.255"] {
        let addr: Ipv4Addr = addr.parse().unwrap();
        switch.drops(UPSTREAM, &udp4(SERVER_V4, addr, b"x"), DropReason::NotForwardable);
        switch.drops(FABRIC, &udp4(addr, CLIENT_V4, b"x"), DropReason::NotForwardable);
        switch.drops(CLIENT, &udp4(CLIENT_V4, addr, b"x"), DropReason::NotForwardable);
    }
}
