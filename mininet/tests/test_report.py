"""Each property fails when it is broken, and only then."""

import xml.etree.ElementTree as ET

import pytest
from conftest import SERVER
from mimiq_testbed import capture, observer, picture, report

STILL = ("2001:db8:6d00::ffff", 39999)


def address(n):
    return f"2001:db8:6d00::{n:x}"


def identifier(n):
    return n.to_bytes(8, "big")


def walk(wire, hops, first=1, keep_id_at=None, keep_port_at=None, port=40000):
    """One connection over `hops` + 1 addresses, and what its client would say of it."""
    for n in range(hops + 1):
        port = port if n == keep_port_at else port + 1
        client = address(first + n), port
        ids = identifier(1000 + first + n), identifier(2000 + first + n - (n == keep_id_at))
        if n == 0:
            wire.begin(client, *ids)
        wire.exchange(client, *ids, packets=6)
    used = [address(first + n) for n in range(hops + 1)]
    return report.Fetch("h1", True, 200, 200, hops, used, [20.0] * 198 + [50.0, 60.0], [])


def control(wire):
    wire.begin(STILL, identifier(1), identifier(2))
    wire.exchange(STILL, identifier(1), identifier(2), packets=80)
    return report.Fetch("h1", False, 200, 200, 0, [STILL[0]], [19.0] * 200, [])


def judge(wire, tmp_path, fetches):
    read = capture.read(wire.write(tmp_path / "c.pcap"), SERVER[1])
    view = observer.observe(read.datagrams)
    document, properties = report.evaluate(view, read, fetches, requests_at_least=200)
    return document, {entry.name for entry in properties if not entry.held}


def test_all_hold(wire, tmp_path):
    fetches = [walk(wire, 12), control(wire)]
    document, broken = judge(wire, tmp_path, fetches)
    assert broken == set() and document["ok"]
    assert document["addresses_seen"] == 14
    assert document["hops"] == 12
    assert document["latency_ms"] == {"hopping": {"median": 20.0, "p99": 20.0}, "control": {"median": 19.0, "p99": 19.0}}
    assert document["longest_linkable"]["hopping"]["packets"] == 8
    assert document["longest_linkable"]["control"]["packets"] == 82


def test_an_id_on_two_addresses(wire, tmp_path):
    document, broken = judge(wire, tmp_path, [walk(wire, 12, keep_id_at=5), control(wire)])
    assert broken == {"no connection ID on two addresses", "no two flows linkable"}
    assert document["ids_on_several_addresses"] == 1 and not document["ok"]


def test_a_kept_port(wire, tmp_path):
    _, broken = judge(wire, tmp_path, [walk(wire, 12, keep_port_at=3), control(wire)])
    assert broken == {"no port kept over a hop"}


def test_a_shared_address(wire, tmp_path):
    one, other = walk(wire, 12), walk(wire, 12, first=100, port=50000)
    other.addresses[3] = one.addresses[2]
    document, broken = judge(wire, tmp_path, [one, other, control(wire)])
    assert document["addresses_shared"] == 1
    assert broken == {"no address used by two clients", "no address that no client knows"}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("ok", 199, {"every request succeeded"}),
        ("requests", 150, {"every client sent its requests", "every request succeeded"}),
        ("hops", 11, {"the capture shows every hop"}),
        ("hops", 3, {"the capture shows every hop", "every client hopped"}),
    ],
)
def test_what_the_clients_say(wire, tmp_path, field, value, expected):
    fetches = [walk(wire, 12), control(wire)]
    setattr(fetches[0], field, value)
    if field == "requests":
        fetches[0].ok = 149
    _, broken = judge(wire, tmp_path, fetches)
    assert broken == expected


def test_percentiles():
    assert report.percentile([], 0.99) is None
    assert report.percentile([5.0], 0.99) == 5.0
    assert report.percentile(range(1, 101), 0.99) == 99
    assert report.percentile(range(1, 201), 0.5) == 100


def test_the_picture_is_well_formed(wire, tmp_path):
    fetches = [walk(wire, 12), control(wire)]
    read = capture.read(wire.write(tmp_path / "c.pcap"), SERVER[1])
    view = observer.observe(read.datagrams)
    svg = picture.draw(view, fetches, "A <title> & more")
    bars = ET.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}rect/{http://www.w3.org/2000/svg}title")
    assert len(bars) == 2 * len(view.flows)
    assert ET.fromstring(picture.draw(observer.observe([]), fetches, "empty")) is not None
