// What makes a header malformed, and what is never forwarded.
//
// Two lengths are compared by a subtraction that stops at zero, in an action of its own, and wide fields by a small table with
// fixed entries: a switch can compare no more than a few bytes with constants otherwise.
#ifndef MIMIQ_CHECKS_P4
#define MIMIQ_CHECKS_P4

#include "fate.p4"

// The frame as it arrived.
control FrameChecks(in headers_t hdr, inout meta_t meta) {
    @hidden action bad_source() {
        DROP(REASON_BAD_SOURCE_MAC)
    }

    // Zero, or a group's.
    @hidden table source_mac {
        key = { hdr.ethernet.src: ternary; }
        actions = { bad_source; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            0: bad_source();
            0x0100_0000_0000 &&& 0x0100_0000_0000: bad_source();
        }
    }

    @hidden action measure_ipv6() {
        meta.ip_len = hdr.ipv6.payload_len |+| LEN_IPV6;
        meta.tunnel_len = hdr.ipv6.payload_len |+| (LEN_IPV6 + LEN_IPV6);
        meta.wrapped_len = hdr.ipv6.payload_len |+| (LEN_UDP + LEN_RELAY + LEN_ETHERNET + LEN_IPV6);
        meta.wrapped_total = hdr.ipv6.payload_len |+| (LEN_IPV6 + LEN_UDP + LEN_RELAY + LEN_ETHERNET + LEN_IPV6);
        meta.excess = hdr.ipv6.payload_len |-| meta.room_v6;
    }

    @hidden action measure_ipv4() {
        meta.ip_len = hdr.ipv4.total_len;
        meta.tunnel_len = hdr.ipv4.total_len |+| LEN_IPV6;
        meta.missing = LEN_IPV4 |-| hdr.ipv4.total_len;
        meta.excess = hdr.ipv4.total_len |-| meta.room_v4;
    }

    apply {
        if (hdr.ipv6.isValid()) measure_ipv6();
        else if (hdr.ipv4.isValid()) measure_ipv4();

        if (!hdr.ethernet.isValid()) DROP(REASON_TRUNCATED_ETHERNET)
        else {
            source_mac.apply();
            if UNDECIDED {
                if (hdr.ipv6.isValid()) {
                    if (hdr.ipv6.version != 6) DROP(REASON_IP_VERSION)
                    else if (meta.excess != 0) DROP(REASON_TRUNCATED_IP)
                } else if (hdr.ipv4.isValid()) {
                    if (hdr.ipv4.version != 4) DROP(REASON_IP_VERSION)
                    else if (hdr.ipv4.ihl != 5) DROP(REASON_IPV4_OPTIONS)
                    else if (meta.missing != 0 || meta.excess != 0) DROP(REASON_TRUNCATED_IP)
                    else if (meta.ipv4_checksum_bad) DROP(REASON_IPV4_CHECKSUM)
                } else if (hdr.ethernet.ether_type == ETHERTYPE_IPV6 || hdr.ethernet.ether_type == ETHERTYPE_IPV4)
                    DROP(REASON_TRUNCATED_IP)
                else if (hdr.ethernet.ether_type != ETHERTYPE_ARP) DROP(REASON_ETHER_TYPE)
            }
        }
    }
}

// The packet inside a tunnel, which must lie within what the outer header says.
control InnerChecks(in headers_t hdr, inout meta_t meta) {
    @hidden action measure_ipv6() {
        meta.ip_len = hdr.inner_ipv6.payload_len |+| LEN_IPV6;
        meta.missing = 0;
    }

    @hidden action measure_ipv4() {
        meta.ip_len = hdr.inner_ipv4.total_len;
        meta.missing = LEN_IPV4 |-| hdr.inner_ipv4.total_len;
    }

    @hidden action compare() {
        meta.excess = meta.ip_len |-| hdr.ipv6.payload_len;
    }

    apply {
        if (hdr.inner_ipv6.isValid()) measure_ipv6(); else measure_ipv4();
        compare();
        if (hdr.inner_ipv6.isValid()) {
            if (hdr.inner_ipv6.version != 6) DROP(REASON_MALFORMED_TUNNEL)
        } else if (hdr.inner_ipv4.isValid()) {
            if (hdr.inner_ipv4.version != 4 || hdr.inner_ipv4.ihl != 5 || meta.inner_ipv4_checksum_bad)
                DROP(REASON_MALFORMED_TUNNEL)
        } else DROP(REASON_MALFORMED_TUNNEL)
        if (meta.missing != 0 || meta.excess != 0) DROP(REASON_MALFORMED_TUNNEL)
    }
}

// Link-local, multicast, loopback, unspecified and broadcast addresses are not forwarded, and neither is a packet whose hop
// limit runs out here.
control ForwardChecks(in headers_t hdr, inout meta_t meta) {
    @hidden action local() {
        DROP(REASON_NOT_FORWARDABLE)
    }

    @hidden table local_v6 {
        key = {
            hdr.ipv6.src: ternary;
            hdr.ipv6.dst: ternary;
        }
        actions = { local; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xfe80 << 112 &&& 0xffc0 << 112, _): local();
            (_, 0xfe80 << 112 &&& 0xffc0 << 112): local();
            (0xff00 << 112 &&& 0xff00 << 112, _): local();
            (_, 0xff00 << 112 &&& 0xff00 << 112): local();
            (0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe, _): local();
            (_, 0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe): local();
        }
    }

    @hidden table local_v4 {
        key = {
            hdr.ipv4.src: ternary;
            hdr.ipv4.dst: ternary;
        }
        actions = { local; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xa9fe_0000 &&& 0xffff_0000, _): local();
            (_, 0xa9fe_0000 &&& 0xffff_0000): local();
            (0xe000_0000 &&& 0xf000_0000, _): local();
            (_, 0xe000_0000 &&& 0xf000_0000): local();
            (0x7f00_0000 &&& 0xff00_0000, _): local();
            (_, 0x7f00_0000 &&& 0xff00_0000): local();
            (0, _): local();
            (_, 0): local();
            (0xffff_ffff, _): local();
            (_, 0xffff_ffff): local();
        }
    }

    apply {
        bool last_hop = false;
        if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.hop_limit[7:1] == 0) last_hop = true;
            local_v6.apply();
        } else {
            if (hdr.ipv4.ttl[7:1] == 0) last_hop = true;
            local_v4.apply();
        }
        if (UNDECIDED && last_hop) {
            DROP(REASON_HOP_LIMIT)
            meta.icmp = ICMP_TIME_EXCEEDED;
        }
    }
}

#endif
