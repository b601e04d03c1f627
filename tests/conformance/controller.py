"""finsy as the controller of a switch, and the entities that tests write with it."""

import asyncio

import finsy as fy
import pytest
from conftest import BMV2_JSON, DEVICE_ID, P4INFO

MAC1, MAC2 = "02:00:00:00:00:01", "02:00:00:00:00:02"

SWITCH_INFO = {
    "mac": MAC1,
    "tunnel_addr": "fd00::1",
    "icmp_addr_v6": "fd00::2",
    "icmp_addr_v4": "10.0.0.1",
    "fabric_mtu": 1500,
}


def entry(table, match, action=None):
    match = {name: value for name, value in match.items() if value is not None}
    action = fy.Action(action[0], **action[1]) if action else None
    return fy.P4TableEntry(table, match=fy.Match(**match) if match else None, action=action)


def connect(switch, election_id=10, p4info=P4INFO):
    # finsy sets the pipeline only if there is a device configuration too.
    options = fy.SwitchOptions(p4info=p4info, p4blob=BMV2_JSON, device_id=DEVICE_ID, initial_election_id=election_id)
    return fy.Switch("switch", switch.address, options)


def on_switch(test):
    """Runs a test as the primary with the pipeline set."""

    def run(switch):
        async def body():
            async with connect(switch) as sw:
                assert sw.is_primary
                await test(sw, switch)

        asyncio.run(asyncio.wait_for(body(), 60))

    run.__name__ = test.__name__
    return run


async def table(sw, name):
    return [e.encode(sw.p4info) async for e in sw.read(fy.P4TableEntry(name))]


async def refused(awaitable):
    with pytest.raises(fy.P4ClientError) as info:
        await awaitable
    return info.value
