#!/bin/sh
# Makes the virtual environment with PyPI's `p4runtime` in target/venv/p4runtime and prints the path of its Python.
# Does nothing if it is there already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$here/../../../.." && pwd)/target/venv/p4runtime
mkdir -p "$(dirname "$venv")"

exec 9>"$venv.lock"
flock 9 # several test runs at once make it once

# The copy of the requirements is written last, so half an environment is made again.
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
echo "$venv/bin/python"
