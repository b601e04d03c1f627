// Neighbour solicitations for an address of the switch are answered out of the ingress port (RFC 4861 §7.2.4); all other
// neighbour discovery is dropped.
#ifndef MIMIQ_NEIGHBOUR_P4
#define MIMIQ_NEIGHBOUR_P4

#include "fate.p4"
#include "ids.p4"
#include "sizes.p4"

control Neighbour(inout headers_t hdr, inout meta_t meta) {
    @id(ID_COUNTER_GATEWAY_V6) @name(".ingress.gateway_v6_counter")
    DIRECT_COUNTER(gateway_v6_counter)

    @id(ID_ACTION_ANSWER_V6) @name(".ingress.answer_v6")
    action answer_v6(bit<48> mac) {
        COUNT(gateway_v6_counter)
        meta.egress_src_mac = mac;
    }

    @id(ID_TABLE_GATEWAY_V6) @name(".ingress.gateway_v6")
    table gateway_v6 {
        key = {
            meta.role: exact @name("role");
            hdr.nd.target: exact @name("target_addr");
        }
        actions = { answer_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = gateway_v6_counter;
        size = SIZE_GATEWAYS;
    }

    // The advertisement takes the place of the solicitation; the deparser computes its checksum.
    @hidden action advertise() {
        hdr.ipv6.class_and_flow = 0;
        hdr.ipv6.payload_len = 32;
        hdr.ipv6.hop_limit = 255;
        hdr.nd.kind = ND_ADVERTISEMENT;
        hdr.nd_option_0.setValid();
        hdr.nd_option_0.kind = ND_OPTION_TARGET_LINK_LAYER;
        hdr.nd_option_0.units = 1;
        hdr.nd_option_0.value = meta.egress_src_mac;
        hdr.nd_option_1.setInvalid();
    }

    // To the unspecified address, which detects duplicates, the answer is a multicast.
    @hidden action to_all() {
        hdr.nd.flags = ND_ROUTER_OVERRIDE;
        hdr.ipv6.dst = ALL_NODES;
        meta.egress_dst_mac = ALL_NODES_MAC;
    }

    @hidden action to_solicitor() {
        hdr.nd.flags = ND_ROUTER_SOLICITED_OVERRIDE;
        hdr.ipv6.dst = hdr.ipv6.src;
        meta.egress_dst_mac = hdr.ethernet.src;
    }

    apply {
        // RFC 4861 §7.1.1; a multicast source is never valid (RFC 4291 §2.7). Units of options must fit: one of 8 bytes, one of
        // 16, or two of 8.
        bool valid = true;
        if (hdr.ipv6.payload_len == 32) {
            valid = hdr.nd_option_0.units == 1;
        } else if (hdr.ipv6.payload_len == 40) {
            valid = hdr.nd_option_0.units == 2 || (hdr.nd_option_0.units == 1 && hdr.nd_option_1.units == 1);
        } else if (hdr.ipv6.payload_len != 24) {
            valid = false;
        }
        bool unspecified = hdr.ipv6.src == 0;
        if (unspecified) {
            if (hdr.ipv6.dst[127:24] != SOLICITED_NODE) valid = false;
            if (hdr.nd_option_0.isValid() && hdr.nd_option_0.kind == ND_OPTION_SOURCE_LINK_LAYER) valid = false;
            if (hdr.nd_option_1.isValid() && hdr.nd_option_0.units == 1 &&
                hdr.nd_option_1.kind == ND_OPTION_SOURCE_LINK_LAYER) valid = false;
        }
        if (meta.icmp_type != ND_SOLICITATION) DROP(REASON_ND_NOT_FOR_US)
        else if (!hdr.nd.isValid() || !valid || hdr.ipv6.hop_limit != 255 || hdr.nd.code != 0 ||
                 !meta.nd_checksum_ok || hdr.nd.target[127:120] == 0xff ||
                 hdr.ipv6.src[127:120] == 0xff) DROP(REASON_MALFORMED_ND)
        else if (gateway_v6.apply().hit) {
            if (unspecified) to_all(); else to_solicitor();
            hdr.ipv6.src = hdr.nd.target;
            advertise();
            SEND(meta.ingress_port)
        } else DROP(REASON_ND_NOT_FOR_US)
    }
}

#endif
