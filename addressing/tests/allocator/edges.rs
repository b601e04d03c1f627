//! Edge cases: full and tiny pools, refusals, switches that do not answer.

use mimiq_addressing::*;

use crate::common::*;

const ONE_ALIAS: EpochPolicy = EpochPolicy { t_sid: ms(40), k: 2, aliases_per_sid: 1 };
const FIXED: LeasePolicy =
    LeasePolicy { lifetime_min: ms(20), lifetime_max: ms(20), grace: ms(10), cool_down: ms(15), quota: 100 };

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn alias_of(pool: &Pool, address: std::net::IpAddr) -> Alias {
    pool.get(address).unwrap().alias.unwrap()
}

#[test]
fn pool_of_one_address_goes_round() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 32, ONE_ALIAS, FIXED);
    let first = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap();
    let address = first.addresses[0];
    assert_eq!((first.lifetime, first.expires), (ms(20), at(20)));
    let refused =
        |pool: &mut Pool, now| pool.acquire(now, &mut crate::common::rng(2), 2, Sid(1), (1, 2), v6(1)).unwrap_err();
    // 20 leased + 10 grace + 15 cool-down.
    assert_eq!(
        refused(&mut pool, at(0)),
        Refusal::Exhausted { family: Family::V6, count: 1, free: 0, retry_after: Some(ms(45)) }
    );

    assert!(matches!(advance_obediently(&mut pool, at(20))[..], [Event::Expired(lease)] if lease.client == Some(1)));
    assert_eq!(
        refused(&mut pool, at(20)),
        Refusal::Exhausted { family: Family::V6, count: 1, free: 0, retry_after: Some(ms(25)) }
    );
    assert!(
        matches!(advance_obediently(&mut pool, at(30))[..], [Event::RemoveRules(lease)] if lease.location == (1, 1))
    );
    assert_eq!(
        refused(&mut pool, at(44)),
        Refusal::Exhausted { family: Family::V6, count: 1, free: 0, retry_after: Some(ms(1)) }
    );
    assert_eq!(advance_obediently(&mut pool, at(45)), [Event::Freed(address)]);
    assert_eq!(pool.get(address), None);
    let second = pool.acquire(at(45), &mut rng, 2, Sid(1), (1, 2), v6(1)).unwrap();
    assert_eq!(second.addresses, [address]);
}

#[test]
fn full_pool_refuses_a_set_as_a_whole() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 29, ONE_ALIAS, FIXED);
    let refused = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(9));
    assert_eq!(refused, Err(Refusal::Exhausted { family: Family::V6, count: 9, free: 8, retry_after: None }));
    assert_eq!(pool.occupancy(), Occupancy::default());
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(6)).unwrap().addresses.len(), 6);
    let refused = pool.acquire(at(1), &mut rng, 1, Sid(1), (1, 1), v6(3));
    assert_eq!(refused, Err(Refusal::Exhausted { family: Family::V6, count: 3, free: 2, retry_after: Some(ms(44)) }));
    assert_eq!(pool.acquire(at(1), &mut rng, 1, Sid(1), (1, 1), v6(2)).unwrap().addresses.len(), 2);
    assert_eq!(pool.occupancy().leased, 8);
}

#[test]
fn quota_counts_until_the_rules_are_gone() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 16, ONE_ALIAS, LeasePolicy { quota: 2, ..FIXED });
    let set = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(2)).unwrap();
    let refused = Err(Refusal::Quota { count: 1, held: 2, quota: 2 });
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)), refused);
    assert!(pool.acquire(at(0), &mut rng, 2, Sid(1), (1, 1), v6(2)).is_ok(), "another client has its own quota");
    for address in &set.addresses {
        pool.release(at(1), 1, *address).unwrap();
        assert_eq!(pool.release(at(1), 1, *address), Err(NotHeld), "released twice");
    }
    assert_eq!(pool.acquire(at(1), &mut rng, 1, Sid(1), (1, 1), v6(1)), refused);
    advance_obediently(&mut pool, at(11));
    assert!(pool.acquire(at(11), &mut rng, 1, Sid(1), (1, 1), v6(2)).is_ok());
}

