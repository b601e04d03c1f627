// The parser, shared by the targets. It reads as far as the frame allows; what it could not read is an invalid header, which
// the pipeline takes for what it is. A parser error is therefore no reason to drop a frame.
//
// The target's top file defines what happens where a checksum can be verified while its header is read: nothing on v1model,
// where the control `Checksums` does it, and the parser's checksum unit on Tofino, which has no other.
#ifndef MIMIQ_PARSER_P4
#define MIMIQ_PARSER_P4

#include "headers.p4"

parser MimiqParser(packet_in packet, out headers_t hdr, inout meta_t meta) {
    PARSER_CHECKSUMS

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV6: ipv6;
            ETHERTYPE_IPV4: ipv4;
            ETHERTYPE_ARP:  arp;
            default:        accept;
        }
    }

    state arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state ipv4 {
        packet.extract(hdr.ipv4);
        VERIFY_IPV4(hdr.ipv4)
        meta.quote = packet.lookahead<bit<64>>();
        transition accept;
    }

    state ipv6 {
        packet.extract(hdr.ipv6);
        transition select(hdr.ipv6.next_header) {
            PROTO_ICMPV6: icmp_type;
            default:      ipv6_payload;
        }
    }

    // A neighbour message may be shorter than the 8 bytes that are read next.
    state icmp_type {
        meta.icmp_type = packet.lookahead<bit<8>>();
        transition ipv6_payload;
    }

    state ipv6_payload {
        meta.quote = packet.lookahead<bit<64>>();
        transition select(hdr.ipv6.next_header, meta.icmp_type) {
            (PROTO_ICMPV6, ND_SOLICITATION): nd;
            (PROTO_UDP, _):                  udp;
            (PROTO_FRAGMENT, _):             fragment;
            (PROTO_IPV6, _):                 inner_ipv6;
            (PROTO_IPV4, _):                 inner_ipv4;
            default:                         accept;
        }
    }

    // Longer solicitations are not answered; the pipeline tells by the length.
    state nd {
        packet.extract(hdr.nd);
        VERIFY_ND(hdr.nd)
        transition select(hdr.ipv6.payload_len) {
            32:      nd_option;
            40:      nd_options;
            default: accept;
        }
    }

    state nd_option {
        packet.extract(hdr.nd_option_0);
        VERIFY_ND_OPTION(hdr.nd_option_0)
        transition accept;
    }

    state nd_options {
        packet.extract(hdr.nd_option_0);
        packet.extract(hdr.nd_option_1);
        VERIFY_ND_OPTIONS(hdr.nd_option_0, hdr.nd_option_1)
        transition accept;
    }

    state fragment {
        packet.extract(hdr.fragment);
        transition select(hdr.fragment.next_header, hdr.fragment.offset) {
            (PROTO_UDP, 0): udp;
            default:        accept;
        }
    }

    state udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.dst_port) {
            RELAY_PORT: relay;
            default:    accept;
        }
    }

    state relay {
        packet.extract(hdr.relay);
        transition accept;
    }

    state inner_ipv6 {
        packet.extract(hdr.inner_ipv6);
        meta.inner_quote = packet.lookahead<bit<64>>();
        transition accept;
    }

    state inner_ipv4 {
        packet.extract(hdr.inner_ipv4);
        VERIFY_INNER_IPV4(hdr.inner_ipv4)
        meta.inner_quote = packet.lookahead<bit<64>>();
        transition accept;
    }
}

#endif
