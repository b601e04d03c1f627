//! Several pools: sets of both families, and what the caller can end by itself.

use std::net::IpAddr;

use mimiq_addressing::*;

use crate::common::*;

const ONE_ALIAS: EpochPolicy = EpochPolicy { t_sid: ms(40), k: 2, aliases_per_sid: 1 };
const FIXED: LeasePolicy =
    LeasePolicy { lifetime_min: ms(20), lifetime_max: ms(20), grace: ms(10), cool_down: ms(15), quota: 100 };

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn pools(codecs: Vec<Codec>) -> Pool {
    Pools::new(codecs, ONE_ALIAS, FIXED).unwrap()
}

#[test]
fn pools_that_overlap_are_refused() {
    let error = |codecs| Pools::<u8, ()>::new(codecs, ONE_ALIAS, FIXED).map(drop).unwrap_err().to_string();
    let twice = vec![naive("10.0.0.0/8"), alias(1, 16), naive("10.0.0.0/8")];
    assert_eq!(error(twice), "pools = 10.0.0.0/8 and 10.0.0.0/8: overlap");
    let within = vec![naive("2001:db8:0:1::8000/113"), naive("2001:db8::/96"), alias(1, 16)];
    assert_eq!(error(within), "pools = 2001:db8:0:1::/96 and 2001:db8:0:1::8000/113: overlap");
    let apart = vec![alias(1, 16), alias(2, 16), naive("10.0.0.0/9"), naive("10.128.0.0/9")];
    assert!(Pools::<u8, ()>::new(apart, ONE_ALIAS, FIXED).is_ok());
    // No more of them can be numbered.
    let many = (0..=1 << 16).map(|n: u32| naive(&format!("{}/32", std::net::Ipv4Addr::from_bits(n)))).collect();
    assert_eq!(error(many), "pools = 65537: must be at most 65536");
}

#[test]
fn a_set_is_of_both_families_or_none() {
    let mut rng = rng(1);
    let mut pool = with_sid(&mut rng, pools(vec![naive("192.0.2.0/30"), alias(1, 16)]));
    let wanted = Demand { v6: 3, v4: 2 };
    let set = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), wanted).unwrap();
    assert_eq!(set.addresses.iter().map(IpAddr::is_ipv4).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert!(set.addresses.iter().all(|address| pool.get(*address).unwrap().deadline == set.expires));
    assert_eq!((pool.pool_occupancy(PoolId(0)).occupancy.leased, pool.pool_occupancy(PoolId(0)).capacity), (2, 2));
    assert_eq!(
        (pool.pool_occupancy(PoolId(1)).occupancy.leased, pool.pool_occupancy(PoolId(1)).capacity),
        (3, 1 << 32)
    );
    assert_eq!(pool.pool_occupancy(PoolId(2)), PoolOccupancy::default());
    assert_eq!(pool.held(1), 5);

    let refused = pool.acquire(at(0), &mut rng, 2, Sid(1), (1, 2), wanted);
    let retry_after = Some(ms(45));
    assert_eq!(refused, Err(Refusal::Exhausted { family: Family::V4, count: 2, free: 0, retry_after }));
    assert_eq!((pool.held(2), pool.occupancy().leased), (0, 5));
    let all = Demand { v6: u32::MAX, v4: u32::MAX };
    let refused = pool.acquire(at(0), &mut rng, 2, Sid(1), (1, 2), all);
    assert_eq!(refused, Err(Refusal::Quota { count: 2 * u64::from(u32::MAX), held: 0, quota: 100 }));
}

#[test]
fn families_without_pools_and_sids_without_aliases() {
    let mut rng = rng(1);
    let mut pool = with_sid(&mut rng, pools(vec![naive("192.0.2.0/29")]));
    assert_eq!(pool.next_rotation(), None);
    assert!(pool.rotate(at(0), &mut rng).unwrap().aliases.is_empty());
    let refused = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), Demand { v6: 1, v4: 1 });
    assert_eq!(refused, Err(Refusal::NoPool(Family::V6)));
    assert_eq!(pool.free_for(Sid(1), Family::V4), 6);
    assert_eq!(pool.free_for(Sid(2), Family::V4), 0);
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(2), (1, 1), v4(1)), Err(Refusal::UnknownSid(Sid(2))));

    // A naive pool serves before the aliases are confirmed.
    let mut pool = pools(vec![naive("192.0.2.0/29"), alias(1, 16)]);
    pool.add_sid(at(0), &mut rng, Sid(1)).unwrap();
    assert!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v4(1)).is_ok());
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)), Err(Refusal::NoAlias(Sid(1))));
    pool.remove_sid(at(0), Sid(1)).unwrap();
    assert_eq!(pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v4(1)), Err(Refusal::UnknownSid(Sid(1))));
}

