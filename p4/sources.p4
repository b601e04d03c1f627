// Which sources may enter: at a client port only leased ones, from upstream none that is ours.
// Part of the control `MimiqPipeline`.

    // MIMIQ §3.3: only the allocation server manages the table, which prevents spoofing.
    @id(ID_COUNTER_SOURCE_GUARD_V6) @name(".ingress.source_guard_v6_counter")
    DIRECT_COUNTER(source_guard_v6_counter)
    @id(ID_COUNTER_SOURCE_GUARD_V4) @name(".ingress.source_guard_v4_counter")
    DIRECT_COUNTER(source_guard_v4_counter)

    @id(ID_ACTION_PERMIT_V6) @name(".ingress.permit_v6")
    action permit_v6() {
        COUNT(source_guard_v6_counter)
    }

    @id(ID_ACTION_PERMIT_V4) @name(".ingress.permit_v4")
    action permit_v4() {
        COUNT(source_guard_v4_counter)
    }

    @id(ID_TABLE_SOURCE_GUARD_V6) @name(".ingress.source_guard_v6")
    table source_guard_v6 {
        key = {
            meta.ingress_port: exact @name("port");
            hdr.ethernet.src: exact @name("src_mac");
            hdr.ipv6.src: exact @name("src_addr");
        }
        actions = { permit_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = source_guard_v6_counter;
        size = SIZE_CLIENTS_V6;
    }

    @id(ID_TABLE_SOURCE_GUARD_V4) @name(".ingress.source_guard_v4")
    table source_guard_v4 {
        key = {
            meta.ingress_port: exact @name("port");
            hdr.ethernet.src: exact @name("src_mac");
            hdr.ipv4.src: exact @name("src_addr");
        }
        actions = { permit_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = source_guard_v4_counter;
        size = SIZE_CLIENTS_V4;
    }

    // The pools, whose addresses belong to clients inside, and the trusted network's internal addresses.
    @id(ID_COUNTER_DENIED_SOURCE_V6) @name(".ingress.denied_source_v6_counter")
    DIRECT_COUNTER(denied_source_v6_counter)
    @id(ID_COUNTER_DENIED_SOURCE_V4) @name(".ingress.denied_source_v4_counter")
    DIRECT_COUNTER(denied_source_v4_counter)

    @id(ID_ACTION_DENY_V6) @name(".ingress.deny_v6")
    action deny_v6() {
        COUNT(denied_source_v6_counter)
        DROP(REASON_DENIED_SOURCE)
    }

    @id(ID_ACTION_DENY_V4) @name(".ingress.deny_v4")
    action deny_v4() {
        COUNT(denied_source_v4_counter)
        DROP(REASON_DENIED_SOURCE)
    }

    @id(ID_TABLE_DENIED_SOURCE_V6) @name(".ingress.denied_source_v6")
    table denied_source_v6 {
        key = { hdr.ipv6.src: lpm @name("src_addr"); }
        actions = { deny_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = denied_source_v6_counter;
        size = SIZE_DENIED_SOURCES;
    }

    @id(ID_TABLE_DENIED_SOURCE_V4) @name(".ingress.denied_source_v4")
    table denied_source_v4 {
        key = { hdr.ipv4.src: lpm @name("src_addr"); }
        actions = { deny_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = denied_source_v4_counter;
        size = SIZE_DENIED_SOURCES;
    }
