"""What anyone on the path can read of a QUIC datagram (RFC 8999, RFC 9000 §17): connection IDs. Short headers do not say how
long theirs is; an observer learns it from the long headers of the handshake."""

from dataclasses import dataclass

from aioquic.buffer import Buffer, BufferReadError
from aioquic.quic.packet import pull_quic_header

LONG_HEADER = 0x80
FIXED_BIT = 0x40


@dataclass(frozen=True)
class Header:
    """A packet's header. `source` is None for short headers, whose `destination` is all that may be the ID."""

    long: bool
    destination: bytes
    source: bytes | None = None


def headers(payload):
    """The headers of the packets that are coalesced in a datagram. Ends at the first thing that is not QUIC."""
    found = []
    buffer = Buffer(data=payload)
    while not buffer.eof():
        first, rest = payload[buffer.tell()], payload[buffer.tell() + 1 :]
        if not first & FIXED_BIT:
            break
        if not first & LONG_HEADER:
            # A connection ID has at most 20 bytes (RFC 9000 §17.2); a short packet fills the datagram.
            found.append(Header(False, rest[:20]))
            break
        start = buffer.tell()
        try:
            header = pull_quic_header(buffer)
        except (ValueError, BufferReadError):
            break
        found.append(Header(True, header.destination_cid, header.source_cid))
        if not header.packet_length or start + header.packet_length > len(payload):
            break
        buffer.seek(start + header.packet_length)
    return found
