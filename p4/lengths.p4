// Lengths that are computed before any decision. Two lengths are compared by a subtraction that stops at zero: a switch can
// compare no two fields otherwise. How much something is too long is `excess`.
// Part of the control `MimiqPipeline`.

#ifdef FRAME_LENGTH
#define MEASURE_IPV6 \
        meta.ip_len = hdr.ipv6.payload_len |+| LEN_IPV6; \
        meta.excess = hdr.ipv6.payload_len |-| (FRAME_LENGTH - LEN_ETHERNET - LEN_IPV6);
#else
#define MEASURE_IPV6 meta.ip_len = hdr.ipv6.payload_len |+| LEN_IPV6;
#endif

    @hidden action measure_ipv6() {
        MEASURE_IPV6
    }

    @hidden action measure_ipv4() {
        meta.ip_len = hdr.ipv4.total_len;
#ifdef FRAME_LENGTH
        meta.excess = hdr.ipv4.total_len |-| (FRAME_LENGTH - LEN_ETHERNET);
#endif
    }

    // A relayed frame must lie within the datagram.
    @hidden action measure_udp() {
        MEASURE_IPV6
        meta.wrapped_len = hdr.ipv6.payload_len |+| (LEN_UDP + LEN_RELAY + LEN_ETHERNET + LEN_IPV6);
        meta.inner_excess = hdr.udp.len |-| hdr.ipv6.payload_len;
    }

    @hidden action measure_inner_ipv6() {
        MEASURE_IPV6
        meta.inner_len = hdr.inner_ipv6.payload_len |+| LEN_IPV6;
    }

    @hidden action measure_inner_ipv4() {
        MEASURE_IPV6
        meta.inner_len = hdr.inner_ipv4.total_len;
    }

    // The packet in a tunnel must lie within what the outer header says.
    @hidden action compare_inner() {
        meta.inner_excess = meta.inner_len |-| hdr.ipv6.payload_len;
    }

    // What fits into a tunnel.
    @hidden action limit() {
        meta.tunnel_mtu = meta.fabric_mtu |-| LEN_IPV6;
    }

    @hidden action compare_wrapped() {
        meta.excess = meta.wrapped_len |-| meta.tunnel_mtu;
    }

    @hidden action compare_tunnel() {
        meta.excess = meta.ip_len |-| meta.tunnel_mtu;
    }

    @hidden action compare_route() {
        meta.excess = meta.ip_len |-| meta.fabric_mtu;
    }
