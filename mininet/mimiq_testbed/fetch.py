"""Runs `mimiq-get` on clients of a testbed."""

import time

from . import plan as p
from .paths import binary
from .process import TestbedError
from .report import Fetch
from .server import NAME


class Running:
    """One `mimiq-get` under way."""

    def __init__(self, testbed, client, *, requests, size, hop_every=None, name=None, server=p.SERVER, extra=()):
        """`hop_every`: hop once in so many requests, None for never; `name` tells several fetches of one client apart;
        `server`: one of the server's addresses."""
        self.hopping = hop_every is not None
        name = name or f"fetch-{client}"
        self.report = testbed.directory / f"{name}.json"
        self.report.unlink(missing_ok=True)
        command = [binary("mimiq-get"), "--agent", testbed.socket(client), "--ca", testbed.certificate]
        where = f"[{server}]" if ":" in server else server
        command += ["--connect", f"{where}:{p.SERVER_PORT}", "--label", client, "--report", self.report]
        command += ["--requests", requests, *(["--hop-every", hop_every] if self.hopping else ["--no-hop"])]
        command += [*extra, f"https://{NAME}:{p.SERVER_PORT}/{size}"]
        self.process = testbed[client].spawn(f"mimiq-get on {client}", command, testbed.directory / f"{name}.log")

    def result(self, deadline):
        """Waits for the end, until `deadline` (monotonic seconds). A request that failed is in the result, not an error."""
        status = self.process.wait(max(0.0, deadline - time.monotonic()))
        if status not in (0, 1) or not self.report.exists():
            raise TestbedError(f"{self.process.name} ended with status {status}; its log:\n{self.process.log_tail()}")
        return Fetch.load(self.report, self.hopping)


def run(testbed, *, clients, control, requests, size, hop_every, timeout=90.0):
    """Fetches with hops on `clients` and without on `control`, at the same time."""
    running = [Running(testbed, c, requests=requests, size=size, hop_every=hop_every) for c in clients]
    if control is not None:
        running.append(Running(testbed, control, requests=requests, size=size, name="fetch-control"))
    deadline = time.monotonic() + timeout
    return [fetch.result(deadline) for fetch in running]
