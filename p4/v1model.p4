// The pipeline on v1model: BMv2's simple_switch_grpc.
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

// v1model counts the hits of a table by itself.
#define DIRECT_COUNTER(name) direct_counter(CounterType.packets_and_bytes) name;
#define COUNT(name)
// The frame's length is known, so that a packet which is longer is.
#define FRAME_LENGTH meta.frame_len
#define TRUNCATED(condition) else if (condition) DROP(REASON_TRUNCATED_IP)
// Checksums are verified in the control `Checksums`.
#define PARSER_CHECKSUMS
#define VERIFY_IPV4(header)
#define VERIFY_INNER_IPV4(header)
#define VERIFY_ND(header)
#define VERIFY_ND_OPTION(header)
#define VERIFY_ND_OPTIONS(first, second)

#include "icmp_error.p4"
#include "parser.p4"
#include "pipeline.p4"

#define FIELDS_IPV4(h) h.version, h.ihl, h.tos, h.total_len, h.id, h.reserved, h.dont_fragment, h.more_fragments, \
    h.fragment_offset, h.ttl, h.protocol
#define FIELDS_ND(hdr) hdr.ipv6.src, hdr.ipv6.dst, 16w0, hdr.ipv6.payload_len, 24w0, hdr.ipv6.next_header, hdr.nd.kind, \
    hdr.nd.code, hdr.nd.flags, hdr.nd.target

parser V1Parser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    MimiqParser() headers;

    state start {
        headers.apply(packet, hdr, meta);
        transition accept;
    }
}

// Not in the architecture's own control for it, which would run checksums of headers that are not there into one error.
control Checksums(in headers_t hdr, inout meta_t meta) {
    apply {
        bit<16> sum = 0;
        if (hdr.ipv4.isValid()) {
            hash(sum, HashAlgorithm.csum16, 16w0,
                 { FIELDS_IPV4(hdr.ipv4), hdr.ipv4.checksum, hdr.ipv4.src, hdr.ipv4.dst }, 32w65536);
            meta.ipv4_checksum_bad = sum != 0;
        }
        if (hdr.inner_ipv4.isValid()) {
            hash(sum, HashAlgorithm.csum16, 16w0,
                 { FIELDS_IPV4(hdr.inner_ipv4), hdr.inner_ipv4.checksum, hdr.inner_ipv4.src, hdr.inner_ipv4.dst }, 32w65536);
            meta.inner_ipv4_checksum_bad = sum != 0;
        }
        if (hdr.nd.isValid()) {
            if (hdr.nd_option_1.isValid()) {
                hash(sum, HashAlgorithm.csum16, 16w0, { FIELDS_ND(hdr), hdr.nd.checksum, hdr.nd_option_0, hdr.nd_option_1 },
                     32w65536);
            } else if (hdr.nd_option_0.isValid()) {
                hash(sum, HashAlgorithm.csum16, 16w0, { FIELDS_ND(hdr), hdr.nd.checksum, hdr.nd_option_0 }, 32w65536);
            } else {
                hash(sum, HashAlgorithm.csum16, 16w0, { FIELDS_ND(hdr), hdr.nd.checksum }, 32w65536);
            }
            meta.nd_checksum_bad = sum != 0;
        }
    }
}

control V1Ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    Checksums() checksums;
    MimiqPipeline() pipeline;
    IcmpError() icmp_error;

    @id(ID_COUNTER_DROP_REASON) @name(".ingress.drop_reason")
    counter<reason_t>(SIZE_REASONS, CounterType.packets_and_bytes) drop_reason;

    @id(ID_METER_ICMP_ERROR) @name(".ingress.icmp_error_meter")
    meter<bit<1>>(1, MeterType.packets) icmp_error_meter;

    apply {
        meta.ingress_port = standard.ingress_port;
        meta.frame_len = (bit<16>)standard.packet_length;
        meta.forward = true;
        checksums.apply(hdr, meta);
        pipeline.apply(hdr, meta);
        if (meta.fate == FATE_DROP) {
            drop_reason.count(meta.reason);
            if ((meta.icmp == ICMP_TIME_EXCEEDED && meta.may_exceed) || (meta.icmp == ICMP_TOO_BIG && meta.may_be_too_big)) {
                bit<2> color;
                icmp_error_meter.execute_meter(1w0, color);
                if (color == V1MODEL_METER_COLOR_GREEN) {
                    icmp_error.apply(hdr, meta);
                    if (hdr.ipv6.isValid()) {
                        truncate((bit<32>)(LEN_ETHERNET + LEN_IPV6 + LEN_ICMP + LEN_IPV6 + LEN_QUOTED));
                    } else {
                        truncate((bit<32>)(LEN_ETHERNET + LEN_IPV4 + LEN_ICMP + LEN_IPV4 + LEN_QUOTED));
                    }
                }
            }
        }
        if (meta.fate == FATE_SEND) {
            standard.egress_spec = meta.egress_port;
        } else {
            mark_to_drop(standard);
        }
    }
}

control V1VerifyChecksum(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control V1Egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    apply { }
}

control V1ComputeChecksum(inout headers_t hdr, inout meta_t meta) {
    apply {
        update_checksum(meta.ttl_changed, { FIELDS_IPV4(hdr.ipv4), hdr.ipv4.src, hdr.ipv4.dst },
                        hdr.ipv4.checksum, HashAlgorithm.csum16);
        update_checksum(hdr.outer_ipv4.isValid(), { FIELDS_IPV4(hdr.outer_ipv4), hdr.outer_ipv4.src, hdr.outer_ipv4.dst },
                        hdr.outer_ipv4.checksum, HashAlgorithm.csum16);
        update_checksum(hdr.nd.isValid() && hdr.nd.kind == ND_ADVERTISEMENT, { FIELDS_ND(hdr), hdr.nd_option_0 },
                        hdr.nd.checksum, HashAlgorithm.csum16);
        update_checksum(hdr.icmp_error.isValid() && hdr.outer_ipv4.isValid(),
                        { hdr.icmp_error.kind, hdr.icmp_error.code, hdr.icmp_error.unused, hdr.icmp_error.mtu, hdr.ipv4,
                          meta.quote },
                        hdr.icmp_error.checksum, HashAlgorithm.csum16);
        update_checksum(hdr.icmp_error.isValid() && hdr.outer_ipv6.isValid(),
                        { hdr.outer_ipv6.src, hdr.outer_ipv6.dst, 16w0, hdr.outer_ipv6.payload_len, 24w0,
                          hdr.outer_ipv6.next_header, hdr.icmp_error.kind, hdr.icmp_error.code, hdr.icmp_error.unused,
                          hdr.icmp_error.mtu, hdr.ipv6, meta.quote },
                        hdr.icmp_error.checksum, HashAlgorithm.csum16);
    }
}

control V1Deparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

@pkginfo(name="mimiq", version="2")
V1Switch(V1Parser(), V1VerifyChecksum(), V1Ingress(), V1Egress(), V1ComputeChecksum(), V1Deparser()) main;
