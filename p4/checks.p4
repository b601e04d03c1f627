// What makes a header malformed, and what is never forwarded. Lengths are compared by subtraction that stops at zero: a
// switch can compare two fields in no other way.
#ifndef MIMIQ_CHECKS_P4
#define MIMIQ_CHECKS_P4

#include "fate.p4"

// The frame as it arrived.
control FrameChecks(in headers_t hdr, inout meta_t meta) {
    apply {
        if (!hdr.ethernet.isValid()) DROP(REASON_TRUNCATED_ETHERNET)
        else if (hdr.ethernet.src == 0 || hdr.ethernet.src[40:40] == 1) DROP(REASON_BAD_SOURCE_MAC)
        else if (hdr.ethernet.ether_type == ETHERTYPE_IPV6) {
            // The header is valid where the next one of these is not reached, so the frame has at least its 40 bytes.
            if (!hdr.ipv6.isValid()) DROP(REASON_TRUNCATED_IP)
            else if (hdr.ipv6.version != 6) DROP(REASON_IP_VERSION)
            else {
                meta.ip_len = hdr.ipv6.payload_len |+| LEN_IPV6;
                bit<16> missing = hdr.ipv6.payload_len |-| (meta.frame_len - LEN_ETHERNET - LEN_IPV6);
                if (missing != 0) DROP(REASON_TRUNCATED_IP)
            }
        } else if (hdr.ethernet.ether_type == ETHERTYPE_IPV4) {
            if (!hdr.ipv4.isValid()) DROP(REASON_TRUNCATED_IP)
            else if (hdr.ipv4.version != 4) DROP(REASON_IP_VERSION)
            else if (hdr.ipv4.ihl != 5) DROP(REASON_IPV4_OPTIONS)
            else {
                meta.ip_len = hdr.ipv4.total_len;
                bit<16> missing = (LEN_IPV4 |-| hdr.ipv4.total_len) | (hdr.ipv4.total_len |-| (meta.frame_len - LEN_ETHERNET));
                if (missing != 0) DROP(REASON_TRUNCATED_IP)
                else if (!meta.ipv4_checksum_ok) DROP(REASON_IPV4_CHECKSUM)
            }
        } else if (hdr.ethernet.ether_type != ETHERTYPE_ARP) DROP(REASON_ETHER_TYPE)
    }
}

// The packet inside a tunnel, which must lie within what the outer header says.
control InnerChecks(in headers_t hdr, inout meta_t meta) {
    apply {
        bit<16> room = hdr.ipv6.payload_len;
        if (hdr.inner_ipv6.isValid()) {
            meta.ip_len = hdr.inner_ipv6.payload_len |+| LEN_IPV6;
            bit<16> missing = meta.ip_len |-| room;
            if (hdr.inner_ipv6.version != 6 || missing != 0) DROP(REASON_MALFORMED_TUNNEL)
        } else if (hdr.inner_ipv4.isValid()) {
            meta.ip_len = hdr.inner_ipv4.total_len;
            bit<16> missing = (LEN_IPV4 |-| meta.ip_len) | (meta.ip_len |-| room);
            if (hdr.inner_ipv4.version != 4 || hdr.inner_ipv4.ihl != 5 || missing != 0 || !meta.inner_ipv4_checksum_ok)
                DROP(REASON_MALFORMED_TUNNEL)
        } else DROP(REASON_MALFORMED_TUNNEL)
    }
}

// Link-local, multicast, loopback, unspecified and broadcast addresses are not forwarded, and neither is a packet whose hop
// limit runs out here.
control ForwardChecks(in headers_t hdr, inout meta_t meta) {
    apply {
        bool local = false;
        bit<8> hop_limit;
        if (hdr.ipv6.isValid()) {
            hop_limit = hdr.ipv6.hop_limit;
            if (hdr.ipv6.src[127:118] == 0x3fa || hdr.ipv6.src[127:120] == 0xff || hdr.ipv6.src[127:1] == 0) local = true;
            if (hdr.ipv6.dst[127:118] == 0x3fa || hdr.ipv6.dst[127:120] == 0xff || hdr.ipv6.dst[127:1] == 0) local = true;
        } else {
            hop_limit = hdr.ipv4.ttl;
            if (hdr.ipv4.src[31:16] == 0xa9fe || hdr.ipv4.src[31:28] == 0xe || hdr.ipv4.src[31:24] == 127 ||
                hdr.ipv4.src == 0 || hdr.ipv4.src == 0xffff_ffff) local = true;
            if (hdr.ipv4.dst[31:16] == 0xa9fe || hdr.ipv4.dst[31:28] == 0xe || hdr.ipv4.dst[31:24] == 127 ||
                hdr.ipv4.dst == 0 || hdr.ipv4.dst == 0xffff_ffff) local = true;
        }
        if (local) DROP(REASON_NOT_FORWARDABLE)
        else if (hop_limit <= 1) {
            DROP(REASON_HOP_LIMIT)
            meta.icmp = ICMP_TIME_EXCEEDED;
        }
    }
}

#endif
