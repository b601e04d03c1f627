"""Where things are in the checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
EXAMPLES = TARGET / "testbed" / "aioquic-1.7.2" / "examples"


def binary(name):
    """A program of the workspace: from `MIMIQ_BIN` if that is set, else the release build."""
    from .process import TestbedError

    folder = Path(os.environ.get("MIMIQ_BIN") or TARGET / "release").resolve()
    path = folder / name
    if not path.exists():
        raise TestbedError(f"{path} does not exist; build it with `make release`, or set MIMIQ_BIN to its folder")
    return path
