#!/bin/sh
# Runs the demo with release builds; see `scripts/demo.sh --help`.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root/mininet" PYTHONDONTWRITEBYTECODE=1
exec "$root/target/venv/testbed/bin/python" -m mimiq_testbed demo "$@"
