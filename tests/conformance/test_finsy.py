"""What a finsy controller sees: every table and action, errors, arbitration, the meter."""

import asyncio

import finsy as fy
import pytest
from conftest import P4INFO
from controller import MAC1, MAC2, SWITCH_INFO, connect, entry, on_switch, refused, table

# Table, match, action, other action. None: the field that says "any" (a /0 prefix) is left out.
ENTRIES = [
    ("port_role", {"port": 0}, ("set_role", {"role": 1}), ("set_role", {"role": 3})),
    ("port_role", {"port": 511}, ("set_role", {"role": 2}), ("set_role", {"role": 1})),
    ("egress_role", {"port": 0}, ("set_egress_role", {"role": 1}), ("set_egress_role", {"role": 3})),
    ("egress_role", {"port": 511}, ("set_egress_role", {"role": 2}), ("set_egress_role", {"role": 1})),
    ("source_guard_v6", {"port": 1, "src_mac": MAC1, "src_addr": "2001:db8::1"}, ("permit_v6", {}), ("permit_v6", {})),
    ("source_guard_v4", {"port": 1, "src_mac": MAC1, "src_addr": "192.0.2.1"}, ("permit_v4", {}), ("permit_v4", {})),
    ("client_v6", {"dst_addr": "2001:db8::1"}, ("deliver_v6", {"port": 1, "mac": MAC1}), ("deliver_v6", {"port": 511, "mac": MAC2})),
    ("client_v4", {"dst_addr": "192.0.2.1"}, ("deliver_v4", {"port": 1, "mac": MAC1}), ("deliver_v4", {"port": 2, "mac": MAC2})),
    ("pool_v6", {"dst_addr": "2001:db8::/32"}, ("alias_pool", {"mask": "ffff:ffff:ffff::"}), ("binding_pool_v6", {})),
    ("pool_v6", {"dst_addr": None}, ("binding_pool_v6", {}), ("alias_pool", {"mask": "ffff::"})),
    ("pool_v4", {"dst_addr": "10.0.0.0/8"}, ("binding_pool_v4", {}), ("binding_pool_v4", {})),
    ("pool_v4", {"dst_addr": None}, ("binding_pool_v4", {}), ("binding_pool_v4", {})),
    ("alias", {"alias_prefix": "2001:db8:0:5::"}, ("tunnel_alias", {"switch_addr": "fd00::1"}), ("tunnel_alias", {"switch_addr": "fd00::2"})),
    ("binding_v6", {"dst_addr": "2001:db8::9"}, ("tunnel_v6", {"switch_addr": "fd00::1"}), ("tunnel_v6", {"switch_addr": "::"})),
    ("binding_v4", {"dst_addr": "0.0.0.0"}, ("tunnel_v4", {"switch_addr": "fd00::1"}), ("tunnel_v4", {"switch_addr": "fd00::2"})),
    ("denied_source_v6", {"src_addr": "2001:db8::/32"}, ("deny_v6", {}), ("deny_v6", {})),
    ("denied_source_v6", {"src_addr": None}, ("deny_v6", {}), ("deny_v6", {})),
    ("denied_source_v4", {"src_addr": "10.0.0.0/8"}, ("deny_v4", {}), ("deny_v4", {})),
    ("denied_source_v4", {"src_addr": None}, ("deny_v4", {}), ("deny_v4", {})),
    ("decap", {"outer_src": "fd00::2", "outer_dst": "fd00::1"}, ("decapsulate", {}), ("decapsulate", {})),
    (
        "control_relay",
        {"dst_addr": "fe80::6d:696d:6971", "udp_dst_port": 54171},
        ("relay_to_controller", {"sid": 0, "switch_addr": "fd00::1", "controller_addr": "fd00::c"}),
        ("relay_to_controller", {"sid": 65535, "switch_addr": "fd00::1", "controller_addr": "fd00::d"}),
    ),
    (
        "relay_return",
        {"src_addr": "fd00::c", "dst_addr": "fd00::1", "udp_dst_port": 54172},
        ("relay_to_client", {}),
        ("relay_to_client", {}),
    ),
    ("gateway_v6", {"role": 1, "target_addr": "fe80::1"}, ("answer_v6", {"mac": MAC1}), ("answer_v6", {"mac": MAC2})),
    ("gateway_v4", {"role": 3, "target_addr": "192.0.2.254"}, ("answer_v4", {"mac": MAC1}), ("answer_v4", {"mac": MAC2})),
] + [
    (
        table,
        {"dst_addr": prefix},
        (f"forward_{table[-2:]}", {"port": 1, "src_mac": MAC1, "dst_mac": MAC2}),
        (f"forward_{table[-2:]}", {"port": 2, "src_mac": MAC2, "dst_mac": MAC1}),
    )
    for table, prefix in [
        ("route_v6", None),
        ("route_v6", "8000::/1"),
        ("route_v6", "2001:db8::1/128"),
        ("route_v4", None),
        ("route_v4", "128.0.0.0/1"),
        ("route_v4", "192.0.2.1/32"),
    ]
]

