// The pipeline, in the order of docs/architecture.md: what becomes of a frame. One program plays both roles of a switch; the
// role of the port and the entries that are there decide.
#ifndef MIMIQ_PIPELINE_P4
#define MIMIQ_PIPELINE_P4

#include "arp.p4"
#include "checks.p4"
#include "clients.p4"
#include "neighbour.p4"
#include "pools.p4"
#include "ports.p4"
#include "relay.p4"
#include "routes.p4"
#include "sources.p4"
#include "tunnel.p4"

control MimiqPipeline(inout headers_t hdr, inout meta_t meta) {
    SwitchInfo() switch_info;
    PortRole() port_role;
    EgressRole() egress_role;
    FrameChecks() frame_checks;
    InnerChecks() inner_checks;
    ForwardChecks() forward_checks;
    Arp() arp;
    Neighbour() neighbour;
    ControlRelay() control_relay;
    RelayReturn() relay_return;
    SourceGuard() source_guard;
    DeniedSource() denied_source;
    Decap() decap;
    Unwrap() unwrap;
    Encap() encap;
    Clients() clients;
    Pools() pools;
    Routes() routes;

    // The Ethernet header is the wrapped frame's, which follows.
    @hidden action strip_relay() {
        hdr.ethernet.setInvalid();
        hdr.ipv6.setInvalid();
        hdr.udp.setInvalid();
        hdr.relay.setInvalid();
    }

    @hidden action compare() {
        meta.excess = meta.ip_len |-| meta.fabric_mtu;
    }

    @hidden action set_macs() {
        hdr.ethernet.src = meta.egress_src_mac;
        hdr.ethernet.dst = meta.egress_dst_mac;
    }

    apply {
        // A datagram of the control channel, on its way to the controller and back.
        bool wrapped = false;
        bool unwrapped = false;
        // To be routed, by which table, and in a tunnel.
        bool routed = false;
        bool route_v6 = true;
        bool tunnelled = false;

        switch_info.apply(meta);
        port_role.apply(meta);
        if UNDECIDED frame_checks.apply(hdr, meta);
        if UNDECIDED {
            if (hdr.ethernet.ether_type == ETHERTYPE_ARP) {
                arp.apply(hdr, meta);
                if (meta.fate == FATE_SEND) set_macs();
            } else if (hdr.ipv6.isValid() && hdr.ipv6.next_header == PROTO_ICMPV6 && hdr.ipv6.payload_len != 0 &&
                       meta.icmp_type >= 133 && meta.icmp_type <= 137) {
                neighbour.apply(hdr, meta);
                if (meta.fate == FATE_SEND) set_macs();
            } else {
                if (meta.role == ROLE_CLIENT) {
                    if (hdr.ipv6.isValid()) control_relay.apply(hdr, meta, wrapped);
                    if (!wrapped) source_guard.apply(hdr, meta);
                } else if (meta.role == ROLE_FABRIC) {
                    if (hdr.ipv6.isValid()) {
                        decap.apply(hdr, meta);
                        if (meta.decapsulated) {
                            inner_checks.apply(hdr, meta);
                            if UNDECIDED unwrap.apply(hdr, meta);
                        } else relay_return.apply(hdr, meta, unwrapped);
                    }
                } else denied_source.apply(hdr, meta);

                if (UNDECIDED && wrapped) routed = true;
                else if (UNDECIDED && !unwrapped) {
                    forward_checks.apply(hdr, meta);
                    if UNDECIDED {
                        bool delivered;
                        clients.apply(hdr, meta, delivered);
                        if UNDECIDED {
                            routed = true;
                            route_v6 = hdr.ipv6.isValid();
                            pools.apply(hdr, meta, tunnelled);
                            if (UNDECIDED && tunnelled) {
                                route_v6 = true;
                                encap.apply(hdr, meta);
                            }
                        }
                    }
                }
                if (routed && UNDECIDED) routes.apply(hdr, meta, route_v6);
                if (unwrapped || (routed && meta.fate == FATE_SEND && !wrapped && !tunnelled)) {
                    compare();
                    egress_role.apply(meta);
                    if (unwrapped) {
                        if (meta.egress_role == ROLE_CLIENT) meta.fate = FATE_SEND;
                        else DROP(REASON_MALFORMED_RELAY)
                    } else if (meta.has_info && meta.egress_role == ROLE_FABRIC && meta.excess != 0) {
                        DROP(REASON_PACKET_TOO_BIG)
                        meta.icmp = ICMP_TOO_BIG;
                        meta.icmp_mtu = meta.fabric_mtu;
                    }
                }
                if (meta.fate == FATE_SEND) {
                    if (unwrapped) strip_relay();
                    else {
                        set_macs();
                        if (!wrapped) {
                            if (hdr.ipv6.isValid()) {
                                hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
                                if (!tunnelled) hdr.ethernet.ether_type = ETHERTYPE_IPV6;
                            } else {
                                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
                                meta.ttl_changed = true;
                                if (!tunnelled) hdr.ethernet.ether_type = ETHERTYPE_IPV4;
                            }
                        }
                    }
                }
            }
        }
    }
}

#endif
