"""Command line: `python -m mimiq_testbed demo`."""

import argparse
import signal
import sys
from pathlib import Path

from . import demo
from .paths import TARGET
from .process import TestbedError
from .switches import Missing


def main():
    """Returns the exit status: 0 only if every property held."""
    parser = argparse.ArgumentParser(prog="mimiq_testbed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    options = commands.add_parser("demo", help="a small ISP, three hopping clients, an observer's report")
    options.add_argument("--requests", type=int, default=200, help="objects each client fetches (default: 200)")
    options.add_argument("--size", type=int, default=2700, help="bytes of an object (default: 2700)")
    options.add_argument("--hop-every", type=int, default=3, help="hop once in so many requests (default: 3)")
    options.add_argument("--rtt-ms", type=float, default=20.0, help="round-trip time to the server (default: 20)")
    options.add_argument("--out", type=Path, default=TARGET / "demo", help="where results go (default: target/demo)")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupt)
    # Shown at once, also through a pipe.
    sys.stdout.reconfigure(line_buffering=True)
    try:
        return _demo(chosen)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("demo: interrupted; everything is stopped and removed", file=sys.stderr)
        return 130


def _demo(chosen):
    try:
        held = demo.run(
            chosen.out, requests=chosen.requests, size=chosen.size, hop_every=chosen.hop_every, rtt_ms=chosen.rtt_ms
        )
    except Missing as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 2
    except TestbedError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0 if held else 1


def _interrupt(_number, _frame):
    """Ends the testbed's `with`, which cleans up. Python swallows what is raised while it runs a destructor, so this comes
    again until the clean-up begins, which holds signals back."""
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
