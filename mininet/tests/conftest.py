"""Synthetic captures: QUIC-shaped datagrams without the cryptography."""

import io
import socket
import sys
from pathlib import Path

import dpkt
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SERVER = ("2001:db8:ff::2", 4433)


def long_header(destination, source, body=50):
    """A Handshake packet of version 1 (RFC 9000 §17.2.4)."""
    ids = bytes([len(destination)]) + destination + bytes([len(source)]) + source
    return b"\xe0\x00\x00\x00\x01" + ids + (0x4000 | body).to_bytes(2, "big") + bytes(body)


def short_header(destination, body=40):
    """A 1-RTT packet (RFC 9000 §17.3.1)."""
    return b"\x41" + destination + bytes(body)


def frame(source, target, payload):
    """An Ethernet frame with a UDP datagram."""
    udp = dpkt.udp.UDP(sport=source[1], dport=target[1], ulen=8 + len(payload), data=payload)
    packet = dpkt.ip6.IP6(
        src=socket.inet_pton(socket.AF_INET6, source[0]),
        dst=socket.inet_pton(socket.AF_INET6, target[0]),
        nxt=17,
        plen=8 + len(payload),
        data=udp,
    )
    return bytes(dpkt.ethernet.Ethernet(src=b"\x02" * 6, dst=b"\x02" * 6, type=0x86DD, data=packet))


class Wire:
    """Collects frames, one every 10 ms, and writes them as a pcap file."""

    def __init__(self):
        self.frames = []
        self.now = 1000.0

    def add(self, raw):
        self.now += 0.01
        self.frames.append((self.now, raw))

    def up(self, client, payload):
        self.add(frame(client, SERVER, payload))

    def down(self, client, payload):
        self.add(frame(SERVER, client, payload))

    def begin(self, client, client_id, server_id):
        """A handshake, from which the observer learns how long the IDs are."""
        self.up(client, long_header(server_id, client_id))
        self.down(client, long_header(client_id, server_id))

    def exchange(self, client, client_id, server_id, packets=4):
        """Requests and replies."""
        for _ in range(packets // 2):
            self.up(client, short_header(server_id))
            self.down(client, short_header(client_id))

    def bytes(self):
        buffer = io.BytesIO()
        writer = dpkt.pcap.Writer(buffer)
        for stamp, raw in self.frames:
            writer.writepkt(raw, ts=stamp)
        return buffer.getvalue()

    def write(self, path):
        path.write_bytes(self.bytes())
        return path


@pytest.fixture
def wire():
    return Wire()
