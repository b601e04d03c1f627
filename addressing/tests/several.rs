//! Several pools: sets of both families, restarts, and what the caller can end or take over by itself.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy.toml allows them in test functions only

mod common;

use std::net::IpAddr;

use common::*;
use mimiq_addressing::*;

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

#[test]
fn an_adopted_lease_is_claimed_from_where_it_is() {
    let mut pool = pools(vec![naive("192.0.2.0/29")]);
    let [a, b]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
    assert_eq!(pool.adopt(at(0), "192.0.2.0".parse().unwrap(), None, (1, 1), at(50)), Err(AdoptError::NotInPool));
    pool.adopt(at(0), a, None, (1, 1), at(50)).unwrap();
    pool.adopt(at(0), b, Some(1), (1, 1), at(50)).unwrap();
    assert_eq!((pool.held(1), pool.held(2)), (1, 0));
    assert!(!pool.claim(at(0), 2, a, (1, 2)), "elsewhere");
    assert!(!pool.claim(at(0), 2, b, (1, 1)), "another's");
    assert!(pool.claim(at(0), 2, a, (1, 1)));
    assert!(!pool.claim(at(0), 3, a, (1, 1)), "claimed");
    assert_eq!(pool.leases_of(2).map(|lease| (lease.address, lease.client)).collect::<Vec<_>>(), [(a, Some(2))]);
    pool.release(at(1), 2, a).unwrap();
    // One that nobody claims ends as any other.
    let c = "192.0.2.3".parse().unwrap();
    pool.adopt(at(1), c, None, (1, 1), at(10)).unwrap();
    assert!(!pool.claim(at(10), 2, c, (1, 1)), "expired");
    assert!(matches!(advance_obediently(&mut pool, at(10))[..], [Event::Expired(lease)] if lease.address == c));
}

#[test]
fn a_resumed_epoch_goes_on_until_the_next() {
    let mut rng = rng(1);
    let mut pool = pools(vec![alias(1, 16), naive("192.0.2.0/29")]);
    assert_eq!(pool.resume_alias(at(0), PoolId(1), Sid(1), Alias(7)), Err(AliasError::NoAliasPool(PoolId(1))));
    pool.resume_alias(at(0), HOME, Sid(1), Alias(7)).unwrap();
    assert_eq!(
        pool.resume_alias(at(0), HOME, Sid(2), Alias(7)),
        Err(AliasError::Taken { pool: HOME, alias: Alias(7) })
    );
    assert_eq!(pool.usable_aliases().collect::<Vec<_>>(), [(HOME, Sid(1), Alias(7))]);
    assert_eq!(pool.add_sid(at(0), &mut rng, Sid(1)), Err(AliasError::SidExists(Sid(1))));
    assert_eq!(pool.next_rotation(), Some(at(40)));
    let set = pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v6(1)).unwrap();
    assert_eq!(pool.get(set.addresses[0]).unwrap().alias, Some(Alias(7)));
    let new = pool.rotate(at(40), &mut rng).unwrap();
    assert!(pool.confirm(at(40), new.epoch));
    assert_eq!(pool.usable_aliases().collect::<Vec<_>>(), new.aliases);
    assert!(pool.aliases().any(|(_, _, alias)| alias == Alias(7)), "retained");
}

#[test]
fn each_pool_has_its_own_quarantine() {
    let mut rng = rng(1);
    let mut pool = with_sid(&mut rng, pools(vec![naive("192.0.2.0/30"), naive("198.51.100.1/32")]));
    pool.quarantine(PoolId(0), at(30));
    pool.quarantine(PoolId(9), at(30));
    assert_eq!(pool.free_for(Sid(1), Family::V4), 1);
    // What is not in quarantine is given; the rest is worth to wait for.
    let retry_after = Some(ms(30));
    assert_eq!(
        pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v4(2)),
        Err(Refusal::Exhausted { family: Family::V4, count: 2, free: 1, retry_after })
    );
    assert_eq!(
        pool.acquire(at(0), &mut rng, 1, Sid(1), (1, 1), v4(1)).unwrap().addresses[0].to_string(),
        "198.51.100.1"
    );
    pool.quarantine(PoolId(1), at(20));
    assert_eq!(
        pool.acquire(at(5), &mut rng, 2, Sid(1), (1, 1), v4(1)),
        Err(Refusal::Quarantine { family: Family::V4, retry_after: ms(15) })
    );
    assert!(pool.acquire(at(30), &mut rng, 2, Sid(1), (1, 1), v4(2)).is_ok());
}
