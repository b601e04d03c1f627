// ICMP errors (RFC 792, RFC 4443): whether a dropped packet causes one, and how the packet becomes it. They leave by the
// ingress port and quote the IP header and the 8 bytes behind it, as much as a switch can checksum.
#ifndef MIMIQ_ICMP_ERROR_P4
#define MIMIQ_ICMP_ERROR_P4

#include "fate.p4"

// Whether the packet may cause an error (RFC 4443 §2.4 (e), RFC 1122 §3.2.2); the meter is asked afterwards. Multicast
// sources and the like have been dropped before.
control IcmpErrorAllowed(in headers_t hdr, inout meta_t meta, out bool allowed) {
    @hidden action measure_ipv6() {
        meta.missing = (LEN_IPV6 + LEN_QUOTED) |-| meta.ip_len;
    }

    @hidden action measure_ipv4() {
        meta.missing = (LEN_IPV4 + LEN_QUOTED) |-| meta.ip_len;
    }

    apply {
        bit<8> kind = meta.quote[63:56];
        if (hdr.ipv6.isValid()) measure_ipv6(); else measure_ipv4();
        // An ICMP error causes none.
        bool is_error = false;
        if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.next_header == PROTO_ICMPV6 && kind[7:7] == 0) is_error = true;
        } else if (hdr.ipv4.protocol == PROTO_ICMP) {
            if (kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12) is_error = true;
        }
        allowed = false;
        if (meta.icmp != ICMP_NONE && meta.has_info && !is_error && hdr.ethernet.isValid() && hdr.ethernet.dst[40:40] == 0) {
            if (hdr.ipv6.isValid()) {
                if (meta.missing == 0) allowed = true;
            } else if (meta.missing == 0 && hdr.ipv4.fragment_offset == 0) {
                // IPv4 without "don't fragment" asks for fragments, which the switch does not make, and expects no error.
                if (meta.icmp == ICMP_TIME_EXCEEDED || hdr.ipv4.dont_fragment == 1) allowed = true;
            }
        }
    }
}

// The deparser computes the checksums, and the target cuts the packet behind the quotation.
control IcmpError(inout headers_t hdr, inout meta_t meta) {
    @hidden action to_sender() {
        bit<48> ours = hdr.ethernet.dst;
        hdr.ethernet.dst = hdr.ethernet.src;
        hdr.ethernet.src = ours;
        hdr.icmp_error.setValid();
        hdr.icmp_error.code = 0;
        hdr.icmp_error.checksum = 0;
        hdr.icmp_error.unused = 0;
        hdr.icmp_error.mtu = 0;
        SEND(meta.ingress_port)
    }

    @hidden action around_ipv6() {
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.payload_len = LEN_ICMP + LEN_IPV6 + LEN_QUOTED;
        hdr.outer_ipv6.next_header = PROTO_ICMPV6;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_ipv6.src = meta.icmp_addr_v6;
        hdr.outer_ipv6.dst = hdr.ipv6.src;
    }

    @hidden action around_ipv4() {
        hdr.ethernet.ether_type = ETHERTYPE_IPV4;
        hdr.outer_ipv4.setValid();
        hdr.outer_ipv4.version = 4;
        hdr.outer_ipv4.ihl = 5;
        hdr.outer_ipv4.tos = 0;
        hdr.outer_ipv4.total_len = LEN_IPV4 + LEN_ICMP + LEN_IPV4 + LEN_QUOTED;
        hdr.outer_ipv4.id = 0;
        hdr.outer_ipv4.reserved = 0;
        hdr.outer_ipv4.dont_fragment = 1;
        hdr.outer_ipv4.more_fragments = 0;
        hdr.outer_ipv4.fragment_offset = 0;
        hdr.outer_ipv4.ttl = HOP_LIMIT;
        hdr.outer_ipv4.protocol = PROTO_ICMP;
        hdr.outer_ipv4.checksum = 0;
        hdr.outer_ipv4.src = meta.icmp_addr_v4;
        hdr.outer_ipv4.dst = hdr.ipv4.src;
    }

    apply {
        if (hdr.ethernet.isValid()) {
            to_sender();
            if (hdr.ipv6.isValid()) {
                around_ipv6();
                if (meta.icmp == ICMP_TIME_EXCEEDED) {
                    hdr.icmp_error.kind = 3;
                } else {
                    hdr.icmp_error.kind = 2;
                    hdr.icmp_error.mtu = meta.icmp_mtu;
                }
            } else {
                around_ipv4();
                if (meta.icmp == ICMP_TIME_EXCEEDED) {
                    hdr.icmp_error.kind = 11;
                } else {
                    hdr.icmp_error.kind = 3;
                    hdr.icmp_error.code = 4;
                    hdr.icmp_error.mtu = meta.icmp_mtu;
                }
            }
        }
    }
}

#endif
