// What makes a header malformed, and what is never forwarded.
//
// Two lengths are compared by a subtraction that stops at zero, in an action of its own, and wide fields by a small table with
// fixed entries: a switch can compare no more than a few bytes with constants otherwise.
// Part of the control `MimiqPipeline`.

    // Zero, or a group's.
    @hidden action bad_source() {
        DROP(REASON_BAD_SOURCE_MAC)
    }

    @hidden table source_mac {
        key = { hdr.ethernet.src: ternary; }
        actions = { bad_source; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            0: bad_source();
            0x0100_0000_0000 &&& 0x0100_0000_0000: bad_source();
        }
    }

    // Link-local, multicast, loopback, unspecified and broadcast addresses are not forwarded.
    @hidden action local() {
        DROP(REASON_NOT_FORWARDABLE)
    }

    @hidden table local_v6 {
        key = {
            hdr.ipv6.src: ternary;
            hdr.ipv6.dst: ternary;
        }
        actions = { local; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xfe80 << 112 &&& 0xffc0 << 112, _): local();
            (_, 0xfe80 << 112 &&& 0xffc0 << 112): local();
            (0xff00 << 112 &&& 0xff00 << 112, _): local();
            (_, 0xff00 << 112 &&& 0xff00 << 112): local();
            (0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe, _): local();
            (_, 0 &&& 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe): local();
        }
    }

    @hidden table local_v4 {
        key = {
            hdr.ipv4.src: ternary;
            hdr.ipv4.dst: ternary;
        }
        actions = { local; @defaultonly NoAction; }
        const default_action = NoAction();
        const entries = {
            (0xa9fe_0000 &&& 0xffff_0000, _): local();
            (_, 0xa9fe_0000 &&& 0xffff_0000): local();
            (0xe000_0000 &&& 0xf000_0000, _): local();
            (_, 0xe000_0000 &&& 0xf000_0000): local();
            (0x7f00_0000 &&& 0xff00_0000, _): local();
            (_, 0x7f00_0000 &&& 0xff00_0000): local();
            (0, _): local();
            (_, 0): local();
            (0xffff_ffff, _): local();
            (_, 0xffff_ffff): local();
        }
    }
