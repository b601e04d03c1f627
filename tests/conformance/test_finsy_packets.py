"""What real packets do to counters, and what entries and the meter do to them."""

import asyncio
import ipaddress
import time
import urllib.request

import finsy as fy
from conftest import METRICS, PORT
from controller import SWITCH_INFO, entry, on_switch

CLIENT, FABRIC, UPSTREAM = 1, 2, 3


async def eventually(read, wanted):
    """Polls until the data plane has counted."""
    for _ in range(200):
        if (value := await read()) == wanted:
            return
        await asyncio.sleep(0.02)
    assert value == wanted


async def drops(sw, index):
    return [c.data.packet_count async for c in sw.read(fy.P4CounterEntry("drop_reason", index=index))]


async def hits(sw, table):
    """Packets and bytes that hit the entry of the switch's port."""
    key = entry(table, {"port": PORT})
    read = sw.read(fy.P4DirectCounterEntry(f"{table}_counter", table_entry=key))
    return [(c.data.packet_count, c.data.byte_count) async for c in read]


def role(table, number):
    return entry(table, {"port": PORT}, ("set_role" if table == "port_role" else "set_egress_role", {"role": number}))


def udp6(src, dst, hop_limit, ports, payload):
    """A UDP packet in IPv6 in an Ethernet frame, without a checksum."""
    length = (8 + len(payload)).to_bytes(2, "big")
    addresses = ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed
    ip = bytes([0x60, 0, 0, 0]) + length + bytes([17, hop_limit]) + addresses
    udp = b"".join(port.to_bytes(2, "big") for port in ports) + length + bytes(2)
    return bytes.fromhex("020000000001 020000000002 86dd") + ip + udp + payload


@on_switch
async def test_counters_of_real_packets(sw, switch):
    assert len([c async for c in sw.read(fy.P4CounterEntry("drop_reason"))]) == 64
    assert await drops(sw, 3) == [0]
    frame = bytes.fromhex("020000000001 020000000002 88b5") + bytes(46)
    switch.send(frame)
    await eventually(lambda: drops(sw, 3), [1])  # no_role
    await sw.insert([role("port_role", UPSTREAM)])
    switch.send(frame)
    await eventually(lambda: drops(sw, 2), [1])  # ether_type
    await eventually(lambda: hits(sw, "port_role"), [(1, 60)])
    zero = fy.P4CounterData(packet_count=0, byte_count=0)
    await sw.modify([fy.P4DirectCounterEntry("port_role_counter", table_entry=entry("port_role", {"port": PORT}), data=zero)])
    await sw.modify([fy.P4CounterEntry("drop_reason", index=3, data=zero)])
    assert await hits(sw, "port_role") == [(0, 0)]
    assert await drops(sw, 3) == [0]
    assert await drops(sw, 2) == [1]


@on_switch
async def test_metrics(sw, switch):
    await sw.insert([role("port_role", UPSTREAM)])
    switch.send(bytes.fromhex("020000000001 020000000002 88b5") + bytes(46))

    async def scrape():
        with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        return {
            'mimiq_switch_drop_packets_total{reason="ether_type"} 1',
            'mimiq_switch_table_entries{table="port_role"} 1',
            'mimiq_switch_write_updates_total{code="OK"} 1',
            f'mimiq_switch_port_rx_packets_total{{port="{PORT}",interface="sw1"}} 1',
            "# TYPE mimiq_switch_table_size gauge",
        } - set(lines)

    await eventually(scrape, set())


@on_switch
async def test_the_meter_limits_icmp_errors(sw, switch):
    info = fy.P4TableEntry("switch_info", action=fy.Action("set_switch_info", **SWITCH_INFO), is_default_action=True)
    await sw.insert([role("port_role", UPSTREAM)])
    await sw.modify([info])
    expired = lambda n: udp6("2001:db8:ffff::1", "2001:db8::1", 1, (n, 5000), b"payload")
    # The client's UDP source port in the quotation, behind Ethernet, IPv6, ICMPv6 and the quoted IPv6 header.
    number = lambda error: int.from_bytes(error[14 + 40 + 8 + 40 :][:2], "big")
    with switch.listen() as leaves:
        for n in range(20):
            switch.send(expired(n))
        answers = [await asyncio.to_thread(leaves.receive) for _ in range(20)]
        assert [number(a) for a in answers] == list(range(20)), "unconfigured, it is always green"

        config = fy.P4MeterConfig(cir=1, cburst=3, pir=1, pburst=3)
        await sw.modify([fy.P4MeterEntry("icmp_error_meter", index=0, config=config)])
        began = time.monotonic()
        for n in range(100, 150):
            switch.send(expired(n))
        await eventually(lambda: drops(sw, 15), [70])  # hop_limit: packets behind errors count as dropped
        elapsed = time.monotonic() - began
        await sw.modify([fy.P4MeterEntry("icmp_error_meter", index=0)])
        switch.send(expired(200))
        answers = []
        while (n := number(await asyncio.to_thread(leaves.receive))) != 200:
            answers.append(n)
    assert answers[:3] == [100, 101, 102]
    assert len(answers) <= 3 + elapsed + 1


@on_switch
async def test_egress_role_decides_where_a_relayed_reply_may_leave(sw, switch):
    back = {"src_addr": "fd00::c", "dst_addr": "fd00::1", "udp_dst_port": 54172}
    await sw.insert([role("port_role", FABRIC), entry("relay_return", back, ("relay_to_client", {}))])
    inner = bytes.fromhex("020000000009 020000000001 88b5") + b"reply to a client" + bytes(40)
    relay = bytes([1, 2, 0, 0]) + PORT.to_bytes(2, "big") + bytes(2)
    wrapped = udp6("fd00::c", "fd00::1", 64, (54172, 54172), relay + inner)
    malformed_relay = 22
    with switch.listen() as leaves:
        switch.send(wrapped)
        await eventually(lambda: drops(sw, malformed_relay), [1])
        await sw.insert([role("egress_role", FABRIC)])
        switch.send(wrapped)
        await eventually(lambda: drops(sw, malformed_relay), [2])
        await eventually(lambda: hits(sw, "egress_role"), [(1, len(wrapped))])
        await sw.modify([role("egress_role", CLIENT)])
        switch.send(wrapped)
        assert await asyncio.to_thread(leaves.receive) == inner
    await eventually(lambda: hits(sw, "egress_role"), [(2, 2 * len(wrapped))])
    assert await drops(sw, malformed_relay) == [2]
