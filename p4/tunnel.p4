// The tunnels between the switches: where they end, and how one begins.
#ifndef MIMIQ_TUNNEL_P4
#define MIMIQ_TUNNEL_P4

#include "fate.p4"
#include "ids.p4"
#include "sizes.p4"

// The source is part of the key: without it a client could tunnel a packet with a forged inner source to another switch.
control Decap(in headers_t hdr, inout meta_t meta) {
    @id(ID_COUNTER_DECAP) @name(".ingress.decap_counter")
    DIRECT_COUNTER(decap_counter)

    @id(ID_ACTION_DECAPSULATE) @name(".ingress.decapsulate")
    action decapsulate() {
        COUNT(decap_counter)
        meta.decapsulated = true;
    }

    @id(ID_TABLE_DECAP) @name(".ingress.decap")
    table decap {
        key = {
            hdr.ipv6.src: exact @name("outer_src");
            hdr.ipv6.dst: exact @name("outer_dst");
        }
        actions = { decapsulate; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = decap_counter;
        size = SIZE_TUNNELS;
    }

    apply {
        if (hdr.ipv6.next_header == PROTO_IPV6 || hdr.ipv6.next_header == PROTO_IPV4) decap.apply();
    }
}

// What was inside takes the place of what was around it.
control Unwrap(inout headers_t hdr, inout meta_t meta) {
    @hidden action ipv6() {
        hdr.ipv6 = hdr.inner_ipv6;
        hdr.inner_ipv6.setInvalid();
        meta.quote = meta.inner_quote;
    }

    @hidden action ipv4() {
        hdr.ipv4 = hdr.inner_ipv4;
        hdr.ipv4.setValid();
        hdr.inner_ipv4.setInvalid();
        hdr.ipv6.setInvalid();
        meta.quote = meta.inner_quote;
    }

    apply {
        if (hdr.inner_ipv6.isValid()) ipv6(); else ipv4();
    }
}

// In front of the packet, towards the switch whose address is `next_addr`. Traffic class and flow label are the inner ones, so
// that routers inside spread flows.
control Encap(inout headers_t hdr, inout meta_t meta) {
    @hidden action around_ipv6() {
        hdr.outer_ipv6.class_and_flow = hdr.ipv6.class_and_flow;
        hdr.outer_ipv6.next_header = PROTO_IPV6;
    }

    @hidden action around_ipv4() {
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.next_header = PROTO_IPV4;
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
    }

    @hidden action encapsulate() {
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.payload_len = meta.ip_len;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_ipv6.src = meta.tunnel_addr;
        hdr.outer_ipv6.dst = meta.next_addr;
    }

    apply {
        bit<16> excess = (meta.ip_len |+| LEN_IPV6) |-| meta.fabric_mtu;
        if (!meta.has_info) DROP(REASON_NO_SWITCH_INFO)
        else if (excess != 0) {
            DROP(REASON_PACKET_TOO_BIG)
            meta.icmp = ICMP_TOO_BIG;
            meta.icmp_mtu = meta.fabric_mtu |-| LEN_IPV6;
        } else {
            encapsulate();
            if (hdr.ipv6.isValid()) around_ipv6(); else around_ipv4();
        }
    }
}

#endif
