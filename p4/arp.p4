// ARP requests for an address of the switch are answered out of the ingress port (RFC 826).
#ifndef MIMIQ_ARP_P4
#define MIMIQ_ARP_P4

#include "fate.p4"
#include "ids.p4"
#include "sizes.p4"

control Arp(inout headers_t hdr, inout meta_t meta) {
    @id(ID_COUNTER_GATEWAY_V4) @name(".ingress.gateway_v4_counter")
    DIRECT_COUNTER(gateway_v4_counter)

    @id(ID_ACTION_ANSWER_V4) @name(".ingress.answer_v4")
    action answer_v4(bit<48> mac) {
        COUNT(gateway_v4_counter)
        bit<32> asked = hdr.arp.target_addr;
        hdr.arp.operation = ARP_REPLY;
        hdr.arp.target_mac = hdr.arp.sender_mac;
        hdr.arp.target_addr = hdr.arp.sender_addr;
        hdr.arp.sender_mac = mac;
        hdr.arp.sender_addr = asked;
        meta.egress_dst_mac = hdr.ethernet.src;
        meta.egress_src_mac = mac;
        SEND(meta.ingress_port)
    }

    @id(ID_TABLE_GATEWAY_V4) @name(".ingress.gateway_v4")
    table gateway_v4 {
        key = {
            meta.role: exact @name("role");
            hdr.arp.target_addr: exact @name("target_addr");
        }
        actions = { answer_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = gateway_v4_counter;
        size = SIZE_GATEWAYS;
    }

    @hidden action reject(reason_t reason) {
        DROP(reason)
    }

    // What is left is a request.
    @hidden table arp_check {
        key = {
            hdr.arp.isValid():  ternary;
            hdr.arp.types:      ternary;
            hdr.arp.lengths:    ternary;
            hdr.arp.operation:  ternary;
        }
        actions = { reject; NoAction; }
        const default_action = reject(REASON_MALFORMED_ARP);
        const entries = {
            (true, ARP_ETHERNET_IPV4, ARP_LENGTHS, ARP_REQUEST): NoAction();
            (true, ARP_ETHERNET_IPV4, ARP_LENGTHS, _): reject(REASON_ARP_NOT_FOR_US);
        }
    }

    apply {
        switch (arp_check.apply().action_run) {
            NoAction: {
                if (!gateway_v4.apply().hit) DROP(REASON_ARP_NOT_FOR_US)
            }
        }
    }
}

#endif