def test_every_table_is_covered():
    names = {line.split('"')[1] for line in P4INFO.read_text().split("actions {")[0].splitlines() if "alias:" in line}
    assert names == {row[0] for row in ENTRIES} | {"switch_info"}


@on_switch
async def test_every_table_with_every_action(sw, _):
    for name, match, action, other in ENTRIES:
        first, second = entry(name, match, action), entry(name, match, other)
        await sw.insert([first])
        assert first.encode(sw.p4info) in await table(sw, name), f"{name} {match}: not read as written"
        error = await refused(sw.insert([first]))
        assert error.details[0].canonical_code == fy.GRPCStatusCode.ALREADY_EXISTS
        await sw.modify([second])
        assert second.encode(sw.p4info) in await table(sw, name), f"{name} {match}: not modified"
    assert len([e async for e in sw.read(fy.P4TableEntry())]) == len(ENTRIES)
    for name, match, _action, _other in ENTRIES:
        await sw.delete([entry(name, match)])
        error = await refused(sw.delete([entry(name, match)]))
        assert error.details[0].canonical_code == fy.GRPCStatusCode.NOT_FOUND
        error = await refused(sw.modify([entry(name, match, _action)]))
        assert error.details[0].canonical_code == fy.GRPCStatusCode.NOT_FOUND
    assert [e async for e in sw.read(fy.P4TableEntry())] == []


@on_switch
async def test_default_action_of_the_table_without_key(sw, _):
    async def default():
        return [e.action_str(sw.p4info) async for e in sw.read(fy.P4TableEntry("switch_info", is_default_action=True))]

    assert await default() == ["NoAction()"]
    info = fy.P4TableEntry("switch_info", action=fy.Action("set_switch_info", **SWITCH_INFO), is_default_action=True)
    await sw.modify([info])
    assert "fabric_mtu" in (await default())[0]
    error = await refused(sw.insert([info]))
    assert error.details[0].canonical_code == fy.GRPCStatusCode.INVALID_ARGUMENT
    await sw.modify([fy.P4TableEntry("switch_info", is_default_action=True)])
    assert await default() == ["NoAction()"]


@on_switch
async def test_meter_is_configured_and_reset(sw, _):
    async def read(**index):
        return [e async for e in sw.read(fy.P4MeterEntry("icmp_error_meter", **index))]

    unset = fy.P4MeterEntry("icmp_error_meter", index=0)
    config = fy.P4MeterConfig(cir=100, cburst=10, pir=100, pburst=10)
    limited = fy.P4MeterEntry("icmp_error_meter", index=0, config=config)
    assert await read(index=0) == await read() == [unset], "by default all packets are green"
    await sw.modify([limited])
    assert await read(index=0) == await read() == [limited]
    for config, code, text in [
        (fy.P4MeterConfig(cir=100, cburst=10, pir=200, pburst=10), fy.GRPCStatusCode.UNIMPLEMENTED, "config.pir = 200"),
        (fy.P4MeterConfig(cir=100, cburst=10, pir=100, pburst=20), fy.GRPCStatusCode.UNIMPLEMENTED, "config.pburst = 20"),
        (fy.P4MeterConfig(cir=-1, cburst=10, pir=-1, pburst=10), fy.GRPCStatusCode.INVALID_ARGUMENT, "config.cir = -1"),
    ]:
        error = await refused(sw.modify([fy.P4MeterEntry("icmp_error_meter", index=0, config=config)]))
        assert error.details[0].canonical_code == code
        assert text in error.details[0].message
    error = await refused(sw.modify([fy.P4MeterEntry("icmp_error_meter", index=1)]))
    assert error.details[0].canonical_code == fy.GRPCStatusCode.OUT_OF_RANGE
    assert await read() == [limited]
    await sw.modify([unset])
    assert await read() == [unset]


@on_switch
async def test_delete_all_leaves_nothing(sw, _):
    await sw.insert([entry(name, match, action) for name, match, action, _other in ENTRIES])
    await sw.delete_all()
    assert [e async for e in sw.read(fy.P4TableEntry())] == []


