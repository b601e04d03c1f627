macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $label:literal;)+) => {
        /// Why a frame was dropped: the index of the `drop_reason` counter. Numbers are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $name = $number),+ }

        impl DropReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
            /// The reason's name in metrics.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }
        }
    };
}

reasons! {
    /// Shorter than an Ethernet header.
    TruncatedEthernet = 1, "truncated_ethernet";
    /// Neither ARP, IPv4 nor IPv6.
    EtherType = 2, "ether_type";
    /// The ingress port has no role.
    NoRole = 3, "no_role";
    /// Shorter than the IP header, or than the length in it.
    TruncatedIp = 4, "truncated_ip";
    /// The version field is not that of the EtherType.
    IpVersion = 5, "ip_version";
    /// An IPv4 header length other than 20: options are not forwarded.
    Ipv4Options = 6, "ipv4_options";
    /// The IPv4 header checksum is wrong.
    Ipv4Checksum = 7, "ipv4_checksum";
    /// A truncated or malformed ARP packet.
    MalformedArp = 8, "malformed_arp";
    /// ARP that is no request for an address of the switch.
    ArpNotForUs = 9, "arp_not_for_us";
    /// A truncated or malformed neighbour message (RFC 4861 §7.1.1).
    MalformedNd = 10, "malformed_nd";
    /// A neighbour message that is no solicitation for an address of the switch.
    NdNotForUs = 11, "nd_not_for_us";
    /// The source is not leased to this (port, MAC).
    SourceGuard = 12, "source_guard";
    /// A pool or internal source from upstream.
    DeniedSource = 13, "denied_source";
    /// A link-local, multicast, loopback or unspecified address that is not forwarded.
    NotForwardable = 14, "not_forwardable";
    /// The hop limit ran out.
    HopLimit = 15, "hop_limit";
    /// In an alias pool, but no valid alias.
    AliasMiss = 16, "alias_miss";
    /// In a binding pool, but bound to no client.
    BindingMiss = 17, "binding_miss";
    /// Decapsulated, but no client of this switch has the address.
    ClientMiss = 18, "client_miss";
    /// No route.
    NoRoute = 19, "no_route";
    /// Larger than the fabric's MTU, as it is or after encapsulation.
    PacketTooBig = 20, "packet_too_big";
    /// A truncated or malformed packet inside a tunnel.
    MalformedTunnel = 21, "malformed_tunnel";
    /// A relay header or wrapped frame that is truncated, of an unknown version, for a port that is no client port, or sent to
    /// another UDP port than the relay's.
    MalformedRelay = 22, "malformed_relay";
    /// Encapsulation is needed but the switch has no `switch_info` yet.
    NoSwitchInfo = 23, "no_switch_info";
    /// The egress port does not exist or its queue is full; counted by the software switch only.
    Egress = 24, "egress";
    /// A control datagram whose source is not link-local, or that is a fragment.
    BadControl = 25, "bad_control";
    /// The source MAC is a group address or all zero.
    BadSourceMac = 26, "bad_source_mac";
}
