// The tunnels between the switches: where they end, and how one begins.
// Part of the control `MimiqPipeline`.

    // The source is part of the key: without it a client could tunnel a packet with a forged inner source to another switch.
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

    // What was inside takes the place of what was around it.
    @hidden action unwrap_ipv6() {
        hdr.ipv6 = hdr.inner_ipv6;
        hdr.inner_ipv6.setInvalid();
        meta.quote = meta.inner_quote;
        meta.ip_len = meta.inner_len;
    }

    @hidden action unwrap_ipv4() {
        hdr.ipv4 = hdr.inner_ipv4;
        hdr.ipv4.setValid();
        hdr.inner_ipv4.setInvalid();
        hdr.ipv6.setInvalid();
        meta.quote = meta.inner_quote;
        meta.ip_len = meta.inner_len;
    }

    @hidden table inner_check {
        key = {
            hdr.inner_ipv6.isValid():     ternary;
            hdr.inner_ipv6.version:       ternary;
            hdr.inner_ipv4.isValid():     ternary;
            hdr.inner_ipv4.version:       ternary;
            hdr.inner_ipv4.ihl:           ternary;
            hdr.inner_ipv4.total_len:     ternary;
            meta.inner_excess:            ternary;
            meta.inner_ipv4_checksum_bad: ternary;
        }
        actions = { reject; unwrap_ipv6; unwrap_ipv4; }
        const default_action = reject(REASON_MALFORMED_TUNNEL);
        const entries = {
            (true, 6, _, _, _, _, 0, _): unwrap_ipv6();
            // Below 16, and 16 to 19.
            (false, _, true, _, _, 0 &&& 0xfff0, _, _): reject(REASON_MALFORMED_TUNNEL);
            (false, _, true, _, _, 16 &&& 0xfffc, _, _): reject(REASON_MALFORMED_TUNNEL);
            (_, _, true, 4, 5, _, 0, false): unwrap_ipv4();
        }
    }

    // In front of the packet, towards the switch whose address is `next_addr`. Traffic class and flow label are the inner ones, so
    // that routers inside spread flows.
    @hidden action encapsulate_ipv6() {
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = hdr.ipv6.class_and_flow;
        hdr.outer_ipv6.payload_len = meta.ip_len;
        hdr.outer_ipv6.next_header = PROTO_IPV6;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_ipv6.src = meta.tunnel_addr;
        hdr.outer_ipv6.dst = meta.next_addr;
    }

    @hidden action encapsulate_ipv4() {
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.class_and_flow = 0;
        hdr.outer_ipv6.payload_len = meta.ip_len;
        hdr.outer_ipv6.next_header = PROTO_IPV4;
        hdr.outer_ipv6.hop_limit = HOP_LIMIT;
        hdr.outer_ipv6.src = meta.tunnel_addr;
        hdr.outer_ipv6.dst = meta.next_addr;
        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
    }
