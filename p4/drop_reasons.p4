// Why a frame was dropped: the index of the `drop_reason` counter. The numbers are those of `DropReason` in
// `p4/contract/src/reason.rs` (a test compares them) and are stable. 24, `egress`, is the software switch's alone: a
// P4 target does not tell the program what became of a frame behind its egress.
#ifndef MIMIQ_DROP_REASONS_P4
#define MIMIQ_DROP_REASONS_P4

typedef bit<6> reason_t;
const reason_t REASON_TRUNCATED_ETHERNET = 1;
const reason_t REASON_ETHER_TYPE         = 2;
const reason_t REASON_NO_ROLE            = 3;
const reason_t REASON_TRUNCATED_IP       = 4;
const reason_t REASON_IP_VERSION         = 5;
const reason_t REASON_IPV4_OPTIONS       = 6;
const reason_t REASON_IPV4_CHECKSUM      = 7;
const reason_t REASON_MALFORMED_ARP      = 8;
const reason_t REASON_ARP_NOT_FOR_US     = 9;
const reason_t REASON_MALFORMED_ND       = 10;
const reason_t REASON_ND_NOT_FOR_US      = 11;
const reason_t REASON_SOURCE_GUARD       = 12;
const reason_t REASON_DENIED_SOURCE      = 13;
const reason_t REASON_NOT_FORWARDABLE    = 14;
const reason_t REASON_HOP_LIMIT          = 15;
const reason_t REASON_ALIAS_MISS         = 16;
const reason_t REASON_BINDING_MISS       = 17;
const reason_t REASON_CLIENT_MISS        = 18;
const reason_t REASON_NO_ROUTE           = 19;
const reason_t REASON_PACKET_TOO_BIG     = 20;
const reason_t REASON_MALFORMED_TUNNEL   = 21;
const reason_t REASON_MALFORMED_RELAY    = 22;
const reason_t REASON_NO_SWITCH_INFO     = 23;
const reason_t REASON_BAD_CONTROL        = 25;
const reason_t REASON_BAD_SOURCE_MAC     = 26;

#endif
