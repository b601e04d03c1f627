//! Arbitration against a reference model that keeps the history and derives everything from it.

use mimiq_switch::arbitration::{Arbitration, ArbitrationError, MAX_ROLES, MAX_STREAMS, Notice, Standing, StreamId};
use proptest::prelude::*;

const ROLES: [&str; 2] = ["", "sdn"];

#[derive(Debug, Clone)]
enum Op {
    Update { stream: u64, role: usize, id: Option<u128> },
    Disconnect { stream: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..5u64, prop_oneof![9 => Just(0usize), 1 => Just(1)], proptest::option::of(0..6u128))
            .prop_map(|(stream, role, id)| Op::Update { stream, role: (role + stream as usize) % 2, id }),
        1 => (0..5u64).prop_map(|stream| Op::Disconnect { stream }),
    ]
}

/// §16.2 of the specification: the highest ID ever received is the primary's, if its stream lives.
#[derive(Default)]
struct Model {
    live: Vec<(u64, usize, Option<u128>)>,
    accepted: [Vec<u128>; 2],
}

impl Model {
    fn highest(&self, role: usize) -> Option<u128> {
        self.accepted[role].iter().copied().max()
    }

    fn primary(&self, role: usize) -> Option<u64> {
        let highest = self.highest(role)?;
        self.live.iter().find(|(_, r, id)| *r == role && *id == Some(highest)).map(|(stream, ..)| *stream)
    }

    fn standing(&self, stream: u64, role: usize) -> Standing {
        match self.primary(role) {
            Some(primary) if primary == stream => Standing::Primary,
            Some(_) => Standing::Backup,
            None => Standing::NoPrimary,
        }
    }

    fn check(&self, notices: &[Notice], role: usize) {
        for notice in notices {
            let stream = notice.to.0;
            assert!(
                self.live.iter().any(|(s, r, _)| *s == stream && *r == role),
                "a notice to a stream outside the role"
            );
            assert_eq!(notice.role, ROLES[role]);
            assert_eq!(notice.election_id, self.highest(role));
            assert_eq!(notice.standing, self.standing(stream, role));
        }
        let primary = notices.iter().position(|n| n.standing == Standing::Primary);
        assert!(primary.is_none_or(|at| at + 1 == notices.len()), "the primary hears last");
    }
}

proptest! {
    #[test]
    fn agrees_with_the_model(ops in proptest::collection::vec(op(), 1..60)) {
        let (mut sut, mut model) = (Arbitration::default(), Model::default());
        for op in ops {
            match op {
                Op::Update { stream, role, id } => {
                    let id = id.filter(|id| *id != 0);
                    let before = (model.primary(role), model.highest(role));
                    let result = sut.update(StreamId(stream), ROLES[role], id);
                    let own = model.live.iter().position(|(s, ..)| *s == stream);
                    if own.is_some_and(|at| model.live[at].1 != role) {
                        let refused = matches!(result, Err(ArbitrationError::RoleChanged { .. }));
                        prop_assert!(refused);
                        continue;
                    }
                    if id.is_some() && model.live.iter().any(|(s, r, i)| *s != stream && *r == role && *i == id) {
                        prop_assert_eq!(result, Err(ArbitrationError::Duplicate(id.unwrap())));
                        continue;
                    }
                    match own {
                        Some(at) => model.live[at].2 = id,
                        None => model.live.push((stream, role, id)),
                    }
                    model.accepted[role].extend(id);
                    let notices = result.unwrap();
                    model.check(&notices, role);
                    let all = model.live.iter().filter(|(_, r, _)| *r == role).count();
                    let changed = before != (model.primary(role), model.highest(role));
                    prop_assert_eq!(notices.len(), if changed { all } else { 1 });
                    prop_assert!(notices.iter().any(|n| n.to.0 == stream), "the sender hears");
                }
                Op::Disconnect { stream } => {
                    let notices = sut.disconnect(StreamId(stream));
                    let Some(at) = model.live.iter().position(|(s, ..)| *s == stream) else {
                        prop_assert!(notices.is_empty());
                        continue;
                    };
                    let role = model.live[at].1;
                    let was_primary = model.primary(role) == Some(stream);
                    model.live.remove(at);
                    model.check(&notices, role);
                    let all = model.live.iter().filter(|(_, r, _)| *r == role).count();
                    prop_assert_eq!(notices.len(), if was_primary { all } else { 0 });
                }
            }
            for (role, name) in ROLES.iter().enumerate() {
                for id in 0..7 {
                    let expected = model.primary(role).is_some() && model.highest(role) == Some(id);
                    prop_assert_eq!(sut.is_primary(name, id), expected);
                }
            }
        }
    }
}

#[test]
fn a_dead_primary_fences_lower_ids_and_may_return() {
    let mut sut = Arbitration::default();
    sut.update(StreamId(1), "", Some(10)).unwrap();
    sut.update(StreamId(2), "", Some(5)).unwrap();
    let notices = sut.disconnect(StreamId(1));
    assert_eq!(
        notices,
        [Notice { to: StreamId(2), role: String::new(), election_id: Some(10), standing: Standing::NoPrimary }]
    );
    assert!(!sut.is_primary("", 10), "a write of the dead primary is refused");
    let notices = sut.update(StreamId(3), "", Some(9)).unwrap();
    assert_eq!(notices[0].standing, Standing::NoPrimary);
    let notices = sut.update(StreamId(4), "", Some(10)).unwrap();
    assert_eq!(notices.last().unwrap().standing, Standing::Primary);
    assert!(sut.is_primary("", 10));
}

#[test]
fn streams_and_roles_are_bounded() {
    let mut sut = Arbitration::default();
    for n in 0..MAX_STREAMS as u64 {
        sut.update(StreamId(n), "", Some(u128::from(n) + 1)).unwrap();
    }
    assert_eq!(sut.update(StreamId(9999), "", None), Err(ArbitrationError::Streams));
    sut.update(StreamId(0), "", Some(1)).unwrap();
    for n in 1..MAX_ROLES {
        sut.update(StreamId(1000 + n as u64), &format!("role {n}"), None).unwrap();
    }
    assert_eq!(sut.update(StreamId(9999), "one more", None), Err(ArbitrationError::Roles));
    assert_eq!(sut.update(StreamId(9999), &"x".repeat(500), None), Err(ArbitrationError::RoleName(500)));
}
