//! Line 6: pool and internal addresses do not come from the Internet.

use mimiq_contract::DropReason;

use crate::{frames::*, switch::*};

#[test]
fn denies_pool_and_internal_sources() {
    let mut switch = Switch::new();
    switch.drops(UPSTREAM, &udp6(FAR_ALIAS, CLIENT_V6, b"x"), DropReason::DeniedSource);
    switch.drops(UPSTREAM, &udp6(EDGE, CLIENT_V6, b"x"), DropReason::DeniedSource);
    switch.drops(UPSTREAM, &udp4(FAR_V4, CLIENT_V4, b"x"), DropReason::DeniedSource);
}

#[test]
fn lets_others_in() {
    let mut switch = Switch::new();
    switch.forwards(UPSTREAM, &udp6(SERVER_V6, CLIENT_V6, b"x"), CLIENT);
    switch.forwards(FABRIC, &udp6(FAR_ALIAS, CLIENT_V6, b"x"), CLIENT);
}