#[test]
fn a_silent_switch_keeps_its_addresses_out_of_the_pool() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 32, ONE_ALIAS, FIXED);
    let address = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    let mut events = Vec::new();
    for now in [20, 30, 1_000_000] {
        pool.advance(at(now), &mut events);
    }
    assert!(matches!(events[..], [Event::Expired(_), Event::RemoveRules(_)]));
    assert_eq!(pool.get(address).unwrap().state, LeaseState::Removing);
    assert_eq!(pool.next_deadline(), None);
    assert!(pool.acquire(at(1_000_000), &mut rng, 2, Sid(1), (1, 1), v6(1)).is_err());
    assert!(pool.rules_removed(at(1_000_000), address));
    assert!(!pool.rules_removed(at(1_000_000), address));
    assert_eq!(advance_obediently(&mut pool, at(1_000_014)), []);
    assert_eq!(advance_obediently(&mut pool, at(1_000_015)), [Event::Freed(address)]);
}

#[test]
fn a_jump_forward_does_not_skip_the_grace() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 32, ONE_ALIAS, FIXED);
    pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap();
    assert!(matches!(advance_obediently(&mut pool, at(86_400_000))[..], [Event::Expired(_)]));
    // Back again: nothing moves until the clock has caught up.
    assert_eq!(advance_obediently(&mut pool, at(10)), []);
    assert_eq!(advance_obediently(&mut pool, at(86_400_009)), []);
    assert!(matches!(advance_obediently(&mut pool, at(86_400_010))[..], [Event::RemoveRules(_)]));
    // The end of time is no reason to panic.
    advance_obediently(&mut pool, at(u64::MAX));
    let _ = pool.acquire(at(u64::MAX), &mut rng, 1, Sid(1), (1, 1), v6(1));
    let _ = pool.rotate(at(u64::MAX), &mut rng);
}

#[test]
fn alias_space_too_small_is_said_when_the_sid_is_added() {
    let mut rng = rng(1);
    // One usable, one pending, and (80 + 80) / 40 old ones: 6 of 16 for each SID.
    let mut pool = pool(4, ONE_ALIAS, FIXED);
    assert!(pool.add_sid(at(0), &mut rng, Sid(1)).is_ok());
    assert!(pool.add_sid(at(0), &mut rng, Sid(2)).is_ok());
    let error = pool.add_sid(at(0), &mut rng, Sid(3)).unwrap_err();
    assert_eq!(error, AliasError::SpaceTooSmall { pool: HOME, sids: 3, needed: 6, available: 16 });
    assert!(error.to_string().starts_with("pool 0: alias_bits give 16 aliases: 3 SIDs need 6 each;"), "{error}");
    assert_eq!(pool.add_sid(at(0), &mut rng, Sid(1)), Err(AliasError::SidExists(Sid(1))));
}

