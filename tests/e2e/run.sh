#!/bin/sh
# The testbed's own tests, and the end-to-end tests on network namespaces with the release builds, or those in MIMIQ_BIN: on the
# software switch, and on BMv2 if it is installed; SWITCH=mimiq or SWITCH=bmv2 for one of them. Arguments are pytest's.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python="$root/target/venv/testbed/bin/python"
export PYTHONDONTWRITEBYTECODE=1
"$python" -m pytest -q -p no:cacheprovider "$root/mininet/tests"
if [ "$(id -u)" != 0 ]; then
    echo "skipped: the end-to-end tests need root" >&2
    exit 1
fi

on() {
    echo "end to end on SWITCH=$1"
    SWITCH=$1
    shift
    SWITCH=$SWITCH "$python" -m pytest -q -p no:cacheprovider -rs --durations=5 "$root/tests/e2e" "$@"
}

asked=${SWITCH:-}
[ "$asked" = bmv2 ] || on "${asked:-mimiq}" "$@"
if [ -z "$asked" ] || [ "$asked" = bmv2 ]; then
    if command -v simple_switch_grpc >/dev/null; then
        # How the demo is interrupted does not depend on the switch.
        on bmv2 -k "not interrupted" "$@"
    else
        echo "skipped: simple_switch_grpc not found: nothing was tested end to end on BMv2" >&2
        [ -z "$asked" ]
    fi
fi
