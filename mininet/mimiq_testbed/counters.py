"""What a switch counts, read over P4Runtime, so that it is the same for every kind of switch.

Run as a program it asks a switch, because only the controller's node reaches it: ADDRESS:PORT DEVICE_ID."""

import json
import re
import sys
from functools import cache
from pathlib import Path

_REASONS = Path(__file__).resolve().parents[2] / "p4" / "contract" / "src" / "reason.rs"


@cache
def _number(reason):
    """The index of a drop reason, from the contract's own list."""
    found = re.search(rf'(\d+), "{reason}";', _REASONS.read_text())
    if not found:
        raise KeyError(f"no drop reason is called {reason}")
    return int(found[1])


class Counters:
    """Those of one switch of a testbed."""

    def __init__(self, testbed, name):
        switch = next(switch for switch in testbed.plan.switches if switch.name == name)
        self._node = testbed["c0"]
        self._of = switch.p4runtime, switch.device_id

    def read(self):
        """Packets by index of the drop reason, and entries by table."""
        return json.loads(self._node.run(sys.executable, "-P", __file__, *self._of))

    def drops(self, reason):
        """Packets dropped for this reason."""
        return self.read()["drops"][_number(reason)]

    def entries(self, table):
        """Entries of this table."""
        return self.read()["entries"][table]


def main(address, device_id):
    """Reads all tables and the drop counter."""
    import grpc
    from p4.v1 import p4runtime_pb2 as p4
    from p4.v1.p4runtime_pb2_grpc import P4RuntimeStub

    with grpc.insecure_channel(address) as channel:
        stub = P4RuntimeStub(channel)
        device = {"device_id": int(device_id)}
        info = stub.GetForwardingPipelineConfig(p4.GetForwardingPipelineConfigRequest(**device), timeout=5).config.p4info
        counter = next(each.preamble.id for each in info.counters if each.preamble.alias == "drop_reason")
        tables = {table.preamble.id: table.preamble.alias for table in info.tables}
        request = p4.ReadRequest(**device)
        request.entities.add().counter_entry.counter_id = counter
        for table in tables:
            request.entities.add().table_entry.table_id = table
        drops, entries = {}, dict.fromkeys(tables.values(), 0)
        for response in stub.Read(request, timeout=5):
            for entity in response.entities:
                if entity.HasField("counter_entry"):
                    drops[entity.counter_entry.index.index] = entity.counter_entry.data.packet_count
                else:
                    entries[tables[entity.table_entry.table_id]] += 1
    print(json.dumps({"drops": [drops[index] for index in sorted(drops)], "entries": entries}))


if __name__ == "__main__":
    main(*sys.argv[1:])
