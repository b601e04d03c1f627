"""Reads the observer's capture: UDP datagrams between the server and anyone. Garbage is skipped and counted."""

import socket
import struct
from dataclasses import dataclass

import dpkt

# Byte order and unit of the time stamps' fraction, by the file's first four bytes (draft-ietf-opsawg-pcap).
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_LONGEST = 1 << 20  # no frame is longer; a length above it means that the file is damaged


@dataclass(frozen=True)
class Datagram:
    """One UDP datagram; `client` and `server` are (address, port), `up` if it goes to the server."""

    time: float
    up: bool
    client: tuple[str, int]
    server: tuple[str, int]
    payload: bytes
    size: int  # of the frame, bytes


@dataclass
class Capture:
    """What a capture file holds."""

    datagrams: list[Datagram]
    frames: int = 0
    skipped: int = 0  # frames that are no UDP datagrams to or from the server
    truncated: bool = False  # the file ends within a record


def read(path, server_port):
    """Reads a pcap file. A file that ends early or has bad frames in it gives what is whole."""
    capture = Capture([])
    with open(path, "rb") as file:
        for stamp, frame in _records(file, capture):
            capture.frames += 1
            datagram = _parse(stamp, frame, server_port)
            if datagram is None:
                capture.skipped += 1
            else:
                capture.datagrams.append(datagram)
    return capture


def _records(file, capture):
    """Time and frame of each whole record. dpkt's reader does not tell a cut record from a whole one."""
    header = file.read(24)
    order, fraction = _MAGIC.get(header[:4], (None, None))
    if order is None or len(header) < 24:
        capture.truncated = True
        return
    while head := file.read(16):
        if len(head) < 16:
            break
        seconds, rest, length, _ = struct.unpack(order + "IIII", head)
        frame = file.read(min(length, _LONGEST))
        if len(frame) < length:
            break
        yield seconds + rest * fraction, frame
    else:
        return
    capture.truncated = True


def _parse(stamp, frame, server_port):
    try:
        packet = dpkt.ethernet.Ethernet(frame).data
        if isinstance(packet, dpkt.ip6.IP6):
            family = socket.AF_INET6
        elif isinstance(packet, dpkt.ip.IP):
            family = socket.AF_INET
        else:
            return None
        segment = packet.data
        if not isinstance(segment, dpkt.udp.UDP):
            return None
        source = socket.inet_ntop(family, packet.src), segment.sport
        target = socket.inet_ntop(family, packet.dst), segment.dport
        payload = bytes(segment.data)
    except (dpkt.UnpackError, ValueError, IndexError, struct.error, AttributeError, TypeError):
        return None
    if target[1] == server_port:
        return Datagram(stamp, True, source, target, payload, len(frame))
    if source[1] == server_port:
        return Datagram(stamp, False, target, source, payload, len(frame))
    return None
