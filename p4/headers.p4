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

// What becomes of the frame; 0 while it is not known.
typedef bit<2> fate_t;
// It leaves as it is, at `egress_port`.
const fate_t FATE_SEND      = 1;
// It is dropped, for `reason`.
const fate_t FATE_DROP      = 2;

// The ICMP error that tells the sender of a dropped packet; 0 for none.
typedef bit<2> icmp_t;
const icmp_t ICMP_TIME_EXCEEDED = 1;
const icmp_t ICMP_TOO_BIG       = 2;

typedef bit<2> solicitation_t;
const solicitation_t SOLICITATION_NONE        = 0;
const solicitation_t SOLICITATION_MALFORMED   = 1;
const solicitation_t SOLICITATION_VALID       = 2;
// With the source's link-layer address.
const solicitation_t SOLICITATION_WITH_SOURCE = 3;

typedef bit<2> route_t;
const route_t ROUTE_V6 = 1;
const route_t ROUTE_V4 = 2;

struct meta_t {
    // From the target's top file.
    bit<9>   ingress_port;
    bit<16>  frame_len;
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
    // On the way: ARP, neighbour discovery; a control datagram to the controller, and one from it; a packet that may pass, out of a tunnel, into one, or
    // neither.
    bool     arp;
    bool     neighbour;
    bool     wrapped;
    bool     relayed;
    bool     unwrapped;
    // True at first.
    bool     forward;
    bool     decapsulated;
    bool     tunnelled;
    bool     plain;
    // Which routes to ask, and the address that `route_v6` looks up.
    route_t  route;
    bit<128> next_addr;
    bit<128> alias_prefix;
    // A neighbour solicitation: what is to be said of it, and whether it comes from the unspecified address.
    solicitation_t solicitation;
    bool     unspecified;

    // Lengths, bytes: the IP packet; the datagram that wraps a frame; the packet inside a tunnel; the largest packet that fits
    // into a tunnel. And by how much something is too long.
    bit<16>  ip_len;
    bit<16>  wrapped_len;
    bit<16>  inner_len;
    bit<16>  tunnel_mtu;
    bit<16>  excess;
    bit<16>  inner_excess;

    // The TTL has changed, and with it the checksum.
    bool     ttl_changed;

    icmp_t   icmp;
    // Which errors the packet may cause.
    bool     may_exceed;
    bool     may_be_too_big;
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