@on_switch
async def test_batch_reports_each_update(sw, _):
    client = lambda n: entry("client_v6", {"dst_addr": n}, ("deliver_v6", {"port": 1, "mac": MAC1}))
    error = await refused(sw.write([+client(1), +client(2), +client(1), -client(9), ~client(2)]))
    assert error.code == fy.GRPCStatusCode.UNKNOWN
    codes = {index: detail.canonical_code for index, detail in error.details.items()}
    assert codes == {2: fy.GRPCStatusCode.ALREADY_EXISTS, 3: fy.GRPCStatusCode.NOT_FOUND}
    assert len(await table(sw, "client_v6")) == 2, "the good updates are applied"


@on_switch
async def test_ten_thousand_entries_in_one_batch(sw, _):
    guard = lambda n: entry("source_guard_v6", {"port": n % 512, "src_mac": MAC1, "src_addr": n + 1}, ("permit_v6", {}))
    entries = [guard(n) for n in range(10_000)]
    await sw.insert(entries)
    assert len(await table(sw, "source_guard_v6")) == 10_000
    assert len(await table(sw, "source_guard_v4")) == 0
    error = await refused(sw.insert(entries))
    assert error.code == fy.GRPCStatusCode.UNKNOWN, "so many errors must not exceed the client's header limit"
    assert "10000 of 10000 failed" in error.message
    await sw.delete(entries)
    assert len(await table(sw, "source_guard_v6")) == 0


@on_switch
async def test_table_size_is_a_limit(sw, _):
    roles = [entry("port_role", {"port": n}, ("set_role", {"role": 1})) for n in range(512)]
    await sw.insert(roles)
    gateways = [entry("gateway_v4", {"role": 1, "target_addr": n}, ("answer_v4", {"mac": MAC1})) for n in range(1, 200_000)]
    size = next(t.size for t in sw.p4info.tables if t.alias == "gateway_v4")
    await sw.insert(gateways[:size])
    error = await refused(sw.insert([gateways[size]]))
    assert error.details[0].canonical_code == fy.GRPCStatusCode.RESOURCE_EXHAUSTED
    assert "gateway_v4" in error.details[0].message


def test_primary_backup_and_failover(switch):
    async def body():
        role = entry("port_role", {"port": 5}, ("set_role", {"role": 1}))
        async with connect(switch, 20) as primary:
            assert primary.is_primary
            async with connect(switch, 10) as backup:
                assert not backup.is_primary
                assert backup.primary_id == 20
                error = await refused(backup.insert([role]))
                assert error.code == fy.GRPCStatusCode.PERMISSION_DENIED
                assert [e async for e in backup.read(fy.P4TableEntry())] == [], "a backup may read"
                await primary.insert([role])
                promoted = backup.ee.event_future(fy.SwitchEvent.BECOME_PRIMARY)
                await primary.__aexit__(None, None, None)
                await asyncio.wait_for(promoted, 10)
                assert len([e async for e in backup.read(fy.P4TableEntry())]) == 1, "entries survive the failover"
                await backup.delete([role])
                await primary.__aenter__()
                assert not primary.is_primary, "the returning controller finds the other one in charge"

    asyncio.run(asyncio.wait_for(body(), 60))


def test_pipeline_mismatch_says_what_differs(switch, tmp_path, caplog):
    wrong = tmp_path / "wrong.p4info.txtpb"
    text = P4INFO.read_text()
    at = text.index('name: "src_mac"')
    wrong.write_text(text[:at] + text[at:].replace("bitwidth: 48", "bitwidth: 47", 1))

    async def body():
        # finsy logs the refusal and gives up on the switch.
        with pytest.raises(asyncio.CancelledError):
            async with connect(switch, p4info=wrong):
                pass
        for word in ["INVALID_ARGUMENT", "source_guard_v6", "src_mac", "bitwidth", "47", "48"]:
            assert word in caplog.text
        async with connect(switch) as sw:
            await sw.insert([entry("port_role", {"port": 1}, ("set_role", {"role": 1}))])

    asyncio.run(asyncio.wait_for(body(), 60))


def test_cookie_makes_a_reconnect_keep_the_entries(switch):
    async def body():
        async with connect(switch) as sw:
            await sw.insert([entry("port_role", {"port": 1}, ("set_role", {"role": 1}))])
        async with connect(switch) as sw:
            assert len([e async for e in sw.read(fy.P4TableEntry())]) == 1

    asyncio.run(asyncio.wait_for(body(), 60))
