#!/bin/sh
# The testbed's own tests, and the end-to-end tests on network namespaces with the release builds, or those in MIMIQ_BIN.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python="$root/target/venv/testbed/bin/python"
export PYTHONDONTWRITEBYTECODE=1
"$python" -m pytest -q -p no:cacheprovider "$root/mininet/tests"
if [ "$(id -u)" != 0 ]; then
    echo "skipped: the end-to-end tests need root" >&2
    exit 1
fi
exec "$python" -m pytest -q -p no:cacheprovider -rs --durations=5 "$root/tests/e2e" "$@"
