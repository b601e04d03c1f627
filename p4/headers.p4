#ifndef MIMIQ_HEADERS_P4
#define MIMIQ_HEADERS_P4

#include "constants.p4"
#include "drop_reasons.p4"

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> ether_type;
}

header arp_t {
    // Hardware and protocol, and the lengths of their addresses.
    bit<32> types;
    bit<16> lengths;
    bit<16> operation;
    bit<48> sender_mac;
    bit<32> sender_addr;
    bit<48> target_mac;
    bit<32> target_addr;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> total_len;
    bit<16> id;
    bit<1>  reserved;
    bit<1>  dont_fragment;
    bit<1>  more_fragments;
    bit<13> fragment_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

header ipv6_t {
    bit<4>   version;
    bit<28>  class_and_flow;
    bit<16>  payload_len;
    bit<8>   next_header;
    bit<8>   hop_limit;
    bit<128> src;
    bit<128> dst;
}

header ipv6_fragment_t {
    bit<8>  next_header;
    bit<8>  reserved;
    bit<13> offset;
    bit<3>  flags;
    bit<32> id;
}

header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> len;
    bit<16> checksum;
}

// The header that says where a client is, as a DHCP relay agent would (MIMIQ §3.3).
header relay_t {
    bit<8>  version;
    bit<8>  direction;
    bit<16> sid;
    bit<16> port;
    bit<16> reserved;
}

// Neighbour solicitation and advertisement without options (RFC 4861 §4.3, §4.4).
header nd_t {
    bit<8>   kind;
    bit<8>   code;
    bit<16>  checksum;
    bit<32>  flags;
    bit<128> target;
}

// Eight bytes of options: one option, or half of one with two units.
header nd_option_t {
    bit<8>  kind;
    bit<8>  units;
    bit<48> value;
}

header icmp_error_t {
    bit<8>  kind;
    bit<8>  code;
    bit<16> checksum;
    bit<16> unused;
    bit<16> mtu;
}

// In the order in which they are sent.
struct headers_t {
    ethernet_t      ethernet;
    arp_t           arp;
    // Around what arrived: a tunnel, a relayed frame, or an ICMP error.
    ipv4_t          outer_ipv4;
    ipv6_t          outer_ipv6;
    udp_t           outer_udp;
    relay_t         outer_relay;
    ethernet_t      wrapped_ethernet;
    icmp_error_t    icmp_error;
    // What arrived. Of a tunnel that ends here, what was inside.
    ipv4_t          ipv4;
    ipv6_t          ipv6;
    ipv6_fragment_t fragment;
    udp_t           udp;
    relay_t         relay;
    nd_t            nd;
    nd_option_t     nd_option_0;
    nd_option_t     nd_option_1;
    // Inside a tunnel, while it is not known to end here.
    ipv4_t          inner_ipv4;
    ipv6_t          inner_ipv6;
}

// What becomes of the frame.
typedef bit<2> fate_t;
const fate_t FATE_UNDECIDED = 0;
// It leaves as it is, at `egress_port`.
const fate_t FATE_SEND      = 1;
// It is dropped, for `reason`.
const fate_t FATE_DROP      = 2;

// The ICMP error that tells the sender of a dropped packet.
typedef bit<2> icmp_t;
const icmp_t ICMP_NONE          = 0;
const icmp_t ICMP_TIME_EXCEEDED = 1;
const icmp_t ICMP_TOO_BIG       = 2;

struct meta_t {
    // From the target's top file.
    bit<9>   ingress_port;
    // What the frame has behind the Ethernet header, and behind an IPv6 header after that, bytes.
    bit<16>  room_v4;
    bit<16>  room_v6;
    bool     ipv4_checksum_bad;
    bool     inner_ipv4_checksum_bad;
    bool     nd_checksum_bad;

    // From the parser: the 8 bytes behind the IP header and behind that inside a tunnel, and the first of them.
    bit<64>  quote;
    bit<64>  inner_quote;
    bit<8>   icmp_type;

    // The decision.
    fate_t   fate;
    reason_t reason;
    bit<9>   egress_port;
    bit<48>  egress_src_mac;
    bit<48>  egress_dst_mac;

    role_t   role;
    role_t   egress_role;
    // Header and payload of the IP packet, bytes; the same in a tunnel; the datagram that wraps a
    // frame, without and with its IP header.
    bit<16>  ip_len;
    bit<16>  tunnel_len;
    bit<16>  wrapped_len;
    bit<16>  wrapped_total;
    // By how many bytes something is too short and too long.
    bit<16>  missing;
    bit<16>  excess;
    bool     decapsulated;
    // A neighbour solicitation from the unspecified address.
    bool     unspecified;
    bit<128> alias_prefix;
    // The address that `route_v6` looks up.
    bit<128> next_addr;

    // The TTL has changed, and with it the checksum.
    bool     ttl_changed;

    icmp_t   icmp;
    bit<16>  icmp_mtu;

    // `switch_info`.
    bool     has_info;
    bit<48>  mac;
    bit<128> tunnel_addr;
    bit<128> icmp_addr_v6;
    bit<32>  icmp_addr_v4;
    bit<16>  fabric_mtu;
}

#endif
