// Whether a packet may cause an ICMP error (RFC 4443 §2.4 (e), RFC 1122 §3.2.2): not if its frame went to a group, if it has
// less than 8 bytes behind its header, is an ICMP error itself, or is a later fragment; multicast sources and the like are never
// forwarded. IPv4 without "don't fragment" that is too big asks for fragments, which the switch does not make, and expects no
// error.
// Part of the control `MimiqPipeline`.

    @hidden action may_exceed() {
        meta.may_exceed = true;
    }

    @hidden action may_be_too_big() {
        meta.may_exceed = true;
        meta.may_be_too_big = true;
    }

    @hidden table quotable {
        key = {
            meta.has_info:            ternary;
            hdr.ethernet.dst[40:40]:  ternary;
            meta.ip_len:              ternary;
            hdr.ipv6.isValid():       ternary;
            hdr.ipv6.next_header:     ternary;
            hdr.ipv4.protocol:        ternary;
            hdr.ipv4.fragment_offset: ternary;
            hdr.ipv4.dont_fragment:   ternary;
            meta.quote[63:56]:        ternary;
        }
        actions = { may_exceed; may_be_too_big; NoAction; }
        const default_action = NoAction();
        const entries = {
            // IPv6 below 32 and 32 to 47; IPv4 below 16, 16 to 23, and 24 to 27.
            (_, _, 0 &&& 0xffe0, true, _, _, _, _, _): NoAction();
            (_, _, 32 &&& 0xfff0, true, _, _, _, _, _): NoAction();
            (_, _, 0 &&& 0xfff0, false, _, _, _, _, _): NoAction();
            (_, _, 16 &&& 0xfff8, false, _, _, _, _, _): NoAction();
            (_, _, 24 &&& 0xfffc, false, _, _, _, _, _): NoAction();
            (true, 0, _, true, PROTO_ICMPV6, _, _, _, 0 &&& 0x80): NoAction();
            (true, 0, _, true, _, _, _, _, _): may_be_too_big();
            (true, 0, _, false, _, PROTO_ICMP, _, _, 3): NoAction();
            (true, 0, _, false, _, PROTO_ICMP, _, _, 4 &&& 0xfe): NoAction();
            (true, 0, _, false, _, PROTO_ICMP, _, _, 11): NoAction();
            (true, 0, _, false, _, PROTO_ICMP, _, _, 12): NoAction();
            (true, 0, _, false, _, _, 0, 1, _): may_be_too_big();
            (true, 0, _, false, _, _, 0, 0, _): may_exceed();
        }
    }
