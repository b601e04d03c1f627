//! What can happen to a pool, in any order.

use proptest::prelude::*;

use crate::common::*;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    AddSid(u16),
    RemoveSid(u16),
    Rotate,
    Confirm(usize),
    Acquire { client: Client, sid: u16, count: u32 },
    Release { client: Client, nth: usize },
    Renew { client: Client, nth: usize, many: bool },
    Revoke(usize),
    RulesRemoved(usize),
    AliasDeleted(usize),
    Adopt { nth: usize, random: u64, client: Option<Client>, lifetime: u64 },
    Wait(u64),
    ClockBack(u64),
    ClockForward(u64),
    Advance,
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let (client, sid, nth) = (0u8..3, 0u16..4, any::<prop::sample::Index>().prop_map(|i| i.index(1 << 16)));
    prop_oneof![
        2 => sid.clone().prop_map(Op::AddSid),
        1 => sid.clone().prop_map(Op::RemoveSid),
        4 => Just(Op::Rotate),
        6 => nth.clone().prop_map(Op::Confirm),
        12 => (client.clone(), sid, 0u32..5).prop_map(|(client, sid, count)| Op::Acquire { client, sid, count }),
        4 => (client.clone(), nth.clone()).prop_map(|(client, nth)| Op::Release { client, nth }),
        3 => (client.clone(), nth.clone(), any::<bool>()).prop_map(|(client, nth, many)| Op::Renew { client, nth, many }),
        1 => nth.clone().prop_map(Op::Revoke),
        8 => nth.clone().prop_map(Op::RulesRemoved),
        6 => nth.clone().prop_map(Op::AliasDeleted),
        1 => (nth, 0u64..4, prop::option::of(client), 0u64..40)
            .prop_map(|(nth, random, client, lifetime)| Op::Adopt { nth, random, client, lifetime }),
        12 => (0u64..20).prop_map(Op::Wait),
        1 => (0u64..200).prop_map(Op::ClockBack),
        1 => (0u64..500).prop_map(Op::ClockForward),
        12 => Just(Op::Advance),
    ]
}
