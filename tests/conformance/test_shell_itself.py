"""What p4runtime-shell sees."""

import p4runtime_sh.shell as sh
import pytest
from conftest import DEVICE_ID, P4INFO
from p4runtime_sh.p4runtime import P4RuntimeClient, P4RuntimeWriteException


def test_the_shell_itself(switch, tmp_path):
    empty = tmp_path / "device.bin"
    empty.write_bytes(b"")
    sh.setup(DEVICE_ID, switch.address, election_id=(0, 1), config=sh.FwdPipeConfig(str(P4INFO), str(empty)), verbose=False)
    try:
        route = sh.TableEntry("ingress.route_v6")(action="ingress.forward_v6")
        route.match["dst_addr"] = "2001:db8::/32"
        route.action["port"] = "3"
        route.action["src_mac"] = "02:00:00:00:00:01"
        route.action["dst_mac"] = "02:00:00:00:00:02"
        route.insert()
        with pytest.raises(P4RuntimeWriteException, match="ALREADY_EXISTS"):
            route.insert()
        route.action["port"] = "4"
        route.modify()
        found = []
        sh.TableEntry("ingress.route_v6").read(found.append)
        expected = route.msg()
        assert expected.action.action.params[0].value == b"\0\4", "the shell pads to the field's width"
        expected.action.action.params[0].value = b"\4"
        assert [entry.msg() for entry in found] == [expected]
        default = sh.TableEntry("ingress.route_v6")(action="ingress.forward_v6")
        for name in ["port", "src_mac", "dst_mac"]:
            default.action[name] = "1"
        default.insert()
        info = sh.TableEntry("ingress.switch_info")(action="ingress.set_switch_info", is_default=True)
        for name, value in [("mac", "02:00:00:00:00:01"), ("tunnel_addr", "fd00::1"), ("icmp_addr_v6", "fd00::2"),
                            ("icmp_addr_v4", "10.0.0.1"), ("fabric_mtu", "1500")]:
            info.action[name] = value
        info.modify()
        counters = []
        sh.CounterEntry("ingress.drop_reason").read(counters.append)
        assert len(counters) == 64
        meter = sh.MeterEntry("ingress.icmp_error_meter")
        meter.index = 0
        for name, value in [("cir", 100), ("cburst", 10), ("pir", 100), ("pburst", 10)]:
            setattr(meter, name, value)
        meter.modify()
        rates = []
        sh.MeterEntry("ingress.icmp_error_meter").read(lambda m: rates.append((m.index, m.cir, m.cburst, m.pir, m.pburst)))
        assert rates == [(0, 100, 10, 100, 10)]
        direct = sh.DirectCounterEntry("ingress.route_v6_counter")
        direct.table_entry.match["dst_addr"] = "2001:db8::/32"
        counts = []
        direct.read(counts.append)
        assert [(c.packet_count, c.byte_count) for c in counts] == [(0, 0)]
        route.delete()
        with pytest.raises(P4RuntimeWriteException, match="NOT_FOUND"):
            route.delete()
        role = P4RuntimeClient(DEVICE_ID, switch.address, (0, 1), role_name="sdn")
        role.tear_down()
    finally:
        sh.teardown()
