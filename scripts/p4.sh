#!/bin/sh
# Compiles the P4 program for BMv2: writes p4/mimiq.json, p4/mimiq.p4info.txtpb, and p4/mimiq.sha256, by which a test knows that
# all three belong to the sources. Needs p4c-bm2-ss of the P4 consortium (docs/deploy-bmv2.md says where it comes from).
set -eu
cd "$(dirname "$0")/../p4"

if ! command -v p4c-bm2-ss >/dev/null; then
    echo "p4: p4c-bm2-ss is not installed, so p4/mimiq.json and p4/mimiq.p4info.txtpb stay as they are; see docs/deploy-bmv2.md" >&2
    exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
compile() {
    p4c-bm2-ss --Werror --std p4-16 "$@" v1model.p4
}
compile --p4runtime-files "$scratch/mimiq.p4info.txtpb" -o "$scratch/full.json"
# BMv2 sets all room aside when it loads a program: a million entries in each large table would take it 1 GB and more than a
# second, in which a restarted switch forwards nothing. So what is loaded into it has less room than the p4info promises.
compile -DSIZE_CLIENTS_V6=65536 -DSIZE_CLIENTS_V4=65536 -DSIZE_BINDINGS_V6=65536 -DSIZE_BINDINGS_V4=65536 \
    -o "$scratch/mimiq.json"
# Where each primitive stands in the sources doubles the file and changes with every comment.
python3 - "$scratch/mimiq.json" >mimiq.json <<'PYTHON'
import json, sys

def strip(node):
    if isinstance(node, dict):
        return {key: strip(value) for key, value in node.items() if key != "source_info"}
    return [strip(item) for item in node] if isinstance(node, list) else node

json.dump(strip(json.load(open(sys.argv[1]))), sys.stdout, indent=1)
print()
PYTHON
cp "$scratch/mimiq.p4info.txtpb" mimiq.p4info.txtpb
sha256sum -- *.p4 mimiq.json mimiq.p4info.txtpb >mimiq.sha256
echo "p4: compiled with $(p4c-bm2-ss --version 2>&1 | sed -n "s/ (SHA.*//p")"
