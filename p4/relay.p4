// Control datagrams between clients and controller (MIMIQ §3.3).
#ifndef MIMIQ_RELAY_P4
#define MIMIQ_RELAY_P4

#include "fate.p4"
#include "ids.p4"
#include "sizes.p4"

// From a client: the whole frame is wrapped and sent to the controller. `wrapped` tells whether it is one.
control ControlRelay(inout headers_t hdr, inout meta_t meta, out bool wrapped) {
    @id(ID_COUNTER_CONTROL_RELAY) @name(".ingress.control_relay_counter")
    DIRECT_COUNTER(control_relay_counter)

    // What the outer header and the relay header take; a switch cannot checksum a payload, so the UDP checksum is zero
    // (RFC 6935).
    @id(ID_ACTION_RELAY_TO_CONTROLLER) @name(".ingress.relay_to_controller")
    action relay_to_controller(bit<16> sid, bit<128> switch_addr, bit<128> controller_addr) {
        COUNT(control_relay_counter)
        hdr.outer_relay.setValid();
        hdr.outer_relay.sid = sid;
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.src = switch_addr;
        hdr.outer_ipv6.dst = controller_addr;
        meta.next_addr = controller_addr;
    }

    @id(ID_TABLE_CONTROL_RELAY) @name(".ingress.control_relay")
    table control_relay {
        key = {
            hdr.ipv6.dst: exact @name("dst_addr");
            hdr.udp.dst_port: exact @name("udp_dst_port");
        }
        actions = { relay_to_controller; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = control_relay_counter;
        size = SIZE_CONTROL;
    }

    // The length is that of the packet inside and not of the frame, which is not known here on every target: bytes behind
    // the packet stay behind.
    @hidden action measure() {
        meta.missing = LEN_UDP |-| hdr.ipv6.payload_len;
    }

    @hidden action measure_fragment() {
        meta.missing = (LEN_FRAGMENT + LEN_UDP) |-| hdr.ipv6.payload_len;
    }

    @hidden action compare() {
        meta.excess = meta.wrapped_total |-| meta.fabric_mtu;
    }

    @hidden action wrap() {
        hdr.wrapped_ethernet = hdr.ethernet;
        hdr.wrapped_ethernet.setValid();
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.payload_len = meta.wrapped_len;
        hdr.outer_ipv6.next_header = PROTO_UDP;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_udp.setValid();
        hdr.outer_udp.src_port = RELAY_PORT;
        hdr.outer_udp.dst_port = RELAY_PORT;
        hdr.outer_udp.len = meta.wrapped_len;
        hdr.outer_udp.checksum = 0;
        hdr.outer_relay.version = RELAY_VERSION;
        hdr.outer_relay.direction = RELAY_FROM_CLIENT;
        hdr.outer_relay.port = 7w0 ++ meta.ingress_port;
        hdr.outer_relay.reserved = 0;
    }

    apply {
        wrapped = false;
        if (hdr.udp.isValid()) {
            // The UDP header must be inside the packet, and not in what is behind it.
            if (hdr.fragment.isValid()) measure_fragment(); else measure();
            if (meta.missing == 0) {
                if (control_relay.apply().hit) wrapped = true;
            }
        }
        if (wrapped) {
            compare();
            if (hdr.fragment.isValid() || hdr.ipv6.src[127:118] != 0x3fa) DROP(REASON_BAD_CONTROL)
            else if (meta.wrapped_len == 0xffff) DROP(REASON_PACKET_TOO_BIG)
            else if (meta.has_info && meta.excess != 0) DROP(REASON_PACKET_TOO_BIG)
            else wrap();
        }
    }
}

// From the controller: the wrapped frame leaves as it is, at the port in the relay header if that is a client's.
control RelayReturn(inout headers_t hdr, inout meta_t meta, out bool valid) {
    @id(ID_COUNTER_RELAY_RETURN) @name(".ingress.relay_return_counter")
    DIRECT_COUNTER(relay_return_counter)

    @id(ID_ACTION_RELAY_TO_CLIENT) @name(".ingress.relay_to_client")
    action relay_to_client() {
        COUNT(relay_return_counter)
    }

    @id(ID_TABLE_RELAY_RETURN) @name(".ingress.relay_return")
    table relay_return {
        key = {
            hdr.ipv6.src: exact @name("src_addr");
            hdr.ipv6.dst: exact @name("dst_addr");
            hdr.udp.dst_port: exact @name("udp_dst_port");
        }
        actions = { relay_to_client; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = relay_return_counter;
        size = SIZE_CONTROL;
    }

    @hidden action measure() {
        meta.missing = LEN_UDP |-| hdr.ipv6.payload_len;
    }

    @hidden action measure_relayed() {
        meta.missing = (LEN_UDP + LEN_RELAY + LEN_ETHERNET) |-| hdr.udp.len;
        meta.excess = hdr.udp.len |-| hdr.ipv6.payload_len;
    }

    apply {
        valid = false;
        bool found = false;
        measure();
        if (hdr.udp.isValid() && !hdr.fragment.isValid() && meta.missing == 0) {
            if (relay_return.apply().hit) found = true;
        }
        if (found) {
            measure_relayed();
            if (hdr.relay.isValid() && hdr.relay.version == RELAY_VERSION && hdr.relay.direction == RELAY_TO_CLIENT &&
                hdr.relay.port[15:9] == 0) {
                if (meta.missing == 0 && meta.excess == 0) valid = true;
            }
            if (valid) meta.egress_port = hdr.relay.port[8:0];
            else DROP(REASON_MALFORMED_RELAY)
        }
    }
}

#endif
