// Control datagrams between clients and controller (MIMIQ §3.3).
// Part of the control `MimiqPipeline`.

    // From a client: the whole frame is wrapped and sent to the controller.
    @id(ID_COUNTER_CONTROL_RELAY) @name(".ingress.control_relay_counter")
    DIRECT_COUNTER(control_relay_counter)

    @id(ID_ACTION_RELAY_TO_CONTROLLER) @name(".ingress.relay_to_controller")
    action relay_to_controller(bit<16> sid, bit<128> switch_addr, bit<128> controller_addr) {
        COUNT(control_relay_counter)
        meta.wrapped = true;
        meta.forward = false;
        hdr.outer_relay.setValid();
        hdr.outer_relay.sid = sid;
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.src = switch_addr;
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
    // the packet stay behind. A switch cannot checksum a payload, so the UDP checksum is zero (RFC 6935).
    @hidden action wrap() {
        meta.route = ROUTE_V6;
        hdr.wrapped_ethernet = hdr.ethernet;
        hdr.wrapped_ethernet.setValid();
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.payload_len = meta.wrapped_len;
        hdr.outer_ipv6.next_header = PROTO_UDP;
        hdr.outer_ipv6.dst = meta.next_addr;
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

    @hidden table wrapped_check {
        key = {
            hdr.fragment.isValid(): ternary;
            hdr.ipv6.src[127:118]:  ternary;
            meta.wrapped_len:       ternary;
            meta.has_info:          ternary;
            meta.excess:            ternary;
        }
        actions = { reject; wrap; }
        const default_action = reject(REASON_BAD_CONTROL);
        const entries = {
            (false, 0x3fa, 0xffff, _, _): reject(REASON_PACKET_TOO_BIG);
            (false, 0x3fa, _, false, _): wrap();
            (false, 0x3fa, _, true, 0): wrap();
            (false, 0x3fa, _, true, _): reject(REASON_PACKET_TOO_BIG);
        }
    }

    // From the controller: the wrapped frame leaves as it is, at the port in the relay header if that is a client's.
    @id(ID_COUNTER_RELAY_RETURN) @name(".ingress.relay_return_counter")
    DIRECT_COUNTER(relay_return_counter)

    @id(ID_ACTION_RELAY_TO_CLIENT) @name(".ingress.relay_to_client")
    action relay_to_client() {
        COUNT(relay_return_counter)
        meta.relayed = true;
        meta.forward = false;
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

    @hidden action to_relayed_port() {
        meta.unwrapped = true;
        meta.egress_port = hdr.relay.port[8:0];
    }

    // The Ethernet header is the wrapped frame's, which follows.
    @hidden action strip_relay() {
        hdr.ethernet.setInvalid();
        hdr.ipv6.setInvalid();
        hdr.udp.setInvalid();
        hdr.relay.setInvalid();
    }

    @hidden table relayed_check {
        key = {
            hdr.relay.isValid():  ternary;
            hdr.relay.version:    ternary;
            hdr.relay.direction:  ternary;
            hdr.relay.port[15:9]: ternary;
            hdr.udp.len:          ternary;
            meta.inner_excess:    ternary;
        }
        actions = { reject; to_relayed_port; }
        const default_action = reject(REASON_MALFORMED_RELAY);
        const entries = {
            // Shorter than UDP, relay and Ethernet headers, 30 bytes: below 16, 16 to 23, 24 to 27, 28 and 29.
            (_, _, _, _, 0 &&& 0xfff0, _): reject(REASON_MALFORMED_RELAY);
            (_, _, _, _, 16 &&& 0xfff8, _): reject(REASON_MALFORMED_RELAY);
            (_, _, _, _, 24 &&& 0xfffc, _): reject(REASON_MALFORMED_RELAY);
            (_, _, _, _, 28 &&& 0xfffe, _): reject(REASON_MALFORMED_RELAY);
            (true, RELAY_VERSION, RELAY_TO_CLIENT, 0, _, 0): to_relayed_port();
        }
    }
