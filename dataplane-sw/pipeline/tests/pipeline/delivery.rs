//! Line 9: passive ARP.

use mimiq_contract::{DropReason, EntryKey, tables::*};

use crate::{frames::*, switch::*};

#[test]
fn delivers_with_the_switch_as_source() {
    let mut switch = Switch::new();
    for port in [FABRIC, UPSTREAM] {
        let sent = udp6(SERVER_V6, CLIENT_V6, b"hello");
        let out = switch.forwards(port, &sent, CLIENT);
        assert_eq!((macs(&out), &out[22..]), ((CLIENT_MAC, SWITCH_MAC), &sent[22..]));
        let out = switch.forwards(port, &udp4(SERVER_V4, CLIENT_V4, b"hello"), CLIENT);
        assert_eq!((macs(&out), ipv4(&out).0.time_to_live), ((CLIENT_MAC, SWITCH_MAC), 63));
    }
}

#[test]
fn delivers_between_clients_of_the_switch() {
    let mut switch = Switch::new();
    switch.forwards(CLIENT, &udp6(CLIENT_V6, CLIENT_V6, b"hello"), CLIENT);
}

#[test]
fn carries_padding_along() {
    let mut switch = Switch::new();
    let mut sent = udp4(SERVER_V4, CLIENT_V4, b"");
    sent.extend([0xaa; 18]);
    let out = switch.forwards(UPSTREAM, &sent, CLIENT);
    assert_eq!(out[34..], sent[34..]);
}

#[test]
fn needs_switch_info() {
    let mut switch = Switch::new();
    switch.delete(EntryKey::SwitchInfo(SwitchInfoKey {}));
    switch.drops(UPSTREAM, &udp6(SERVER_V6, CLIENT_V6, b"x"), DropReason::NoSwitchInfo);
    switch.drops(UPSTREAM, &udp6(SERVER_V6, FAR_ALIAS, b"x"), DropReason::NoSwitchInfo);
    // Plain routes do not.
    switch.forwards(CLIENT, &udp6(CLIENT_V6, SERVER_V6, &[0; 1400]), UPSTREAM);
}
