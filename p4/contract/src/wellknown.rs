//! Numbers that clients, switches and controller share.

use std::net::Ipv6Addr;

use crate::MacAddr;

/// Where agents send control datagrams to, and the clients' default gateway: link-local, the same at every
/// client-facing switch, so that a client needs no configuration ("mimiq" in ASCII).
pub const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x6d, 0x696d, 0x6971);

/// The gateway's link-layer address, the same at every client-facing switch (locally administered).
pub const GATEWAY_MAC: MacAddr = MacAddr([0x02, 0x6d, 0x69, 0x6d, 0x69, 0x71]);

/// UDP port of the control datagrams at [`GATEWAY`]; from the dynamic range (RFC 6335).
pub const CONTROL_PORT: u16 = 54171;

/// UDP port, source and destination, of wrapped frames between switches and controller.
pub const RELAY_PORT: u16 = 54172;

/// The DNS name in the controller's certificate, which agents and switches check.
pub const CONTROLLER_NAME: &str = "mimiq-controller";

/// What follows a switch's name, as the controller knows it, in the DNS name in its certificate.
pub const SWITCH_DOMAIN: &str = "switch.mimiq";
