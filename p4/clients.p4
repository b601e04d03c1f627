// Passive ARP (MIMIQ §3.3): where the client of an address is, as the controller knows it; nothing is asked.
// Part of the control `MimiqPipeline`.

    @id(ID_COUNTER_CLIENT_V6) @name(".ingress.client_v6_counter")
    DIRECT_COUNTER(client_v6_counter)
    @id(ID_COUNTER_CLIENT_V4) @name(".ingress.client_v4_counter")
    DIRECT_COUNTER(client_v4_counter)

    @id(ID_ACTION_DELIVER_V6) @name(".ingress.deliver_v6")
    action deliver_v6(bit<9> port, bit<48> mac) {
        COUNT(client_v6_counter)
        SEND(port)
        meta.egress_dst_mac = mac;
        meta.egress_src_mac = meta.mac;
    }

    @id(ID_ACTION_DELIVER_V4) @name(".ingress.deliver_v4")
    action deliver_v4(bit<9> port, bit<48> mac) {
        COUNT(client_v4_counter)
        SEND(port)
        meta.egress_dst_mac = mac;
        meta.egress_src_mac = meta.mac;
    }

    @id(ID_TABLE_CLIENT_V6) @name(".ingress.client_v6")
    table client_v6 {
        key = { hdr.ipv6.dst: exact @name("dst_addr"); }
        actions = { deliver_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = client_v6_counter;
        size = SIZE_CLIENTS_V6;
    }

    @id(ID_TABLE_CLIENT_V4) @name(".ingress.client_v4")
    table client_v4 {
        key = { hdr.ipv4.dst: exact @name("dst_addr"); }
        actions = { deliver_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = client_v4_counter;
        size = SIZE_CLIENTS_V4;
    }
