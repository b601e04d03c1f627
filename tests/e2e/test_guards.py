"""What must not pass, and what must: source guard, denied sources, delivery between clients, grace, MTU."""

import os
import random
import socket
import struct
import time

import dpkt
import pytest
from conftest import Metrics, at_least
from inside import App, raw, udp
from mimiq_testbed import plan as p
from mimiq_testbed.counters import Counters

PLAN = p.Plan(rtt_ms=4.0, fabric_mtu=1480)
MARK = b"end-to-end probe "


def frame(source, target, payload, src_mac, dst_mac, port=5000):
    """An Ethernet frame with a UDP datagram over IPv6, checksum included."""
    udp_packet = dpkt.udp.UDP(sport=port, dport=port, ulen=8 + len(payload), data=payload)
    packet = dpkt.ip6.IP6(
        src=socket.inet_pton(socket.AF_INET6, source),
        dst=socket.inet_pton(socket.AF_INET6, target),
        nxt=socket.IPPROTO_UDP,
        hlim=64,
        plen=8 + len(payload),
        data=udp_packet,
    )
    mac = lambda text: bytes.fromhex(text.replace(":", ""))  # noqa: E731
    return bytes(dpkt.ethernet.Ethernet(src=mac(src_mac), dst=mac(dst_mac), type=0x86DD, data=packet))


GATEWAY_MAC = "02:6d:69:6d:69:71"


@pytest.fixture
def app(testbed):
    """An application on any client, closed at the end of the test."""
    opened = []

    def connect(client):
        opened.append(App(testbed.socket(client)))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("case", ["free address", "other client's address", "own address, other MAC"])
def test_forged_source_never_leaves_the_client_facing_switch(testbed, app, case):
    own_mac = p.mac("h1", "s1")
    source, mac = {
        "free address": ("2001:db8:6d00:1234:5678:9abc:def0:1", own_mac),
        "other client's address": (app("h3").take(), own_mac),
        "own address, other MAC": (app("h1").take(), p.mac("h2", "s1")),
    }[case]
    drops = Counters(testbed, "s1").drops
    before = drops("source_guard")
    payload = MARK + case.encode()
    server, wire = udp(testbed["srv"], p.SERVER, 5000), raw(testbed["h1"], "h1-s1")
    for _ in range(5):
        wire.send(frame(source, p.SERVER, payload, mac, GATEWAY_MAC))
    at_least(before + 5, drops, "source_guard")
    # The same from a leased address arrives, so the path is right; everything sent before it would be there by now.
    honest = udp(testbed["h1"], app("h1").take())
    honest.sendto(b"honest", (p.SERVER, 5000))
    assert server.recv(2048) == b"honest"


@pytest.mark.parametrize("source", ["2001:db8:6d00::77", "fd00:6d69:0:1::1"])
def test_inside_source_from_upstream_is_dropped_at_the_edge(testbed, app, source):
    drops = Counters(testbed, "e1").drops
    before = drops("denied_source")
    target = app("h1").take()
    client = udp(testbed["h1"], target, 5000)
    wire = raw(testbed["srv"], "srv-wan")
    edge_mac = next(s.mac for s in testbed.plan.switches if s.edge)
    for _ in range(5):
        wire.send(frame(source, target, b"forged", p.mac("srv", "wan"), edge_mac))
    at_least(before + 5, drops, "denied_source")
    udp(testbed["srv"], p.SERVER).sendto(b"honest", (target, 5000))
    assert client.recv(2048) == b"honest"


def test_every_node_has_a_namespace_of_its_own(testbed):
    nodes = testbed.net.hosts + testbed.net.switches
    spaces = {os.readlink(f"/proc/{node.pid}/ns/net") for node in nodes}
    assert len(spaces) == len(nodes)
    assert os.readlink("/proc/self/ns/net") not in spaces


