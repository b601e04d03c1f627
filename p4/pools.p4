// The address pools, and how the client-facing switch of an address is found: by its SID alias without a rule per address
// (MIMIQ §3.3), or in naive mode by its whole address.
// Part of the control `MimiqPipeline`.

    @id(ID_COUNTER_POOL_V6) @name(".ingress.pool_v6_counter")
    DIRECT_COUNTER(pool_v6_counter)
    @id(ID_COUNTER_POOL_V4) @name(".ingress.pool_v4_counter")
    DIRECT_COUNTER(pool_v4_counter)
    @id(ID_COUNTER_ALIAS) @name(".ingress.alias_counter")
    DIRECT_COUNTER(alias_counter)
    @id(ID_COUNTER_BINDING_V6) @name(".ingress.binding_v6_counter")
    DIRECT_COUNTER(binding_v6_counter)
    @id(ID_COUNTER_BINDING_V4) @name(".ingress.binding_v4_counter")
    DIRECT_COUNTER(binding_v4_counter)

    // Pools differ in prefix length and alias width, and a switch cannot shift by a variable: prefix and alias are the
    // destination under a mask.
    @id(ID_ACTION_ALIAS_POOL) @name(".ingress.alias_pool")
    action alias_pool(bit<128> mask) {
        COUNT(pool_v6_counter)
        meta.alias_prefix = hdr.ipv6.dst & mask;
    }

    @id(ID_ACTION_BINDING_POOL_V6) @name(".ingress.binding_pool_v6")
    action binding_pool_v6() {
        COUNT(pool_v6_counter)
    }

    @id(ID_ACTION_BINDING_POOL_V4) @name(".ingress.binding_pool_v4")
    action binding_pool_v4() {
        COUNT(pool_v4_counter)
    }

    @id(ID_ACTION_TUNNEL_ALIAS) @name(".ingress.tunnel_alias")
    action tunnel_alias(bit<128> switch_addr) {
        COUNT(alias_counter)
        meta.tunnelled = true;
        meta.route = ROUTE_V6;
        meta.next_addr = switch_addr;
    }

    @id(ID_ACTION_TUNNEL_V6) @name(".ingress.tunnel_v6")
    action tunnel_v6(bit<128> switch_addr) {
        COUNT(binding_v6_counter)
        meta.tunnelled = true;
        meta.route = ROUTE_V6;
        meta.next_addr = switch_addr;
    }

    @id(ID_ACTION_TUNNEL_V4) @name(".ingress.tunnel_v4")
    action tunnel_v4(bit<128> switch_addr) {
        COUNT(binding_v4_counter)
        meta.tunnelled = true;
        meta.route = ROUTE_V6;
        meta.next_addr = switch_addr;
    }

    @id(ID_TABLE_POOL_V6) @name(".ingress.pool_v6")
    table pool_v6 {
        key = { hdr.ipv6.dst: lpm @name("dst_addr"); }
        actions = { alias_pool; binding_pool_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = pool_v6_counter;
        size = SIZE_POOLS;
    }

    @id(ID_TABLE_POOL_V4) @name(".ingress.pool_v4")
    table pool_v4 {
        key = { hdr.ipv4.dst: lpm @name("dst_addr"); }
        actions = { binding_pool_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = pool_v4_counter;
        size = SIZE_POOLS;
    }

    @id(ID_TABLE_ALIAS) @name(".ingress.alias")
    table alias {
        key = { meta.alias_prefix: exact @name("alias_prefix"); }
        actions = { tunnel_alias; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = alias_counter;
        size = SIZE_ALIASES;
    }

    @id(ID_TABLE_BINDING_V6) @name(".ingress.binding_v6")
    table binding_v6 {
        key = { hdr.ipv6.dst: exact @name("dst_addr"); }
        actions = { tunnel_v6; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = binding_v6_counter;
        size = SIZE_BINDINGS_V6;
    }

    @id(ID_TABLE_BINDING_V4) @name(".ingress.binding_v4")
    table binding_v4 {
        key = { hdr.ipv4.dst: exact @name("dst_addr"); }
        actions = { tunnel_v4; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = binding_v4_counter;
        size = SIZE_BINDINGS_V4;
    }
