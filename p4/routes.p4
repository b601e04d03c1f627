// Routes with their next hops, by longest prefix: IPv6 of `meta.next_addr`, IPv4 of the destination.
// Part of the control `MimiqPipeline`.

    @id(ID_COUNTER_ROUTE_V6) @name(".ingress.route_v6_counter")
    DIRECT_COUNTER(route_v6_counter)
    @id(ID_COUNTER_ROUTE_V4) @name(".ingress.route_v4_counter")
    DIRECT_COUNTER(route_v4_counter)

    @id(ID_ACTION_FORWARD_V6) @name(".ingress.forward_v6")
    action forward_v6(bit<9> port, bit<48> src_mac, bit<48> dst_mac) {
        COUNT(route_v6_counter)
        SEND(port)
        meta.egress_src_mac = src_mac;
        meta.egress_dst_mac = dst_mac;
    }

    @id(ID_ACTION_FORWARD_V4) @name(".ingress.forward_v4")
    action forward_v4(bit<9> port, bit<48> src_mac, bit<48> dst_mac) {
        COUNT(route_v4_counter)
        SEND(port)
        meta.egress_src_mac = src_mac;
        meta.egress_dst_mac = dst_mac;
    }

    @id(ID_TABLE_ROUTE_V6) @name(".ingress.route_v6")
    table route_v6 {
        key = { meta.next_addr: lpm @name("dst_addr"); }
        actions = { forward_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = route_v6_counter;
        size = SIZE_ROUTES;
    }

    @id(ID_TABLE_ROUTE_V4) @name(".ingress.route_v4")
    table route_v4 {
        key = { hdr.ipv4.dst: lpm @name("dst_addr"); }
        actions = { forward_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = route_v4_counter;
        size = SIZE_ROUTES;
    }
