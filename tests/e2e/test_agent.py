"""What applications notice when the agent or the controller is away: nothing but that they do not hop meanwhile."""

import json
import time

from conftest import Metrics, at_least
from mimiq_testbed import fetch
from mimiq_testbed import plan as p
from mimiq_testbed.testbed import Testbed

GIVEN = "mimiq_agent_addresses_given_total"


def routes(node):
    """Addresses that an agent made local."""
    lines = []
    for family in ("-4", "-6"):
        lines += node.run("ip", family, "route", "show", "table", "local", "proto", 109).splitlines()
    return [line.split()[1] for line in lines]


def hops(testbed, metrics, count):
    """Waits for so many hops of the client's applications."""
    return metrics.wait(metrics.value(GIVEN) + count, GIVEN)


def refusals(running):
    """Hops that did not happen, by reason."""
    return json.loads(running.report.read_text())["hop_refusals"]


def test_both_families_outlive_the_agent_and_nothing_is_left(tmp_path):
    with Testbed(tmp_path, p.Plan(rtt_ms=4.0, ipv4=True)) as testbed:
        h1 = testbed["h1"]
        metrics = Metrics(h1, "::1")
        running = [
            fetch.Running(testbed, "h1", requests=400, size=2700, hop_every=4, name="v6", extra=["--interval-ms", 20]),
            fetch.Running(
                testbed, "h1", requests=400, size=2700, hop_every=4, name="v4", server=p.SERVER_V4, extra=["--interval-ms", 20]
            ),
        ]
        hops(testbed, metrics, 20)
        agent = next(daemon for daemon in h1.daemons if daemon.name.startswith("mimiq-agent"))
        agent.kill()
        again = testbed.start_agent("h1")
        again.wait_ready()
        hops(testbed, metrics, 20)
        # Once more, as a service manager does it.
        assert again.stop() == 0
        again = testbed.start_agent("h1")
        again.wait_ready()
        hops(testbed, metrics, 20)
        fetches = [one.result(time.monotonic() + 60) for one in running]
        for one, used in zip(running, fetches, strict=True):
            assert used.ok == used.requests == 400, used.errors
            assert len(used.addresses) == len(set(used.addresses)) >= 40, refusals(one)
        assert all(":" in address for address in fetches[0].addresses)
        assert all(address.startswith("198.18.") for address in fetches[1].addresses)
        # It is doing as if it had started just now.
        at_least(1, lambda: metrics.value("mimiq_agent_stock_held") == 0)
        assert again.stop() == 0
        assert routes(h1) == []
        assert sorted(path.name for path in testbed.sockets.iterdir() if path.name.startswith("h1")) == []
        # Not one of them is bound any more.
        assert h1.run("ss", "-Huan").strip() == ""


def test_addresses_end_while_the_controller_is_away(tmp_path):
    plan = p.Plan(rtt_ms=4.0, stock=(2, 6))
    with Testbed(tmp_path, plan) as testbed:
        metrics = Metrics(testbed["h1"], "::1")
        # 60 seconds, twice the longest lifetime.
        running = fetch.Running(testbed, "h1", requests=600, size=2700, hop_every=5, extra=["--interval-ms", 100])
        hops(testbed, metrics, 3)
        testbed.kill_controller()
        at_least(1, metrics.value, "mimiq_agent_not_hopping", timeout=40)
        # The last addresses end, and there are no others: for longer than any of them lives.
        asked = metrics.value("mimiq_agent_refused_takes_total")
        at_least(asked + 50, metrics.value, "mimiq_agent_refused_takes_total", timeout=60)
        testbed.restart_controller()
        at_least(1, lambda: metrics.value("mimiq_agent_not_hopping") == 0, timeout=30)
        before = metrics.value(GIVEN)
        used = running.result(time.monotonic() + 90)
        assert used.ok == used.requests == 600, used.errors
        assert refusals(running).get("controller_away", 0) > 0, refusals(running)
        log = (tmp_path / "mimiq-agent-h1.log").read_text()
        assert "not hopping: stock: empty, and the controller cannot be reached" in log
        assert "hopping again" in log
        again = fetch.Running(testbed, "h1", requests=20, size=2700, hop_every=2, name="again")
        assert again.result(time.monotonic() + 30).hops >= 8
        assert metrics.value(GIVEN) > before
