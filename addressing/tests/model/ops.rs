//! What can happen to pools, in any order.

use mimiq_addressing::Demand;
use proptest::prelude::*;

use crate::common::*;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    AddSid(u16),
    RemoveSid(u16),
    Rotate,
    Confirm(usize),
    AdoptAlias { pool: u16, sid: u16, alias: u32, resume: bool },
    AliasDeleted(usize),
    Acquire { client: Client, sid: u16, demand: Demand },
    Release { client: Client, nth: usize },
    Renew { client: Client, nth: usize, many: bool },
    Revoke(usize),
    Abort(usize),
    RemoveNow(usize),
    RulesRemoved(usize),
    Adopt { pool: u16, nth: usize, random: u64, client: Option<Client>, lifetime: u64 },
    Claim { client: Client, nth: usize, there: bool },
    Quarantine { pool: u16, ahead: u64 },
    Wait(u64),
    ClockBack(u64),
    ClockForward(u64),
    Advance,
}

fn demand() -> impl Strategy<Value = Demand> {
    prop_oneof![
        4 => (0u32..5).prop_map(v6),
        4 => (0u32..5).prop_map(v4),
        2 => (0u32..4, 0u32..4).prop_map(|(v6, v4)| Demand { v6, v4 }),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let (client, sid, nth) = (0u8..4, 0u16..4, any::<prop::sample::Index>().prop_map(|i| i.index(1 << 16)));
    let (pool, alias) = (0u16..4, prop_oneof![0u32..70, any::<u32>()]);
    prop_oneof![
        2 => sid.clone().prop_map(Op::AddSid),
        1 => sid.clone().prop_map(Op::RemoveSid),
        4 => Just(Op::Rotate),
        6 => nth.clone().prop_map(Op::Confirm),
        1 => (pool.clone(), sid.clone(), alias, any::<bool>())
            .prop_map(|(pool, sid, alias, resume)| Op::AdoptAlias { pool, sid, alias, resume }),
        6 => nth.clone().prop_map(Op::AliasDeleted),
        16 => (client.clone(), sid, demand()).prop_map(|(client, sid, demand)| Op::Acquire { client, sid, demand }),
        4 => (client.clone(), nth.clone()).prop_map(|(client, nth)| Op::Release { client, nth }),
        3 => (client.clone(), nth.clone(), any::<bool>()).prop_map(|(client, nth, many)| Op::Renew { client, nth, many }),
        1 => nth.clone().prop_map(Op::Revoke),
        1 => nth.clone().prop_map(Op::Abort),
        1 => nth.clone().prop_map(Op::RemoveNow),
        10 => nth.clone().prop_map(Op::RulesRemoved),
        2 => (pool.clone(), nth.clone(), 0u64..8, prop::option::of(client.clone()), 0u64..40)
            .prop_map(|(pool, nth, random, client, lifetime)| Op::Adopt { pool, nth, random, client, lifetime }),
        2 => (client, nth, any::<bool>()).prop_map(|(client, nth, there)| Op::Claim { client, nth, there }),
        1 => (pool, 0u64..60).prop_map(|(pool, ahead)| Op::Quarantine { pool, ahead }),
        14 => (0u64..20).prop_map(Op::Wait),
        1 => (0u64..200).prop_map(Op::ClockBack),
        1 => (0u64..500).prop_map(Op::ClockForward),
        // Longer than anyone waits.
        1 => (0u64..8_000).prop_map(Op::ClockForward),
        14 => Just(Op::Advance),
    ]
}
