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
    Neighbour() neighbour;

#include "checks.p4"
#include "clients.p4"
#include "lengths.p4"
#include "pools.p4"
#include "ports.p4"
#include "relay.p4"
#include "routes.p4"
#include "sources.p4"
#include "tunnel.p4"

    @hidden action set_macs() {
        hdr.ethernet.src = meta.egress_src_mac;
        hdr.ethernet.dst = meta.egress_dst_mac;
    }

    apply {
        switch_info.apply();
        if (hdr.ipv6.isValid()) measure_ipv6(); else if (hdr.ipv4.isValid()) measure_ipv4();
        if (hdr.inner_ipv6.isValid()) measure_inner_ipv6();
        else if (hdr.inner_ipv4.isValid()) measure_inner_ipv4();
        else if (hdr.fragment.isValid()) measure_fragment();
        else if (hdr.udp.isValid()) measure_udp();
        if (hdr.inner_ipv6.isValid() || hdr.inner_ipv4.isValid()) compare_inner();
        limit();

        // What the frame is, and whether it may enter.
        if (!port_role.apply().hit) DROP(REASON_NO_ROLE)
        else if (!hdr.ethernet.isValid()) DROP(REASON_TRUNCATED_ETHERNET)
        else if (source_mac.apply().hit) DROP(REASON_BAD_SOURCE_MAC)
        else if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.version != 6) DROP(REASON_IP_VERSION)
            TRUNCATED(meta.excess != 0)
            else if (meta.icmp_type >= 133 && meta.icmp_type <= 137 && hdr.ipv6.payload_len != 0) neighbour.apply(hdr, meta);
            else if (meta.role == ROLE_CLIENT) {
                if (hdr.udp.isValid() && meta.missing == 0) control_relay.apply();
                if (meta.wrapped) {
                    compare_wrapped();
                    if (hdr.fragment.isValid() || hdr.ipv6.src[127:118] != 0x3fa) DROP(REASON_BAD_CONTROL)
                    else if (meta.wrapped_len == 0xffff) DROP(REASON_PACKET_TOO_BIG)
                    else if (meta.has_info && meta.excess != 0) DROP(REASON_PACKET_TOO_BIG)
                    else wrap();
                } else if (source_guard_v6.apply().hit) meta.forward = true;
                else DROP(REASON_SOURCE_GUARD)
            } else if (meta.role == ROLE_FABRIC) {
                if (hdr.ipv6.next_header == PROTO_IPV6 || hdr.ipv6.next_header == PROTO_IPV4) decap.apply();
                if (meta.decapsulated) {
                    if (meta.inner_excess != 0) DROP(REASON_MALFORMED_TUNNEL)
                    else if (hdr.inner_ipv6.isValid()) {
                        if (hdr.inner_ipv6.version == 6) unwrap_ipv6(); else DROP(REASON_MALFORMED_TUNNEL)
                    } else if (hdr.inner_ipv4.isValid() && hdr.inner_ipv4.version == 4 && hdr.inner_ipv4.ihl == 5 &&
                               meta.missing == 0 && !meta.inner_ipv4_checksum_bad) unwrap_ipv4();
                    else DROP(REASON_MALFORMED_TUNNEL)
                } else {
                    bool relayed = false;
                    if (hdr.udp.isValid() && !hdr.fragment.isValid() && meta.missing == 0) {
                        if (relay_return.apply().hit) relayed = true;
                    }
                    if (!relayed) meta.forward = true;
                    else if (meta.relayed_missing != 0 || meta.inner_excess != 0) DROP(REASON_MALFORMED_RELAY)
                    else if (hdr.relay.isValid() && hdr.relay.version == RELAY_VERSION &&
                             hdr.relay.direction == RELAY_TO_CLIENT && hdr.relay.port[15:9] == 0) to_relayed_port();
                    else DROP(REASON_MALFORMED_RELAY)
                }
            } else if (!denied_source_v6.apply().hit) meta.forward = true;
        } else if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.version != 4) DROP(REASON_IP_VERSION)
            else if (hdr.ipv4.ihl != 5) DROP(REASON_IPV4_OPTIONS)
            else if (meta.missing != 0) DROP(REASON_TRUNCATED_IP)
            TRUNCATED(meta.excess != 0)
            else if (meta.ipv4_checksum_bad) DROP(REASON_IPV4_CHECKSUM)
            else if (meta.role == ROLE_CLIENT) {
                if (source_guard_v4.apply().hit) meta.forward = true; else DROP(REASON_SOURCE_GUARD)
            } else if (meta.role == ROLE_FABRIC) meta.forward = true;
            else if (!denied_source_v4.apply().hit) meta.forward = true;
        } else if (hdr.ethernet.ether_type == ETHERTYPE_ARP) arp.apply(hdr, meta);
        else if (hdr.ethernet.ether_type == ETHERTYPE_IPV6 || hdr.ethernet.ether_type == ETHERTYPE_IPV4)
            DROP(REASON_TRUNCATED_IP)
        else DROP(REASON_ETHER_TYPE)

        // Where it goes: to a client of this switch, into a tunnel to another, or by its destination.
        if (meta.forward) {
            compare_tunnel();
            if (hdr.ipv6.isValid()) {
                if (local_v6.apply().hit) DROP(REASON_NOT_FORWARDABLE)
                else if (hdr.ipv6.hop_limit[7:1] == 0) DROP_WITH(REASON_HOP_LIMIT, ICMP_TIME_EXCEEDED)
                else if (client_v6.apply().hit) {
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
            } else {
                if (local_v4.apply().hit) DROP(REASON_NOT_FORWARDABLE)
                else if (hdr.ipv4.ttl[7:1] == 0) DROP_WITH(REASON_HOP_LIMIT, ICMP_TIME_EXCEEDED)
                else if (client_v4.apply().hit) {
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
        if (meta.unwrapped) {
            if (meta.egress_role == ROLE_CLIENT) meta.fate = FATE_SEND; else DROP(REASON_MALFORMED_RELAY)
        } else if (meta.plain && meta.fate == FATE_SEND && meta.has_info && meta.egress_role == ROLE_FABRIC &&
                   meta.excess != 0) {
            DROP_WITH(REASON_PACKET_TOO_BIG, ICMP_TOO_BIG)
            meta.icmp_mtu = meta.fabric_mtu;
        }

        // What it leaves as.
        if (meta.fate == FATE_SEND) {
            if (meta.unwrapped) strip_relay();
            else {
                set_macs();
                if (meta.forward) {
                    if (hdr.ipv6.isValid()) {
                        hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
                        hdr.ethernet.ether_type = ETHERTYPE_IPV6;
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