#[test]
fn rotation_at_its_cadence_never_runs_out() {
    let mut rng = rng(1);
    let mut pool = pool(4, ONE_ALIAS, FIXED);
    for sid in [1, 2] {
        let new = pool.add_sid(at(0), &mut rng, Sid(sid)).unwrap();
        pool.confirm(at(0), new.epoch);
    }
    let mut now = pool.next_rotation().unwrap();
    assert_eq!(now, at(40));
    for _ in 0..1_000 {
        // The longest lease that an old alias can have.
        pool.acquire(now, &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap();
        let new = pool.rotate(now, &mut rng).unwrap();
        assert_eq!(new.aliases.len(), 2);
        assert!(pool.confirm(now, new.epoch));
        now = pool.next_rotation().unwrap();
        while let Some(deadline) = pool.next_deadline().filter(|deadline| *deadline <= now) {
            advance_obediently(&mut pool, deadline);
        }
    }
}

#[test]
fn an_edge_switch_that_never_confirms_delays_the_epoch() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 16, ONE_ALIAS, FIXED);
    let first = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    let old = alias_of(&pool, first);
    let new = pool.rotate(at(40), &mut rng).unwrap();
    assert!(pool.rotate(at(80), &mut rng).unwrap().aliases.is_empty(), "one set is pending already");
    let second = pool.acquire(at(80), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    assert_eq!(alias_of(&pool, second), old);
    advance_obediently(&mut pool, at(1_000));
    assert!(pool.aliases().any(|(_, _, alias)| alias == old), "the usable alias stays, however old");
    assert!(pool.confirm(at(1_000), new.epoch));
    let third = pool.acquire(at(1_000), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    assert_eq!(alias_of(&pool, third), new.aliases[0].2);
}

#[test]
fn renewal_does_not_keep_an_old_alias_alive() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 16, ONE_ALIAS, FIXED);
    let address = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    let old = alias_of(&pool, address);
    assert_eq!(pool.renew(at(10), &mut rng, 1, &[]), Err(RenewError::Empty));
    assert_eq!(pool.renew(at(10), &mut rng, 2, &[address]), Err(RenewError::NotHeld(NotHeld)));
    assert_eq!(pool.renew(at(10), &mut rng, 1, &[address]), Ok(at(30)));
    let new = pool.rotate(at(20), &mut rng).unwrap();
    pool.confirm(at(20), new.epoch);
    // Valid until 20 + 80; a renewal at 70 would end at 90, its grace at 100.
    for now in [25, 40, 55, 70] {
        assert_eq!(pool.renew(at(now), &mut rng, 1, &[address]), Ok(at(now + 20)));
    }
    assert_eq!(pool.renew(at(71), &mut rng, 1, &[address]), Err(RenewError::AliasRetired));
    assert!(matches!(advance_obediently(&mut pool, at(90))[..], [Event::Expired(_)]));
    let events = advance_obediently(&mut pool, at(100));
    assert!(
        matches!(events[..], [Event::RemoveRules(_), Event::DeleteAlias { alias, .. }] if alias == old),
        "{events:?}"
    );
}

#[test]
fn sids_come_and_go() {
    let mut rng = rng(1);
    let mut pool = pool(16, ONE_ALIAS, FIXED);
    assert_eq!(pool.next_rotation(), None);
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)), Err(Refusal::UnknownSid(Sid(1))));
    let new = pool.add_sid(at(0), &mut rng, Sid(1)).unwrap();
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)), Err(Refusal::NoAlias(Sid(1))));
    assert!(pool.confirm(at(0), new.epoch));
    let address = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    let old = alias_of(&pool, address);
    let pending = pool.rotate(at(40), &mut rng).unwrap().aliases[0].2;

    pool.remove_sid(at(41), Sid(1)).unwrap();
    assert_eq!(pool.remove_sid(at(41), Sid(1)), Err(AliasError::UnknownSid(Sid(1))));
    assert_eq!(pool.next_rotation(), None);
    assert_eq!(pool.acquire(at(41), &mut rng, 1, Sid(1), (1, 1), v6(1)), Err(Refusal::UnknownSid(Sid(1))));
    assert_eq!(pool.revoke(at(41), address).map(|lease| lease.client), Some(Some(1)));
    assert_eq!(pool.revoke(at(41), address), None);
    // An alias that was never usable can go at once, an old one after k × t_sid.
    assert_eq!(advance_obediently(&mut pool, at(41)), [Event::DeleteAlias { pool: HOME, sid: Sid(1), alias: pending }]);
    assert!(!advance_obediently(&mut pool, at(120)).iter().any(|event| matches!(event, Event::DeleteAlias { .. })));
    assert_eq!(advance_obediently(&mut pool, at(121)), [Event::DeleteAlias { pool: HOME, sid: Sid(1), alias: old }]);
    assert_eq!(pool.aliases().count(), 0);
}
