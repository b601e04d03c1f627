//! The pool against a reference model made of maps, under arbitrary interleavings and clock jumps. After every step the
//! two agree on every address, alias and deadline, which includes no-collision, alias-unique and in-flight.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy.toml allows them in test functions only

mod apply;
#[path = "../common/mod.rs"]
mod common;
mod ops;
mod reference;

use common::*;
use mimiq_addressing::*;
use ops::{Op, op};
use proptest::prelude::*;
use reference::Model;

fn run(mut model: Model, ops: Vec<Op>) {
    // One SID to start with, so that short sequences get somewhere.
    for op in [Op::AddSid(1), Op::Confirm(0)].into_iter().chain(ops) {
        model.apply(op);
        model.compare();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Four addresses an alias: the pool is full most of the time.
    #[test]
    fn dense(seed: u64, ops in prop::collection::vec(op(), 1..250)) {
        run(Model::new(30, EPOCHS, LEASES, seed), ops);
    }

    /// One address an alias.
    #[test]
    fn single(seed: u64, ops in prop::collection::vec(op(), 1..150)) {
        run(Model::new(32, EPOCHS, LEASES, seed), ops);
    }

    /// 32 aliases, drawn from few values: they come back as soon as they may, and their addresses with them.
    #[test]
    fn few_aliases(seed: u64, ops in prop::collection::vec(op(), 1..400)) {
        let epochs = EpochPolicy { aliases_per_sid: 1, ..EPOCHS };
        run(Model::new(5, epochs, LEASES, seed), ops);
    }

    /// Epochs much shorter than lifetimes: old aliases must outlive k × t_sid.
    #[test]
    fn short_epochs(seed: u64, ops in prop::collection::vec(op(), 1..400)) {
        let epochs = EpochPolicy { t_sid: ms(4), k: 1, aliases_per_sid: 1 };
        run(Model::new(6, epochs, LeasePolicy { cool_down: ms(0), ..LEASES }, seed), ops);
    }
}
