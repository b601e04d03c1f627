// Neighbour advertisements (RFC 4861 §4.4).
// Part of the control `MimiqPipeline`.

    // The advertisement takes the place of the solicitation; the deparser computes its checksum. To the unspecified address, which
    // detects duplicates, it is a multicast.
    @hidden action advertise_to_all() {
        hdr.ipv6.class_and_flow = 0;
        hdr.ipv6.payload_len = 32;
        hdr.nd.kind = ND_ADVERTISEMENT;
        hdr.nd_option_0.setValid();
        hdr.nd_option_0.kind = ND_OPTION_TARGET_LINK_LAYER;
        hdr.nd_option_0.units = 1;
        hdr.nd_option_0.value = meta.egress_src_mac;
        hdr.nd_option_1.setInvalid();
        hdr.ethernet.dst = ALL_NODES_MAC;
        hdr.ethernet.src = meta.egress_src_mac;
        hdr.nd.flags = ND_ROUTER_OVERRIDE;
        hdr.ipv6.dst = ALL_NODES;
        hdr.ipv6.src = hdr.nd.target;
    }

    @hidden action advertise() {
        hdr.ipv6.class_and_flow = 0;
        hdr.ipv6.payload_len = 32;
        hdr.nd.kind = ND_ADVERTISEMENT;
        hdr.nd_option_0.setValid();
        hdr.nd_option_0.kind = ND_OPTION_TARGET_LINK_LAYER;
        hdr.nd_option_0.units = 1;
        hdr.nd_option_0.value = meta.egress_src_mac;
        hdr.nd_option_1.setInvalid();
        hdr.ethernet.dst = hdr.ethernet.src;
        hdr.ethernet.src = meta.egress_src_mac;
        hdr.nd.flags = ND_ROUTER_SOLICITED_OVERRIDE;
        hdr.ipv6.dst = hdr.ipv6.src;
        hdr.ipv6.src = hdr.nd.target;
    }
