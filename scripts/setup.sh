#!/bin/sh
# Installs what the testbed needs on Debian 12, and only what is missing: Debian packages (as root), a Python environment in
# target/venv/testbed, and the sources of aioquic, whose HTTP/3 example is the demo's server. Needs no network if all is there.
set -eu
cd "$(dirname "$0")/.."

AIOQUIC=1.7.2
AIOQUIC_SHA256=4def7cb0a692dc12c995cc397a93f41b78cc30b7bf078769c3a3bb1ba9dcf362
VENV=target/venv/testbed
TESTBED=target/testbed

say() { echo "setup: $*"; }

missing=""
for package in mininet iproute2 ethtool iputils-ping libfaketime procps python3 python3-venv ca-certificates gcc libc6-dev curl chromium; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        say "missing Debian packages:$missing; run this as root, or install them" >&2
        exit 1
    fi
    say "installing Debian packages:$missing"
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >/dev/null
fi

wanted=$(sha256sum mininet/requirements.txt | cut -d' ' -f1)
if [ "$(cat "$VENV/requirements.sha256" 2>/dev/null)" != "$wanted" ]; then
    say "making the Python environment $VENV"
    mkdir -p "$(dirname "$VENV")"
    # Debian's Python, because Debian's Mininet is a module of it.
    /usr/bin/python3 -m venv --clear --system-site-packages "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement mininet/requirements.txt
    echo "$wanted" >"$VENV/requirements.sha256"
fi

examples="$TESTBED/aioquic-$AIOQUIC/examples"
if [ ! -f "$examples/.complete" ]; then
    say "fetching the sources of aioquic $AIOQUIC"
    mkdir -p "$TESTBED"
    "$VENV/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary aioquic \
        --dest "$TESTBED" "aioquic==$AIOQUIC"
    echo "$AIOQUIC_SHA256  $TESTBED/aioquic-$AIOQUIC.tar.gz" | sha256sum --check --quiet
    tar --extract --gzip --file "$TESTBED/aioquic-$AIOQUIC.tar.gz" --directory "$TESTBED"
    touch "$examples/.complete"
fi
say "complete"
