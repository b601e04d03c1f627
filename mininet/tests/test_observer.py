"""The observer finds what links flows, and is not led astray by rubbish."""

import random

from conftest import SERVER, frame, long_header, short_header
from mimiq_testbed import capture, observer

A, B, C = ("2001:db8:6d00::a", 40001), ("2001:db8:6d00::b", 40002), ("2001:db8:6d00::c", 40003)


def identifier(n):
    return bytes([n]) * 8


def look(wire, tmp_path):
    return observer.observe(capture.read(wire.write(tmp_path / "c.pcap"), SERVER[1]).datagrams)


def test_clean_hops_are_not_linkable(wire, tmp_path):
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange(A, identifier(1), identifier(2))
    wire.exchange(B, identifier(3), identifier(4))
    wire.exchange(C, identifier(5), identifier(6))
    view = look(wire, tmp_path)
    assert view.addresses == [A[0], B[0], C[0]]
    assert view.addresses_by_id == {}
    assert [len(component.flows) for component in view.components] == [1, 1, 1]
    assert [flow.handshake for flow in view.flows] == [True, False, False]


def test_an_id_kept_by_the_client_links(wire, tmp_path):
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange(A, identifier(1), identifier(2), packets=4)
    wire.up(B, short_header(identifier(2)))
    view = look(wire, tmp_path)
    assert view.addresses_by_id == {(True, identifier(2)): {A[0], B[0]}}
    assert [component.packets for component in view.components] == [7]


def test_an_id_kept_by_the_server_links(wire, tmp_path):
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange(B, identifier(1), identifier(4), packets=6)
    view = look(wire, tmp_path)
    assert view.addresses_by_id == {(False, identifier(1)): {A[0], B[0]}}
    assert [component.packets for component in view.components] == [8]


def test_flows_are_linked_through_a_third(wire, tmp_path):
    """A and B share a server's ID, B and C a client's: all three belong together."""
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange(B, identifier(3), identifier(2))
    wire.exchange(C, identifier(3), identifier(6))
    view = look(wire, tmp_path)
    assert [len(component.flows) for component in view.components] == [3]
    assert view.components[0].packets == 10


def test_an_address_kept_over_a_new_port_links(wire, tmp_path):
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange((A[0], 50000), identifier(3), identifier(4))
    view = look(wire, tmp_path)
    assert len(view.flows) == 2
    assert [len(component.flows) for component in view.components] == [2]


def test_ids_of_other_lengths_are_learnt_per_direction(wire, tmp_path):
    wire.begin(A, b"\x01" * 5, b"\x02" * 12)
    wire.up(A, short_header(b"\x02" * 12))
    wire.down(A, short_header(b"\x01" * 5))
    wire.up(B, short_header(b"\x02" * 12, body=0))
    view = look(wire, tmp_path)
    assert view.addresses_by_id == {(True, b"\x02" * 12): {A[0], B[0]}}


def test_coalesced_packets_are_all_read(wire, tmp_path):
    payload = long_header(identifier(2), identifier(1)) + short_header(identifier(9))
    wire.up(A, payload)
    wire.down(A, long_header(identifier(1), identifier(2)))
    ids = look(wire, tmp_path).flows[0].ids
    assert {(True, identifier(2)), (False, identifier(1)), (True, identifier(9))} == ids


def test_a_truncated_file_gives_what_is_whole(wire, tmp_path):
    wire.begin(A, identifier(1), identifier(2))
    wire.exchange(A, identifier(1), identifier(2))
    whole = wire.bytes()
    path = tmp_path / "cut.pcap"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        read = capture.read(path, SERVER[1])
        assert len(read.datagrams) <= 6
        observer.observe(read.datagrams)
    path.write_bytes(whole[:-1])
    assert capture.read(path, SERVER[1]).truncated
    path.write_bytes(whole)
    assert not capture.read(path, SERVER[1]).truncated


def test_rubbish_is_survived(wire, tmp_path):
    dice = random.Random(1)
    wire.begin(A, identifier(1), identifier(2))
    good = frame(A, SERVER, long_header(identifier(2), identifier(1)) + short_header(identifier(2)))
    for _ in range(2000):
        bad = bytearray(good[: dice.randrange(len(good) + 1)])
        for _ in range(dice.randrange(4)):
            if bad:
                bad[dice.randrange(len(bad))] = dice.randrange(256)
        wire.add(bytes(bad))
    wire.add(b"")
    for _ in range(500):
        wire.up(B, dice.randbytes(dice.randrange(60)))
    read = capture.read(wire.write(tmp_path / "bad.pcap"), SERVER[1])
    assert read.frames == 2503 and 0 < read.skipped < 2503 and not read.truncated
    view = observer.observe(read.datagrams)
    assert A[0] in view.addresses
