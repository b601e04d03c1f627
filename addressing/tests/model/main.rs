//! The pools against a reference model made of maps, under arbitrary interleavings and clock jumps. After every step the
//! two agree on every address, alias and deadline, which includes no-collision, alias-unique, in-flight and fairness.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy.toml allows them in test functions only

mod acquire;
mod advance;
mod apply;
#[path = "../common/mod.rs"]
mod common;
mod compare;
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

const ONE_ALIAS: EpochPolicy = EpochPolicy { aliases_per_sid: 1, ..EPOCHS };

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Four addresses an alias: the pool is full most of the time.
    #[test]
    fn dense(seed: u64, ops in prop::collection::vec(op(), 1..250)) {
        run(Model::new(vec![alias(1, 30)], EPOCHS, LEASES, seed), ops);
    }

    /// One address an alias.
    #[test]
    fn single(seed: u64, ops in prop::collection::vec(op(), 1..150)) {
        run(Model::new(vec![alias(1, 32)], EPOCHS, LEASES, seed), ops);
    }

    /// 32 aliases, drawn from few values: they come back as soon as they may, and their addresses with them.
    #[test]
    fn few_aliases(seed: u64, ops in prop::collection::vec(op(), 1..400)) {
        run(Model::new(vec![alias(1, 5)], ONE_ALIAS, LEASES, seed), ops);
    }

    /// Epochs much shorter than lifetimes: old aliases must outlive k × t_sid.
    #[test]
    fn short_epochs(seed: u64, ops in prop::collection::vec(op(), 1..400)) {
        let epochs = EpochPolicy { t_sid: ms(4), k: 1, aliases_per_sid: 1 };
        run(Model::new(vec![alias(1, 6)], epochs, LeasePolicy { cool_down: ms(0), ..LEASES }, seed), ops);
    }

    /// Pools of every kind; sets are of both families.
    #[test]
    fn every_kind(seed: u64, ops in prop::collection::vec(op(), 1..250)) {
        let pools = vec![naive("192.0.2.0/29"), alias(1, 31), alias(2, 6), naive("2001:db8:1::4/126")];
        run(Model::new(pools, ONE_ALIAS, LEASES, seed), ops);
    }

    /// No aliases. Few addresses for many: who has none comes first.
    #[test]
    fn naive_only(seed: u64, ops in prop::collection::vec(op(), 1..250)) {
        let pools = vec![naive("192.0.2.0/31"), naive("192.0.2.8/30"), naive("2001:db8:1::7/128")];
        run(Model::new(pools, EPOCHS, LEASES, seed), ops);
    }

    /// Each SID has its own addresses, of two sizes of block, and those that are short wait for themselves only.
    #[test]
    fn two_alias_pools(seed: u64, ops in prop::collection::vec(op(), 1..250)) {
        run(Model::new(vec![alias(1, 31), alias(2, 32)], ONE_ALIAS, LEASES, seed), ops);
    }
}
