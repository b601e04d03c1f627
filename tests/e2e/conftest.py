"""End-to-end tests: the demo's testbed, real namespaces, the release builds or those in MIMIQ_BIN."""

import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "mininet"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from mimiq_testbed import plan as p  # noqa: E402
from mimiq_testbed.testbed import Testbed  # noqa: E402

_FETCH_PAGE = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


class Metrics:
    """The metrics of a daemon, read in a node's namespace."""

    def __init__(self, node, address):
        self.node, self.url = node, f"http://[{address}]:{p.METRICS_PORT}/metrics"

    def value(self, name, **labels):
        """The sum over all series of that name with these labels; 0 without any."""
        page = self.node.run(sys.executable, "-c", _FETCH_PAGE, self.url)
        total = 0.0
        for line in page.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name:
                have = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if labels.items() <= have.items():
                    total += float(found[3])
        return total

    def wait(self, least, name, **labels):
        """Waits until the value is at least `least`."""
        return at_least(least, self.value, name, **labels)


def at_least(least, read, *arguments, timeout=10.0, **labels):
    """Waits until `read` returns `least` or more: counters can only be asked."""
    deadline = time.monotonic() + timeout
    while (value := read(*arguments, **labels)) < least:
        assert time.monotonic() < deadline, f"{arguments}{labels or ''} is {value}, not {least}"
        time.sleep(0.1)
    return value


@pytest.fixture(scope="module")
def testbed(tmp_path_factory, request):
    """A running ISP after the module's `PLAN`, one a module."""
    plan = getattr(request.module, "PLAN", p.Plan(rtt_ms=4.0))
    with Testbed(tmp_path_factory.mktemp("testbed"), plan) as running:
        yield running
