// The pipeline on the Tofino Native Architecture, for Tofino 1. What the architecture makes different is here and nowhere else:
//
// - Ingress does not know a frame's length, so an IP length beyond the frame's end is no `truncated_ip` here; a header that is
//   cut is. The next host drops such a packet.
// - The parser verifies checksums while it reads. It cannot add a pseudo-header, so the checksum of a neighbour solicitation is
//   not verified; its Ethernet frame was.
// - Ingress cannot cut a packet. An ICMP error is therefore a truncated mirror of the packet: ingress drops it and tells the mirror
//   why, egress makes it an error and sends it to the recirculation port, and ingress passes it on to the port it came from. It
//   needs one mirror session for each length (docs/deploy-tofino.md).
// - Actions count their table's hits.
// - Tables are as large as fit beside each other.
#include <core.p4>
#include <tna.p4>

#define DIRECT_COUNTER(name) DirectCounter<bit<32>>(CounterType_t.PACKETS_AND_BYTES) name;
#define COUNT(name) name.count();
#define TRUNCATED(condition)

#define PARSER_CHECKSUMS \
    Checksum() ipv4_sum; \
    Checksum() inner_ipv4_sum;
#define VERIFY_IPV4(header) ipv4_sum.add(header); meta.ipv4_checksum_bad = ipv4_sum.verify();
#define VERIFY_INNER_IPV4(header) inner_ipv4_sum.add(header); meta.inner_ipv4_checksum_bad = inner_ipv4_sum.verify();
#define VERIFY_ND(header) 
#define VERIFY_ND_OPTION(header)
#define VERIFY_ND_OPTIONS(first, second)

#ifndef SIZE_CLIENTS_V6
#define SIZE_CLIENTS_V6  4096
#define SIZE_CLIENTS_V4  4096
#define SIZE_BINDINGS_V6 4096
#define SIZE_BINDINGS_V4 4096
#define SIZE_ALIASES     8192
#define SIZE_ROUTES      1024
#endif

#include "icmp_error.p4"
#include "parser.p4"
#include "pipeline.p4"

// Each pipe's recirculation port is its number 68.
#define RECIRCULATION_PORT 9w68 &&& 9w0x7f
const MirrorType_t MIRROR_ICMP = 1;
// The mirror sessions, by what the packet is cut to: Ethernet, IP header and quotation, and the tunnel's header before.
const MirrorId_t SESSION_IPV4           = 1;
const MirrorId_t SESSION_IPV6           = 2;
const MirrorId_t SESSION_IPV4_IN_TUNNEL = 3;
const MirrorId_t SESSION_IPV6_IN_TUNNEL = 4;

// What ingress tells egress of a packet that becomes an ICMP error.
header mirror_t {
    bit<8>   icmp;
    bit<8>   session;
    bit<16>  port;
    bit<16>  mtu;
    bit<32>  icmp_addr_v4;
    bit<128> icmp_addr_v6;
}

// In front of an ICMP error on the recirculation port: where it leaves.
header recirculated_t {
    bit<16> port;
}

struct ingress_meta_t {
    meta_t     common;
    MirrorId_t session;
    bit<8>     mirrored_session;
    bit<8>     mirrored_icmp;
    bit<16>    mirrored_port;
}

struct egress_meta_t {
    meta_t         common;
    mirror_t       mirror;
    recirculated_t recirculated;
}

parser IngressParser(packet_in packet, out headers_t hdr, out ingress_meta_t meta,
                     out ingress_intrinsic_metadata_t intrinsic) {
    MimiqParser() headers;

    state start {
        packet.extract(intrinsic);
        packet.advance(PORT_METADATA_SIZE);
        meta.common.ingress_port = intrinsic.ingress_port;
        meta.common.fate = 0;
        meta.common.forward = true;
        transition select(intrinsic.ingress_port) {
            RECIRCULATION_PORT: recirculated;
            default:            received;
        }
    }

    // Nothing else is to be read: it leaves as it is.
    state recirculated {
        meta.common.egress_port = packet.lookahead<bit<16>>()[8:0];
        packet.advance(16);
        meta.common.fate = FATE_SEND;
        transition accept;
    }

    state received {
        headers.apply(packet, hdr, meta.common);
        transition accept;
    }
}

