# make demo    a small ISP on this machine; three clients hop while a server keeps serving (needs root); on BMv2 with SWITCH=bmv2
# make demo-loopix    a whole Loopix network on this machine, measured beside the paper and attacked; writes target/demo-loopix/report.md
# make test    everything that must hold before a commit: format, lints, docs, all tests (needs root)
# make bench   side-by-side measurements; writes target/bench/results.json (needs root)
# make p4      compiles the P4 program again after a change (needs p4c-bm2-ss)

.PHONY: demo demo-loopix test bench p4 setup setup-test release debug lint unit conformance e2e

demo: setup release
	scripts/demo.sh

# Needs Rust and a C compiler, no root.
demo-loopix:
	cargo build --release --locked -p mimiq-mix -p mimiq-mix-demo --bins
	target/release/mimiq-mix-demo

# One profile for everything, and examples named wherever tests are not: without, cargo leaves out the features that only tests need,
# and dependencies are built twice, among them much C.
test: setup-test lint unit conformance e2e

bench: setup release
	target/release/mimiq-bench all --out target/bench/results.json

p4:
	scripts/p4.sh

setup:
	scripts/setup.sh

setup-test:
	scripts/setup.sh test

release:
	cargo build --release --locked --workspace --bins --examples

debug:
	cargo build --locked --workspace --bins --examples

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --lib --bins --examples

unit: debug
	MIMIQ_SWITCH=$(CURDIR)/target/debug/mimiq-switch MIMIQ_CONTROLLER=$(CURDIR)/target/debug/mimiq-controller cargo test --locked --workspace

conformance: debug
	MIMIQ_SWITCH=target/debug/mimiq-switch tests/conformance/run.sh

e2e: debug
	MIMIQ_BIN=target/debug tests/e2e/run.sh
