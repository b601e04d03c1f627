"""Clients hop while things fail around them; the observer's report must hold all the same."""

import time

import pytest
from conftest import Metrics, at_least
from mimiq_testbed import capture, fetch, observer, plan, report
from mimiq_testbed.counters import Counters
from mimiq_testbed.testbed import Testbed

LEAST = 60


def evaluated(directory, fetches, requests=LEAST):
    """The report on a testbed that has ended."""
    captured = capture.read(directory / "observer.pcap", plan.SERVER_PORT)
    document, _ = report.evaluate(observer.observe(captured.datagrams), captured, fetches, requests_at_least=requests)
    return document


def broken(document):
    """The properties that did not hold."""
    return [entry for entry in document["properties"] if not entry["held"]]


@pytest.mark.parametrize(
    ("rtt_ms", "hop_every", "size", "timing"),
    [(4.0, 1, 2700, "early"), (10.0, 2, 2100, "before"), (50.0, 1, 3000, "early")],
)
def test_properties_hold(tmp_path, rtt_ms, hop_every, size, timing):
    with Testbed(tmp_path, plan.Plan(rtt_ms=rtt_ms)) as testbed:
        running = [
            fetch.Running(testbed, c, requests=LEAST, size=size, hop_every=hop_every, extra=["--hop-timing", timing])
            for c in testbed.plan.clients
        ]
        fetches = [one.result(time.monotonic() + 60) for one in running]
    document = evaluated(tmp_path, fetches)
    assert not broken(document)
    assert document["hops"] >= 3 * LEAST / hop_every * 0.8


def test_controller_is_killed_and_comes_back(tmp_path):
    with Testbed(tmp_path, plan.Plan(rtt_ms=10.0)) as testbed:
        running = [fetch.Running(testbed, c, requests=300, size=2700, hop_every=4) for c in testbed.plan.clients]
        metrics = Metrics(testbed["h1"], "::1")
        granted = metrics.value("mimiq_agent_addresses_given_total")
        # In the middle of it, as the agent's own count says.
        metrics.wait(granted + 10, "mimiq_agent_addresses_given_total")
        testbed.restart_controller()
        fetches = [one.result(time.monotonic() + 60) for one in running]
        # New addresses after the restart are not those of before it.
        again = fetch.run(testbed, clients=["h1", "h3"], control=None, requests=LEAST, size=2700, hop_every=4)
    both = [*fetches, *again]
    assert not report.shared(both)
    document = evaluated(tmp_path, both)
    assert document["requests_ok"] == document["requests_total"]
    assert document["ids_on_several_addresses"] == 0


def test_edge_switch_restarts(tmp_path):
    with Testbed(tmp_path, plan.Plan(rtt_ms=10.0)) as testbed:
        running = fetch.Running(testbed, "h1", requests=300, size=2700, hop_every=4)
        metrics = Metrics(testbed["h1"], "::1")
        metrics.wait(metrics.value("mimiq_agent_addresses_given_total") + 10, "mimiq_agent_addresses_given_total")
        testbed.restart_switch("e1")
        result = running.result(time.monotonic() + 60)
        entries = at_least(2, Counters(testbed, "e1").entries, "alias")
    assert result.ok == result.requests == 300
    assert entries >= 2
    # What the client sends is not linkable. A server may do worse: cut off from a path that it has not validated yet, it
    # falls back to the client's last address (RFC 9000 §9.3.2), and aioquic with the ID of the new path.
    captured = capture.read(tmp_path / "observer.pcap", plan.SERVER_PORT)
    several = observer.observe(captured.datagrams).addresses_by_id
    assert not [identifier for up, identifier in several if up]
