// ICMP errors (RFC 792, RFC 4443): how a dropped packet becomes one. They leave by the ingress port and quote the IP header and the 8 bytes behind it, as much as a switch can checksum.
#ifndef MIMIQ_ICMP_ERROR_P4
#define MIMIQ_ICMP_ERROR_P4

#include "fate.p4"

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
