"""The demo: clients hop inside one connection each while a server outside keeps serving, and an observer watches."""

import json
import shutil
import time

from . import capture, fetch, observer, picture, plan, report
from .testbed import Testbed

CAPTURE, REPORT, PICTURE = "capture.pcap", "report.json", "picture.svg"


def run(directory, *, requests=200, size=2700, hop_every=3, rtt_ms=20.0, say=print):
    """Runs it; what it shows goes to `say`, its files to `directory`. Returns whether every property held."""
    begun = time.monotonic()
    step = lambda text: say(f"[{time.monotonic() - begun:5.1f} s] {text}")  # noqa: E731
    world = plan.Plan(rtt_ms=rtt_ms)
    with Testbed(directory / "run", world, step) as testbed:
        # Nobody is to take an earlier run's results for this one's.
        for name in (CAPTURE, REPORT, PICTURE):
            (directory / name).unlink(missing_ok=True)
        clients = world.clients
        step(f"{', '.join(clients)} fetch {requests} objects of {size} bytes each over one connection; {clients[0]} once more without hops")
        fetches = fetch.run(testbed, clients=clients, control=clients[0], requests=requests, size=size, hop_every=hop_every)
        step("fetches done; stopping everything")
    # The delay line has ended, so the capture is complete.
    shutil.move(testbed.capture, directory / CAPTURE)
    captured = capture.read(directory / CAPTURE, plan.SERVER_PORT)
    view = observer.observe(captured.datagrams)
    document, properties = report.evaluate(view, captured, fetches, requests_at_least=requests)
    document |= {
        "switches": len(world.switches),
        "clients": len(clients),
        "rtt_ms": testbed.rtt_ms,
        "object_bytes": size,
        "seconds": round(time.monotonic() - begun, 1),
    }
    (directory / REPORT).write_text(json.dumps(document, indent=2) + "\n")
    hops = document["hops"]
    title = f"{len(clients)} clients, {len(clients)} connections, {hops} hops: {len(view.flows)} flows outside"
    (directory / PICTURE).write_text(picture.draw(view, fetches, title))
    _show(document, properties, directory, say)
    return document["ok"]


def _show(document, properties, directory, say):
    latency, linked = document["latency_ms"], document["longest_linkable"]
    rows = [
        ("requests that succeeded", f"{document['requests_ok']} of {document['requests_total']}"),
        ("hops", document["hops"]),
        ("distinct addresses seen outside", document["addresses_seen"]),
        ("addresses used by two clients", document["addresses_shared"]),
        ("connection IDs on more than one address", document["ids_on_several_addresses"]),
        ("longest sequence the observer can link", f"{linked['hopping']['packets']} packets ({linked['hopping']['seconds']:.2f} s)"),
        ("  the same without hops", f"{linked['control']['packets']} packets ({linked['control']['seconds']:.2f} s)"),
        ("latency with hops, median / p99", f"{latency['hopping']['median']} / {latency['hopping']['p99']} ms"),
        ("latency without hops, median / p99", f"{latency['control']['median']} / {latency['control']['p99']} ms"),
    ]
    say("")
    for name, value in rows:
        say(f"  {name:<42} {value}")
    say("")
    for entry in properties:
        say(f"  {'ok    ' if entry.held else 'FAILED'} {entry.name}: {entry.detail}")
    say("")
    say(f"  report   {directory / REPORT}")
    say(f"  picture  {directory / PICTURE}")
    say(f"  capture  {directory / CAPTURE}")
