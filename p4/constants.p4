// Numbers from the protocols' standards and from mimiq's contract (`p4/contract/src/wellknown.rs`, `relay.rs`).
#ifndef MIMIQ_CONSTANTS_P4
#define MIMIQ_CONSTANTS_P4

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP  = 0x0806;
const bit<16> ETHERTYPE_IPV6 = 0x86dd;

// IP protocol and next header numbers.
const bit<8> PROTO_ICMP     = 1;
const bit<8> PROTO_IPV4     = 4;
const bit<8> PROTO_UDP      = 17;
const bit<8> PROTO_IPV6     = 41;
const bit<8> PROTO_FRAGMENT = 44;
const bit<8> PROTO_ICMPV6   = 58;

// RFC 826: Ethernet and IPv4, with addresses of 6 and 4 bytes.
const bit<32> ARP_ETHERNET_IPV4 = 0x0001_0800;
const bit<16> ARP_LENGTHS = 0x0604;
const bit<16> ARP_REQUEST = 1;
const bit<16> ARP_REPLY   = 2;

// RFC 4861.
const bit<8> ND_SOLICITATION  = 135;
const bit<8> ND_ADVERTISEMENT = 136;
const bit<8> ND_OPTION_SOURCE_LINK_LAYER = 1;
const bit<8> ND_OPTION_TARGET_LINK_LAYER = 2;
const bit<32> ND_ROUTER_OVERRIDE           = 0xa000_0000;
const bit<32> ND_ROUTER_SOLICITED_OVERRIDE = 0xe000_0000;
// RFC 4291 §2.7.1 and RFC 2464 §7: all nodes.
const bit<128> ALL_NODES       = 0xff02_0000_0000_0000_0000_0000_0000_0001;
const bit<48>  ALL_NODES_MAC   = 0x3333_0000_0001;

// The relay header between switches and controller.
const bit<16> RELAY_PORT        = 54172;
const bit<8>  RELAY_VERSION     = 1;
const bit<8>  RELAY_FROM_CLIENT = 1;
const bit<8>  RELAY_TO_CLIENT   = 2;

// Hop limit of packets that the switch originates.
const bit<8> HOP_LIMIT = 64;

// Header lengths, bytes.
const bit<16> LEN_ETHERNET = 14;
const bit<16> LEN_IPV4     = 20;
const bit<16> LEN_IPV6     = 40;
const bit<16> LEN_UDP      = 8;
const bit<16> LEN_RELAY    = 8;
// What an ICMP error is: its own header, and 8 bytes behind the IP header that it quotes.
const bit<16> LEN_ICMP     = 8;
const bit<16> LEN_QUOTED   = 8;

// What a port is connected to.
typedef bit<2> role_t;
const role_t ROLE_CLIENT   = 1;
const role_t ROLE_FABRIC   = 2;
@noWarn("unused") // whatever is neither of these
const role_t ROLE_UPSTREAM = 3;

#endif
