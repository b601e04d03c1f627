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
    @hidden action wrap() {
        hdr.wrapped_ethernet = hdr.ethernet;
        hdr.wrapped_ethernet.setValid();
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.next_header = PROTO_UDP;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_udp.src_port = RELAY_PORT;
        hdr.outer_udp.dst_port = RELAY_PORT;
        hdr.outer_udp.checksum = 0;
        hdr.outer_relay.version = RELAY_VERSION;
        hdr.outer_relay.direction = RELAY_FROM_CLIENT;
        hdr.outer_relay.port = 7w0 ++ meta.ingress_port;
        hdr.outer_relay.reserved = 0;
    }

    apply {
        wrapped = false;
        // The UDP header must be inside the packet, and not in what is behind it.
        bit<16> least = LEN_UDP;
        if (hdr.fragment.isValid()) least = LEN_FRAGMENT + LEN_UDP;
        if (hdr.udp.isValid() && hdr.ipv6.payload_len >= least && control_relay.apply().hit) {
            wrapped = true;
            bit<16> len = hdr.ipv6.payload_len |+| (LEN_UDP + LEN_RELAY + LEN_ETHERNET + LEN_IPV6);
            bit<16> excess = (len |+| LEN_IPV6) |-| meta.fabric_mtu;
            if (hdr.fragment.isValid() || hdr.ipv6.src[127:118] != 0x3fa) DROP(REASON_BAD_CONTROL)
            else if (len == 0xffff || (meta.has_info && excess != 0)) DROP(REASON_PACKET_TOO_BIG)
            else {
                hdr.outer_udp.setValid();
                hdr.outer_udp.len = len;
                hdr.outer_ipv6.payload_len = len;
                wrap();
            }
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

    apply {
        valid = false;
        if (hdr.udp.isValid() && !hdr.fragment.isValid() && hdr.ipv6.payload_len >= LEN_UDP && relay_return.apply().hit) {
            bit<16> missing = ((LEN_UDP + LEN_RELAY + LEN_ETHERNET) |-| hdr.udp.len) | (hdr.udp.len |-| hdr.ipv6.payload_len);
            if (hdr.relay.isValid() && missing == 0 && hdr.relay.version == RELAY_VERSION &&
                hdr.relay.direction == RELAY_TO_CLIENT && hdr.relay.port[15:9] == 0) {
                valid = true;
                meta.egress_port = hdr.relay.port[8:0];
            } else DROP(REASON_MALFORMED_RELAY)
        }
    }
}

#endif
