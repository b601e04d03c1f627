# make demo    a small ISP on this machine; three clients hop while a server keeps serving (needs root)
# make test    everything that must hold before a commit: format, lints, docs, all tests (needs root)
# make bench   side-by-side measurements; writes target/bench/results.json (needs root)

.PHONY: demo test bench setup build lint unit conformance e2e

demo: setup build
	scripts/demo.sh

test: setup lint unit conformance build e2e

bench: setup build
	cargo run --release --locked -p mimiq-bench -- all --out target/bench/results.json

setup:
	scripts/setup.sh

build:
	cargo build --release --locked --workspace --bins --examples

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

unit:
	cargo test --locked --workspace

conformance: build
	tests/conformance/run.sh

e2e: build
	tests/e2e/run.sh
