"""Sockets inside a node's network namespace, used from the test's own process."""

import ctypes
import os
import socket
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
IPV6_FREEBIND = 78
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def _namespace(pid):
    """This thread is in the network namespace of process `pid`."""
    with open("/proc/thread-self/ns/net") as own, open(f"/proc/{pid}/ns/net") as other:
        _enter(other)
        try:
            yield
        finally:
            _enter(own)


def _enter(file):
    if _LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns failed")


def udp(node, address, port=0, timeout=5.0):
    """A UDP socket of the node at an address that need not be on an interface."""
    with _namespace(node.pid):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    sock.bind((address, port))
    return sock


def raw(node, interface, timeout=5.0):
    """A packet socket of the node on an interface: sends and receives whole frames."""
    with _namespace(node.pid):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        sock.bind((interface, 0))
    sock.settimeout(timeout)
    return sock


class App:
    """An application of a client: takes addresses from the agent, by the local interface's bytes
    (proto/api/proto/mimiq/local/v1/local.proto)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(os.fspath(path))

    def take(self):
        """One IPv6 address."""
        answer = self._ask(b"\x0a\x05\x08\x06\x10\x88\x27")  # Take { ip_version: 6, wait_ms: 5000 }
        assert answer[0] == 0x0A, f"no address: {answer!r}"  # Taken
        assert answer[2:4] == b"\x0a\x10", answer  # its address
        return socket.inet_ntop(socket.AF_INET6, answer[4:20])

    def give_back(self, address):
        """Returns it; it is released."""
        answer = self._ask(b"\x12\x12\x0a\x10" + socket.inet_pton(socket.AF_INET6, address))
        assert answer[0] == 0x12, f"not returned: {answer!r}"

    def _ask(self, request):
        self.socket.sendall(len(request).to_bytes(4, "big") + request)
        return self._exactly(int.from_bytes(self._exactly(4), "big"))

    def _exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            assert more, "the agent closed the connection"
            data += more
        return data

    def close(self):
        """What it holds goes back."""
        self.socket.close()
