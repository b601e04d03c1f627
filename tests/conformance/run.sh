#!/usr/bin/env bash
# P4Runtime conformance: drives mimiq-switch with two independent clients, finsy and p4runtime-shell (in virtual
# environments of their own: their protobuf versions conflict). Everything runs in a network namespace that vanishes with
# the last process in it. MIMIQ_SWITCH names the binary; without it the newest build in target/ is taken.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${MIMIQ_SWITCH:-$(ls -t target/{release,debug}/mimiq-switch 2>/dev/null | head -n 1 || true)}
if [ ! -x "$binary" ]; then
    echo "mimiq-switch is not built: cargo build -p mimiq-switch" >&2
    exit 1
fi
MIMIQ_SWITCH=$(realpath "$binary")
export MIMIQ_SWITCH

venv() {
    local dir=target/conformance/$1 requirements=tests/conformance/requirements-$1.txt
    if ! cmp -s "$requirements" "$dir/requirements.txt"; then
        rm -rf "$dir"
        python3 -m venv "$dir"
        "$dir/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$dir/requirements.txt"
    fi
}
venv finsy
venv shell

user=()
[ "$(id -u)" = 0 ] || user=(--map-root-user)
exec unshare --net "${user[@]}" bash -euo pipefail -c '
    ip link set lo up
    ip link add sw1 type veth peer name host1
    for link in sw1 host1; do
        # No neighbour or multicast traffic of the kernel itself: the counters are compared.
        echo 1 >"/proc/sys/net/ipv6/conf/$link/disable_ipv6"
        ip link set "$link" up
    done
    failed=0
    for client in finsy shell; do
        "target/conformance/$client/bin/python" -m pytest -q -p no:cacheprovider \
            tests/conformance/test_"$client"*.py "$@" || failed=1
    done
    exit $failed
' run.sh "$@"
