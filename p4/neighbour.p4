// Neighbour solicitations for an address of the switch are answered out of the ingress port (RFC 4861 §7.2.4); all other
// neighbour discovery is dropped.
#ifndef MIMIQ_NEIGHBOUR_P4
#define MIMIQ_NEIGHBOUR_P4

#include "fate.p4"
#include "ids.p4"
#include "sizes.p4"

// What is to be said of a solicitation.
control NeighbourCheck(in headers_t hdr, inout meta_t meta) {
    @hidden action judge(solicitation_t verdict) {
        meta.solicitation = verdict;
    }

    // RFC 4861 §7.1.1. Units of options must fit: none, one of 8 bytes, one of 16, or two of 8. Whether they name the source's
    // link-layer address matters below.
    @hidden table solicitation_check {
        key = {
            meta.icmp_type:           ternary;
            hdr.nd.isValid():         ternary;
            hdr.ipv6.hop_limit:       ternary;
            hdr.nd.code:              ternary;
            hdr.nd.target[127:120]:   ternary;
            meta.nd_checksum_bad:     ternary;
            hdr.ipv6.payload_len:     ternary;
            hdr.nd_option_0.units:    ternary;
            hdr.nd_option_0.kind:     ternary;
            hdr.nd_option_1.units:    ternary;
            hdr.nd_option_1.kind:     ternary;
        }
        actions = { judge; }
        const default_action = judge(SOLICITATION_NONE);
        const entries = {
            (ND_SOLICITATION, true, 255, 0, 0xff, _, _, _, _, _, _): judge(SOLICITATION_MALFORMED);
            (ND_SOLICITATION, true, 255, 0, _, false, 24, _, _, _, _): judge(SOLICITATION_VALID);
            (ND_SOLICITATION, true, 255, 0, _, false, 32, 1, ND_OPTION_SOURCE_LINK_LAYER, _, _): judge(SOLICITATION_WITH_SOURCE);
            (ND_SOLICITATION, true, 255, 0, _, false, 32, 1, _, _, _): judge(SOLICITATION_VALID);
            (ND_SOLICITATION, true, 255, 0, _, false, 40, 2, ND_OPTION_SOURCE_LINK_LAYER, _, _): judge(SOLICITATION_WITH_SOURCE);
            (ND_SOLICITATION, true, 255, 0, _, false, 40, 2, _, _, _): judge(SOLICITATION_VALID);
            (ND_SOLICITATION, true, 255, 0, _, false, 40, 1, ND_OPTION_SOURCE_LINK_LAYER, 1, _): judge(SOLICITATION_WITH_SOURCE);
            (ND_SOLICITATION, true, 255, 0, _, false, 40, 1, _, 1, ND_OPTION_SOURCE_LINK_LAYER): judge(SOLICITATION_WITH_SOURCE);
            (ND_SOLICITATION, true, 255, 0, _, false, 40, 1, _, 1, _): judge(SOLICITATION_VALID);
            (ND_SOLICITATION, _, _, _, _, _, _, _, _, _, _): judge(SOLICITATION_MALFORMED);
        }
    }

    @hidden action detects_duplicates() {
        meta.solicitation = SOLICITATION_VALID;
        meta.unspecified = true;
    }

    // From the unspecified address only to the solicited-node addresses, which share 104 bits, and without a source's link-layer
    // address; never from a multicast address (RFC 4291 §2.7).
    @hidden table solicitation_addresses {
        key = {
            meta.solicitation: ternary;
            hdr.ipv6.src:      ternary;
            hdr.ipv6.dst:      ternary;
        }
        actions = { judge; detects_duplicates; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (SOLICITATION_VALID, 0, 0xff02_0000_0000_0000_0000_0001_ff00_0000 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ff00_0000):
                detects_duplicates();
            (SOLICITATION_VALID, 0, _): judge(SOLICITATION_MALFORMED);
            (SOLICITATION_WITH_SOURCE, 0, _): judge(SOLICITATION_MALFORMED);
            (SOLICITATION_VALID, 0xff00 << 112 &&& 0xff00 << 112, _): judge(SOLICITATION_MALFORMED);
            (SOLICITATION_WITH_SOURCE, 0xff00 << 112 &&& 0xff00 << 112, _): judge(SOLICITATION_MALFORMED);
            (SOLICITATION_WITH_SOURCE, _, _): judge(SOLICITATION_VALID);
        }
    }

    apply {
        solicitation_check.apply();
        solicitation_addresses.apply();
    }
}

// Whether it is answered; the advertisement is made when the frame leaves.
control Neighbour(in headers_t hdr, inout meta_t meta) {
    @id(ID_COUNTER_GATEWAY_V6) @name(".ingress.gateway_v6_counter")
    DIRECT_COUNTER(gateway_v6_counter)

    @id(ID_ACTION_ANSWER_V6) @name(".ingress.answer_v6")
    action answer_v6(bit<48> mac) {
        COUNT(gateway_v6_counter)
        meta.egress_src_mac = mac;
        SEND(meta.ingress_port)
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

    apply {
        if (meta.solicitation == SOLICITATION_MALFORMED) DROP(REASON_MALFORMED_ND)
        else if (meta.solicitation == SOLICITATION_NONE) DROP(REASON_ND_NOT_FOR_US)
        else if (!gateway_v6.apply().hit) DROP(REASON_ND_NOT_FOR_US)
    }
}

#endif
