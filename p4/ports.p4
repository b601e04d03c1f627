// What the switch knows of itself and of its ports.
// Part of the control `MimiqPipeline`.

    // The switch's own addresses: a table without a key, set as its default action.
    @id(ID_ACTION_SET_SWITCH_INFO) @name(".ingress.set_switch_info")
    action set_switch_info(bit<48> mac, bit<128> tunnel_addr, bit<128> icmp_addr_v6, bit<32> icmp_addr_v4,
                           bit<16> fabric_mtu) {
        meta.has_info = true;
        meta.mac = mac;
        meta.tunnel_addr = tunnel_addr;
        meta.icmp_addr_v6 = icmp_addr_v6;
        meta.icmp_addr_v4 = icmp_addr_v4;
        meta.fabric_mtu = fabric_mtu;
    }

    @id(ID_TABLE_SWITCH_INFO) @name(".ingress.switch_info")
    table switch_info {
        actions = { set_switch_info; @defaultonly NoAction; }
        default_action = NoAction();
        size = 1;
    }

    // What the ingress port is connected to; a port without a role drops everything.
    @id(ID_COUNTER_PORT_ROLE) @name(".ingress.port_role_counter")
    DIRECT_COUNTER(port_role_counter)

    @id(ID_ACTION_SET_ROLE) @name(".ingress.set_role")
    action set_role(role_t role) {
        COUNT(port_role_counter)
        meta.role = role;
    }

    @id(ID_TABLE_PORT_ROLE) @name(".ingress.port_role")
    table port_role {
        key = { meta.ingress_port: exact @name("port"); }
        actions = { set_role; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = port_role_counter;
        size = SIZE_PORTS;
    }

    // The same of the port by which a packet would leave: a table can be applied only once.
    @id(ID_COUNTER_EGRESS_ROLE) @name(".ingress.egress_role_counter")
    DIRECT_COUNTER(egress_role_counter)

    @id(ID_ACTION_SET_EGRESS_ROLE) @name(".ingress.set_egress_role")
    action set_egress_role(role_t role) {
        COUNT(egress_role_counter)
        meta.egress_role = role;
    }

    @id(ID_TABLE_EGRESS_ROLE) @name(".ingress.egress_role")
    table egress_role {
        key = { meta.egress_port: exact @name("port"); }
        actions = { set_egress_role; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = egress_role_counter;
        size = SIZE_PORTS;
    }

    @hidden action send() {
        meta.fate = FATE_SEND;
    }

    @hidden action too_big() {
        DROP_WITH(REASON_PACKET_TOO_BIG, ICMP_TOO_BIG)
        meta.icmp_mtu = meta.fabric_mtu;
    }

    // A relayed frame leaves by a client port only, and a plainly routed packet that leaves by a fabric port must fit.
    @hidden table egress_check {
        key = {
            meta.unwrapped:   ternary;
            meta.plain:       ternary;
            meta.fate:        ternary;
            meta.has_info:    ternary;
            meta.egress_role: ternary;
            meta.excess:      ternary;
        }
        actions = { reject; send; too_big; NoAction; }
        const default_action = NoAction();
        const entries = {
            (true, _, _, _, ROLE_CLIENT, _): send();
            (true, _, _, _, _, _): reject(REASON_MALFORMED_RELAY);
            (_, true, FATE_SEND, true, ROLE_FABRIC, 0): NoAction();
            (_, true, FATE_SEND, true, ROLE_FABRIC, _): too_big();
        }
    }