control Ingress(inout headers_t hdr, inout ingress_meta_t meta, in ingress_intrinsic_metadata_t intrinsic,
                in ingress_intrinsic_metadata_from_parser_t from_parser,
                inout ingress_intrinsic_metadata_for_deparser_t for_deparser,
                inout ingress_intrinsic_metadata_for_tm_t for_tm) {
    MimiqPipeline() pipeline;

    @id(ID_COUNTER_DROP_REASON) @name(".ingress.drop_reason")
    Counter<bit<32>, reason_t>(SIZE_REASONS, CounterType_t.PACKETS_AND_BYTES) drop_reason;

    @id(ID_METER_ICMP_ERROR) @name(".ingress.icmp_error_meter")
    Meter<bit<1>>(1, MeterType_t.PACKETS) icmp_error_meter;

    @hidden action mirror_to(MirrorId_t session, bit<8> mirrored_session) {
        meta.session = session;
        meta.mirrored_session = mirrored_session;
    }

    @hidden table mirror_session {
        key = {
            hdr.ipv6.isValid():       exact;
            meta.common.decapsulated: exact;
        }
        actions = { mirror_to; }
        const default_action = mirror_to(SESSION_IPV4, (bit<8>)SESSION_IPV4);
        const entries = {
            (true, false): mirror_to(SESSION_IPV6, (bit<8>)SESSION_IPV6);
            (false, true): mirror_to(SESSION_IPV4_IN_TUNNEL, (bit<8>)SESSION_IPV4_IN_TUNNEL);
            (true, true): mirror_to(SESSION_IPV6_IN_TUNNEL, (bit<8>)SESSION_IPV6_IN_TUNNEL);
        }
    }

    @hidden action prepare() {
        meta.mirrored_icmp = 6w0 ++ meta.common.icmp;
        meta.mirrored_port = 7w0 ++ meta.common.ingress_port;
    }

    apply {
        // A damaged frame, which the MAC has counted, is not looked at. Other parser errors are headers that are cut.
        if ((from_parser.parser_err & PARSER_ERROR_FCS) == 0 && meta.common.fate == 0) {
            pipeline.apply(hdr, meta.common);
        }
        mirror_session.apply();
        prepare();
        if ((meta.common.icmp == ICMP_TIME_EXCEEDED && meta.common.may_exceed) ||
            (meta.common.icmp == ICMP_TOO_BIG && meta.common.may_be_too_big)) {
            bit<8> color = icmp_error_meter.execute(0);
            if (color == (bit<8>)MeterColor_t.GREEN) for_deparser.mirror_type = MIRROR_ICMP;
        }
        if (meta.common.fate == FATE_SEND) {
            for_tm.ucast_egress_port = meta.common.egress_port;
            for_tm.bypass_egress = 1;
        } else {
            for_deparser.drop_ctl = 1;
            if (meta.common.fate == FATE_DROP) drop_reason.count(meta.common.reason);
        }
    }
}

control IngressDeparser(packet_out packet, inout headers_t hdr, in ingress_meta_t meta,
                        in ingress_intrinsic_metadata_for_deparser_t for_deparser) {
    Checksum() ipv4_sum;
    Checksum() nd_sum;
    Mirror() mirror;

    apply {
        if (for_deparser.mirror_type == MIRROR_ICMP) {
            mirror.emit<mirror_t>(meta.session, { meta.mirrored_icmp, meta.mirrored_session, meta.mirrored_port,
                meta.common.icmp_mtu, meta.common.icmp_addr_v4, meta.common.icmp_addr_v6 });
        }
        hdr.ipv4.checksum = ipv4_sum.update({ hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_len, hdr.ipv4.id,
            hdr.ipv4.reserved, hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.ttl,
            hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst });
        // Only an advertisement leaves.
        hdr.nd.checksum = nd_sum.update({ hdr.ipv6.src, hdr.ipv6.dst, hdr.ipv6.payload_len, 8w0, hdr.ipv6.next_header,
            hdr.nd.kind, hdr.nd.code, hdr.nd.flags, hdr.nd.target, hdr.nd_option_0.kind, hdr.nd_option_0.units,
            hdr.nd_option_0.value });
        packet.emit(hdr);
    }
}

