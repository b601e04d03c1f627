// The pipeline, in the order of docs/architecture.md: what becomes of a frame. One program plays both roles of a switch; the
// role of the port and the entries that are there decide.
//
// The tables and actions are in a file for each idea. The decisions are here, nested where they can be: on Tofino a decision
// that goes through a field costs a stage, and a nested one does not.
#ifndef MIMIQ_PIPELINE_P4
#define MIMIQ_PIPELINE_P4

#include "arp.p4"
#include "fate.p4"
#include "ids.p4"
#include "neighbour.p4"
#include "sizes.p4"

control MimiqPipeline(inout headers_t hdr, inout meta_t meta) {
    Arp() arp;
    NeighbourCheck() neighbour_check;
    Neighbour() neighbour;

#include "checks.p4"
#include "clients.p4"
#include "lengths.p4"
#include "pools.p4"
#include "ports.p4"
#include "quotable.p4"
#include "relay.p4"
#include "routes.p4"
#include "sources.p4"
#include "tunnel.p4"

#include "advertisement.p4"

    @hidden action set_macs() {
        hdr.ethernet.src = meta.egress_src_mac;
        hdr.ethernet.dst = meta.egress_dst_mac;
    }

    apply {
        switch_info.apply();
        if (hdr.inner_ipv6.isValid()) measure_inner_ipv6();
        else if (hdr.inner_ipv4.isValid()) measure_inner_ipv4();
        else if (hdr.udp.isValid()) measure_udp();
        else if (hdr.ipv6.isValid()) measure_ipv6();
        else if (hdr.ipv4.isValid()) measure_ipv4();
        port_role.apply();
        if (hdr.inner_ipv6.isValid() || hdr.inner_ipv4.isValid()) compare_inner();
        limit();

        // What the frame is, and whether it may enter.
        switch (frame_check.apply().action_run) {
            NoAction: {
                if (meta.role == ROLE_CLIENT) {
                    // The UDP header must be inside the packet, and not in what is behind it: 8 bytes, 16 with a fragment header.
                    if (hdr.udp.isValid() && (hdr.ipv6.payload_len[15:4] != 0 ||
                                              (hdr.ipv6.payload_len[3:3] == 1 && !hdr.fragment.isValid())))
                        control_relay.apply();
                } else if (meta.role == ROLE_FABRIC) {
                    if (hdr.ipv6.isValid() && (hdr.ipv6.next_header == PROTO_IPV6 || hdr.ipv6.next_header == PROTO_IPV4))
                        decap.apply();
                    else if (hdr.udp.isValid() && !hdr.fragment.isValid() && hdr.ipv6.payload_len[15:3] != 0) relay_return.apply();
                } else if (hdr.ipv6.isValid()) denied_source_v6.apply();
                else denied_source_v4.apply();
            }
            is_neighbour: {
                neighbour_check.apply(hdr, meta);
            }
        }
        if (hdr.udp.isValid()) compare_wrapped();
        if (meta.wrapped) wrapped_check.apply();
        else if (meta.decapsulated) inner_check.apply();
        else if (meta.relayed) relayed_check.apply();
        else if (meta.forward && meta.role == ROLE_CLIENT) {
            if (hdr.ipv6.isValid()) {
                if (!source_guard_v6.apply().hit) DROP(REASON_SOURCE_GUARD)
            } else if (!source_guard_v4.apply().hit) DROP(REASON_SOURCE_GUARD)
        }

        // Where it goes: to a client of this switch, into a tunnel to another, or by its destination.
        if (meta.forward) {
            compare_tunnel();
            quotable.apply();
            if (hdr.ipv6.isValid()) {
                if (!forward_check_v6.apply().hit) {
                    if (client_v6.apply().hit) {
                        if (!meta.has_info) DROP(REASON_NO_SWITCH_INFO)
                    } else if (meta.decapsulated) DROP(REASON_CLIENT_MISS)
                    else {
                        switch (pool_v6.apply().action_run) {
                            alias_pool: {
                                if (!alias.apply().hit) DROP(REASON_ALIAS_MISS)
                            }
                            binding_pool_v6: {
                                if (!binding_v6.apply().hit) DROP(REASON_BINDING_MISS)
                            }
                            default: {
                                meta.next_addr = hdr.ipv6.dst;
                                meta.plain = true;
                                meta.route = ROUTE_V6;
                            }
                        }
                    }
                }
            } else {
                if (!forward_check_v4.apply().hit) {
                    if (client_v4.apply().hit) {
                        if (!meta.has_info) DROP(REASON_NO_SWITCH_INFO)
                    } else if (meta.decapsulated) DROP(REASON_CLIENT_MISS)
                    else if (pool_v4.apply().hit) {
                        if (!binding_v4.apply().hit) DROP(REASON_BINDING_MISS)
                    } else {
                        meta.plain = true;
                        meta.route = ROUTE_V4;
                    }
                }
            }
        }

        // By which port.
        if (meta.tunnelled && !meta.has_info) DROP(REASON_NO_SWITCH_INFO)
        else if (meta.tunnelled && meta.excess != 0) {
            DROP_WITH(REASON_PACKET_TOO_BIG, ICMP_TOO_BIG)
            meta.icmp_mtu = meta.tunnel_mtu;
        } else {
            if (meta.tunnelled) {
                if (hdr.ipv6.isValid()) encapsulate_ipv6(); else encapsulate_ipv4();
            }
            if (meta.route == ROUTE_V6) {
                if (!route_v6.apply().hit) DROP(REASON_NO_ROUTE)
            } else if (meta.route == ROUTE_V4) {
                if (!route_v4.apply().hit) DROP(REASON_NO_ROUTE)
            }
        }
        if (meta.plain) compare_route();
        if (meta.unwrapped || (meta.plain && meta.fate == FATE_SEND)) egress_role.apply();
        egress_check.apply();

        // Requests for the switch itself.
        if (meta.arp) arp.apply(hdr, meta);
        else if (meta.neighbour) neighbour.apply(hdr, meta);

        // What it leaves as.
        if (meta.fate == FATE_SEND) {
            if (meta.unwrapped) strip_relay();
            else if (meta.neighbour) {
                if (meta.unspecified) advertise_to_all(); else advertise();
            } else {
                set_macs();
                if (meta.forward) {
                    if (hdr.ipv6.isValid()) {
                        hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
                        if (!meta.tunnelled) hdr.ethernet.ether_type = ETHERTYPE_IPV6;
                    } else {
                        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
                        meta.ttl_changed = true;
                        if (!meta.tunnelled) hdr.ethernet.ether_type = ETHERTYPE_IPV4;
                    }
                }
            }
        }
    }
}

#endif