#[test]
fn aliases_are_drawn_in_every_alias_pool_or_in_none() {
    let mut rng = rng(1);
    // Six aliases a SID: one pool has room for two SIDs, the other for one.
    let mut pool = pools(vec![alias(1, 4), naive("192.0.2.0/29"), alias(2, 3)]);
    let new = pool.add_sid(at(0), &mut rng, Sid(1)).unwrap();
    assert_eq!(new.aliases.iter().map(|(pool, ..)| pool.0).collect::<Vec<_>>(), [0, 2]);
    let error = pool.add_sid(at(0), &mut rng, Sid(2)).unwrap_err();
    assert_eq!(error, AliasError::SpaceTooSmall { pool: PoolId(2), sids: 2, needed: 6, available: 8 });
    assert_eq!(pool.aliases().count(), 2);
    // Never deleted: the aliases run out in one of them.
    pool.confirm(at(0), new.epoch);
    let error = loop {
        match pool.rotate(at(0), &mut rng) {
            Ok(new) => assert!(pool.confirm(at(0), new.epoch)),
            Err(error) => break error,
        }
    };
    assert_eq!(error, AliasError::Exhausted { pool: PoolId(2), needed: 1, free: 0 });
    assert_eq!(pool.aliases().filter(|(pool, ..)| pool.0 == 0).count(), 8);
    assert_eq!(pool.usable_aliases().count(), 2);
}

#[test]
fn an_aborted_lease_has_no_grace_but_a_cool_down() {
    let mut rng = rng(1);
    let mut pool = with_sid(&mut rng, pools(vec![naive("192.0.2.1/32")]));
    let address = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v4(1)).unwrap().addresses[0];
    let lease = pool.abort(at(5), address).unwrap();
    assert_eq!((lease.state, lease.client, lease.location), (LeaseState::Removing, Some(1), (1, 1)));
    assert_eq!((pool.abort(at(5), address), pool.revoke(at(5), address)), (None, None));
    assert_eq!(pool.release(at(5), 1, address), Err(NotHeld));
    assert_eq!(pool.held(1), 1, "until its rules are gone");
    assert_eq!(advance_obediently(&mut pool, at(1_000)), [], "no event");
    assert!(pool.rules_removed(at(1_000), address));
    assert_eq!((pool.held(1), pool.next_deadline()), (0, Some(at(1_015))));
    assert_eq!(advance_obediently(&mut pool, at(1_015)), [Event::Freed(address)]);
}

#[test]
fn leases_of_a_removed_switch_end_at_once() {
    let mut rng = rng(1);
    let mut pool = with_sid(&mut rng, pools(vec![alias(1, 16)]));
    let set = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(2)).unwrap();
    let [leased, in_grace] = set.addresses[..] else { panic!("{set:?}") };
    let alias = pool.get(leased).unwrap().alias.unwrap();
    pool.release(at(1), 1, in_grace).unwrap();
    // Still in use when its time is over.
    pool.renew(at(15), &mut rng, 1, &[leased]).unwrap();
    pool.remove_sid(at(1), Sid(1)).unwrap();
    for address in [leased, in_grace] {
        assert_eq!(pool.remove_now(at(2), address).unwrap().state, LeaseState::Removing);
        assert_eq!(pool.remove_now(at(2), address), None);
        assert!(pool.rules_removed(at(2), address));
        assert_eq!(pool.remove_now(at(2), address), None, "cooling");
    }
    // The alias is retained all the same: packets to released addresses may come.
    let deleted = Event::DeleteAlias { pool: HOME, sid: Sid(1), alias };
    assert!(!advance_obediently(&mut pool, at(94)).contains(&deleted));
    assert_eq!(advance_obediently(&mut pool, at(95)), [deleted]);
}

#[test]
fn an_alias_kept_by_a_lease_goes_with_its_removal() {
    let mut rng = rng(1);
    let long = LeasePolicy { lifetime_max: ms(500), lifetime_min: ms(500), ..FIXED };
    let mut pool = with_sid(&mut rng, Pools::new(vec![alias(1, 16)], ONE_ALIAS, long).unwrap());
    let address = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap().addresses[0];
    pool.remove_sid(at(0), Sid(1)).unwrap();
    assert_eq!(advance_obediently(&mut pool, at(100)), []);
    pool.remove_now(at(200), address).unwrap();
    assert!(pool.next_deadline().is_some_and(|deadline| deadline <= at(200)));
    assert!(matches!(advance_obediently(&mut pool, at(200))[..], [Event::DeleteAlias { sid: Sid(1), .. }]));
}

/// Simulations rely on it: nothing depends on the order of a hash table.
#[test]
fn the_same_seed_gives_the_same_history() {
    let history = || {
        let mut rng = rng(5);
        let mut pool = with_sid(&mut rng, Pools::new(vec![naive("10.0.0.0/24"), alias(1, 16)], EPOCHS, FIXED).unwrap());
        let mut events = Vec::new();
        for now in 0..300 {
            let client = now as u8 % 50;
            let _ = pool.acquire(at(now), &mut rng, client, Sid(1), (1, 1), Demand { v6: 2, v4: 7 });
            if now % 40 == 0
                && let Ok(new) = pool.rotate(at(now), &mut rng)
            {
                events.extend(new.aliases.iter().map(|alias| format!("{alias:?}")));
                pool.confirm(at(now), new.epoch);
            }
            events.extend(advance_obediently(&mut pool, at(now)).iter().map(|event| format!("{event:?}")));
            events.extend(pool.leases_of(client).map(|lease| format!("{lease:?}")));
        }
        events.extend(pool.leases().map(|lease| format!("{lease:?}")));
        events.extend(pool.aliases().map(|alias| format!("{alias:?}")));
        events
    };
    let first = history();
    assert!(first.len() > 1_000);
    assert_eq!(first, history());
}