// Egress sees only what was mirrored.
parser EgressParser(packet_in packet, out headers_t hdr, out egress_meta_t meta,
                    out egress_intrinsic_metadata_t intrinsic) {
    state start {
        packet.extract(intrinsic);
        packet.extract(meta.mirror);
        packet.extract(hdr.ethernet);
        transition select(meta.mirror.session) {
            (bit<8>)SESSION_IPV4: ipv4;
            (bit<8>)SESSION_IPV6: ipv6;
            default:              tunnel;
        }
    }

    state tunnel {
        packet.advance(320);
        transition select(meta.mirror.session) {
            (bit<8>)SESSION_IPV4_IN_TUNNEL: ipv4;
            (bit<8>)SESSION_IPV6_IN_TUNNEL: ipv6;
        }
    }

    state ipv4 {
        packet.extract(hdr.ipv4);
        transition quotation;
    }

    state ipv6 {
        packet.extract(hdr.ipv6);
        transition quotation;
    }

    // Eight bytes, whatever they are.
    state quotation {
        packet.extract(hdr.udp);
        transition accept;
    }
}

control Egress(inout headers_t hdr, inout egress_meta_t meta, in egress_intrinsic_metadata_t intrinsic,
               in egress_intrinsic_metadata_from_parser_t from_parser,
               inout egress_intrinsic_metadata_for_deparser_t for_deparser,
               inout egress_intrinsic_metadata_for_output_port_t for_port) {
    IcmpError() icmp_error;

    apply {
        meta.common.icmp = meta.mirror.icmp[1:0];
        meta.common.icmp_mtu = meta.mirror.mtu;
        meta.common.icmp_addr_v4 = meta.mirror.icmp_addr_v4;
        meta.common.icmp_addr_v6 = meta.mirror.icmp_addr_v6;
        meta.recirculated.setValid();
        meta.recirculated.port = meta.mirror.port;
        icmp_error.apply(hdr, meta.common);
    }
}

control EgressDeparser(packet_out packet, inout headers_t hdr, in egress_meta_t meta,
                       in egress_intrinsic_metadata_for_deparser_t for_deparser) {
    Checksum() outer_ipv4_sum;
    Checksum() icmp_v4_sum;
    Checksum() icmp_v6_sum;

    apply {
        if (hdr.outer_ipv4.isValid()) {
            hdr.outer_ipv4.checksum = outer_ipv4_sum.update({ hdr.outer_ipv4.version, hdr.outer_ipv4.ihl, hdr.outer_ipv4.tos,
                hdr.outer_ipv4.total_len, hdr.outer_ipv4.id, hdr.outer_ipv4.reserved, hdr.outer_ipv4.dont_fragment,
                hdr.outer_ipv4.more_fragments, hdr.outer_ipv4.fragment_offset, hdr.outer_ipv4.ttl, hdr.outer_ipv4.protocol,
                hdr.outer_ipv4.src, hdr.outer_ipv4.dst });
            hdr.icmp_error.checksum = icmp_v4_sum.update({ hdr.icmp_error.kind, hdr.icmp_error.code, hdr.icmp_error.unused,
                hdr.icmp_error.mtu, hdr.ipv4, hdr.udp });
        }
        if (hdr.outer_ipv6.isValid()) {
            hdr.icmp_error.checksum = icmp_v6_sum.update({ hdr.outer_ipv6.src, hdr.outer_ipv6.dst, hdr.outer_ipv6.payload_len,
                8w0, hdr.outer_ipv6.next_header, hdr.icmp_error.kind, hdr.icmp_error.code, hdr.icmp_error.unused,
                hdr.icmp_error.mtu, hdr.ipv6, hdr.udp });
        }
        packet.emit(meta.recirculated);
        packet.emit(hdr);
    }
}

Pipeline<headers_t, ingress_meta_t, headers_t, egress_meta_t>(IngressParser(), Ingress(), IngressDeparser(), EgressParser(),
    Egress(), EgressDeparser()) pipe;
Switch(pipe) main;
