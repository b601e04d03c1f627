// What makes a frame malformed, and what is never forwarded: tables with fixed entries, of which the first that fits counts. A
// switch compares many fields at once in a table and few in a condition.
// Part of the control `MimiqPipeline`.

    @hidden action reject(reason_t reason) {
        DROP(reason)
    }

    @hidden action is_arp() {
        meta.arp = true;
        meta.forward = false;
    }

    @hidden action is_neighbour() {
        meta.neighbour = true;
        meta.forward = false;
    }

    // The frame as it arrived; a miss is an IP packet that may go on.
    @hidden table frame_check {
        key = {
            meta.role:               ternary;
            hdr.ethernet.isValid():  ternary;
            hdr.ethernet.src:        ternary;
            hdr.ethernet.ether_type: ternary;
            hdr.ipv6.isValid():      ternary;
            hdr.ipv6.version:        ternary;
            hdr.ipv6.payload_len:    ternary;
            meta.icmp_type:          ternary;
            hdr.ipv4.isValid():      ternary;
            hdr.ipv4.version:        ternary;
            hdr.ipv4.ihl:            ternary;
            hdr.ipv4.total_len:      ternary;
            meta.excess:             ternary;
            meta.ipv4_checksum_bad:  ternary;
        }
        actions = { reject; is_arp; is_neighbour; NoAction; }
        const default_action = NoAction();
        const entries = {
            (0, _, _, _, _, _, _, _, _, _, _, _, _, _): reject(REASON_NO_ROLE);
            (_, false, _, _, _, _, _, _, _, _, _, _, _, _): reject(REASON_TRUNCATED_ETHERNET);
            // Zero, or a group's.
            (_, _, 0, _, _, _, _, _, _, _, _, _, _, _): reject(REASON_BAD_SOURCE_MAC);
            (_, _, 0x0100_0000_0000 &&& 0x0100_0000_0000, _, _, _, _, _, _, _, _, _, _, _): reject(REASON_BAD_SOURCE_MAC);
            (_, _, _, _, true, 6, 0, _, _, _, _, _, 0, _): NoAction();
            (_, _, _, _, true, 6, _, 133, _, _, _, _, 0, _): is_neighbour();
            (_, _, _, _, true, 6, _, 134 &&& 0xfe, _, _, _, _, 0, _): is_neighbour();
            (_, _, _, _, true, 6, _, 136 &&& 0xfe, _, _, _, _, 0, _): is_neighbour();
            (_, _, _, _, true, 6, _, _, _, _, _, _, 0, _): NoAction();
            (_, _, _, _, true, 6, _, _, _, _, _, _, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, _, true, _, _, _, _, _, _, _, _, _): reject(REASON_IP_VERSION);
            // Below 16, and 16 to 19.
            (_, _, _, _, _, _, _, _, true, 4, 5, 0 &&& 0xfff0, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, _, _, _, _, _, true, 4, 5, 16 &&& 0xfffc, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, _, _, _, _, _, true, 4, 5, _, 0, false): NoAction();
            (_, _, _, _, _, _, _, _, true, 4, 5, _, 0, true): reject(REASON_IPV4_CHECKSUM);
            (_, _, _, _, _, _, _, _, true, 4, 5, _, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, _, _, _, _, _, true, 4, _, _, _, _): reject(REASON_IPV4_OPTIONS);
            (_, _, _, _, _, _, _, _, true, _, _, _, _, _): reject(REASON_IP_VERSION);
            (_, _, _, ETHERTYPE_ARP, _, _, _, _, _, _, _, _, _, _): is_arp();
            (_, _, _, ETHERTYPE_IPV6, _, _, _, _, _, _, _, _, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, ETHERTYPE_IPV4, _, _, _, _, _, _, _, _, _, _): reject(REASON_TRUNCATED_IP);
            (_, _, _, _, _, _, _, _, _, _, _, _, _, _): reject(REASON_ETHER_TYPE);
        }
    }

    @hidden action last_hop() {
        DROP_WITH(REASON_HOP_LIMIT, ICMP_TIME_EXCEEDED)
    }

    // Link-local, multicast, loopback, unspecified and broadcast addresses are not forwarded, and neither is a packet whose hop
    // limit runs out here. A miss may go on.
    @hidden table forward_check_v6 {
        key = {
            hdr.ipv6.src:       ternary;
            hdr.ipv6.dst:       ternary;
            hdr.ipv6.hop_limit: ternary;
        }
        actions = { reject; last_hop; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xfe80 << 112 &&& 0xffc0 << 112, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0xfe80 << 112 &&& 0xffc0 << 112, _): reject(REASON_NOT_FORWARDABLE);
            (0xff00 << 112 &&& 0xff00 << 112, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0xff00 << 112 &&& 0xff00 << 112, _): reject(REASON_NOT_FORWARDABLE);
            (0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe, _): reject(REASON_NOT_FORWARDABLE);
            (_, _, 0 &&& 0xfe): last_hop();
        }
    }

    @hidden table forward_check_v4 {
        key = {
            hdr.ipv4.src: ternary;
            hdr.ipv4.dst: ternary;
            hdr.ipv4.ttl: ternary;
        }
        actions = { reject; last_hop; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xa9fe_0000 &&& 0xffff_0000, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0xa9fe_0000 &&& 0xffff_0000, _): reject(REASON_NOT_FORWARDABLE);
            (0xe000_0000 &&& 0xf000_0000, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0xe000_0000 &&& 0xf000_0000, _): reject(REASON_NOT_FORWARDABLE);
            (0x7f00_0000 &&& 0xff00_0000, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0x7f00_0000 &&& 0xff00_0000, _): reject(REASON_NOT_FORWARDABLE);
            (0, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0, _): reject(REASON_NOT_FORWARDABLE);
            (0xffff_ffff, _, _): reject(REASON_NOT_FORWARDABLE);
            (_, 0xffff_ffff, _): reject(REASON_NOT_FORWARDABLE);
            (_, _, 0 &&& 0xfe): last_hop();
        }
    }