def test_clients_reach_each_other_through_the_edge(testbed, app):
    one, other = app("h1").take(), app("h3").take()
    a, b = udp(testbed["h1"], one, 5000), udp(testbed["h3"], other, 5000)
    a.sendto(b"there", (other, 5000))
    data, sender = b.recvfrom(2048)
    assert (data, sender[0]) == (b"there", one)
    b.sendto(b"and back", sender)
    assert a.recv(2048) == b"and back"


def test_packets_in_flight_are_delivered_until_the_grace_ends(testbed, app):
    grace = float(PLAN.timing["t_remove"].removesuffix("s"))
    holder = app("h2")
    target = holder.take()
    server, wire = udp(testbed["srv"], p.SERVER), raw(testbed["h2"], "h2-s1", timeout=0.2)
    drops = Counters(testbed, "s1").drops
    missed = drops("client_miss")

    def arrives():
        payload = MARK + random.randbytes(8)
        server.sendto(payload, (target, 5000))
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                if payload in wire.recv(4096):
                    return True
            except TimeoutError:
                pass
        return False

    assert arrives()
    holder.give_back(target)
    returned = time.monotonic()
    while arrives():
        assert time.monotonic() < returned + grace + 10, "still delivered long after the grace"
    # The last one that arrived was sent at most one probe earlier.
    assert time.monotonic() - returned > grace - 0.7, "the grace was cut short"
    at_least(missed + 1, drops, "client_miss")


def test_address_of_no_client_is_dropped(testbed):
    drops = Counters(testbed, "e1").drops
    before = drops("alias_miss")
    server = udp(testbed["srv"], p.SERVER)
    # 512 random addresses: few of the 2^16 aliases are in use.
    pool = p.POOL.split("::")[0]
    for _ in range(512):
        server.sendto(b"scan", (f"{pool}:{random.randrange(1 << 16):x}::{random.randrange(1 << 16):x}", 5000))
    at_least(before + 1, drops, "alias_miss")


def test_edge_tells_the_server_what_fits(testbed, app):
    target = app("h1").take()
    client, server = udp(testbed["h1"], target, 5000), udp(testbed["srv"], p.SERVER)
    room = testbed.plan.client_mtu - 48  # IPv6 and UDP headers
    server.setsockopt(socket.IPPROTO_IPV6, 23, 2)  # IPV6_MTU_DISCOVER: do not fragment
    server.connect((target, 5000))
    server.send(bytes(room + 1))
    deadline = time.monotonic() + 5
    mtu = lambda: server.getsockopt(socket.IPPROTO_IPV6, 24)  # noqa: E731  IPV6_MTU
    while mtu() != testbed.plan.client_mtu:
        assert time.monotonic() < deadline, f"path MTU {mtu()}, not {testbed.plan.client_mtu}"
        time.sleep(0.05)
    server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the error that the ICMP message left
    server.send(bytes(room))
    assert len(client.recv(2048)) == room


def test_garbage_control_datagrams_disturb_nobody(testbed, app):
    rng = random.Random(1)
    scope = int(testbed["h2"].run("cat", "/sys/class/net/h2-s1/ifindex"))
    link_local = testbed["h2"].run("ip", "-6", "-o", "addr", "show", "dev", "h2-s1", "scope", "link").split()[3].split("/")[0]
    garbage = udp(testbed["h2"], "::")
    for n in range(500):
        data = rng.randbytes(rng.randrange(1, 1300))
        garbage.sendto(data, (p.GATEWAY, 54171, 0, scope))
    wire = raw(testbed["h2"], "h2-s1")
    for n in range(100):
        # Truncated and lying UDP lengths inside an otherwise right frame.
        bad = bytearray(frame(link_local, p.GATEWAY, rng.randbytes(64), p.mac("h2", "s1"), GATEWAY_MAC, 54171))
        struct.pack_into(">H", bad, 14 + 40 + 4, rng.randrange(1 << 16))
        wire.send(bytes(bad[: rng.randrange(14, len(bad))] if n % 2 else bad))
    Metrics(testbed["c0"], "::1").wait(1, "mimiq_controller_relay_drops_total")
    addresses = {app(client).take() for client in ("h1", "h2", "h3")}
    assert len(addresses) == 3
