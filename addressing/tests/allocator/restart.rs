//! After a restart: what the switches still have is taken over, and what is unknown is not given out.

use std::{net::IpAddr, time::Duration};

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
fn restart_adopts_what_the_switches_have() {
    let mut rng = rng(1);
    let mut pool = pool(16, ONE_ALIAS, FIXED);
    pool.adopt_alias(at(0), HOME, Sid(1), Alias(7)).unwrap();
    assert_eq!(pool.adopt_alias(at(0), HOME, Sid(2), Alias(7)), Err(AliasError::Taken { pool: HOME, alias: Alias(7) }));
    let error = pool.adopt_alias(at(0), HOME, Sid(1), Alias(1 << 16)).unwrap_err();
    assert_eq!(error.to_string(), "pool 0: alias = 0x10000: must be less than 65536");
    let (a, b) = ("2001:db8:0:1::7:1".parse().unwrap(), "2001:db8:0:1::7:2".parse().unwrap());
    pool.adopt(at(0), a, Some(1), (1, 1), at(50)).unwrap();
    pool.adopt(at(0), b, None, (1, 2), at(100)).unwrap();
    assert_eq!(pool.adopt(at(0), a, Some(2), (1, 1), at(50)), Err(AdoptError::Taken));
    assert_eq!(pool.adopt(at(0), "2001:db8::1".parse().unwrap(), None, (1, 1), at(50)), Err(AdoptError::NotInPool));
    assert_eq!(pool.release(at(0), 1, b), Err(NotHeld));

    let new = pool.add_sid(at(0), &mut rng, Sid(1)).unwrap();
    assert_ne!(new.aliases[0].2, Alias(7));
    pool.confirm(at(0), new.epoch);
    let mut events = Vec::new();
    for now in 0..=200 {
        events.extend(advance_obediently(&mut pool, at(now)).into_iter().map(|event| (now, event)));
    }
    let first = |wanted: &dyn Fn(&Event<Client, Location>) -> bool| {
        events.iter().find(|(_, event)| wanted(event)).map(|(now, _)| *now)
    };
    assert_eq!(first(&|event| matches!(event, Event::Expired(lease) if lease.address == a)), Some(50));
    assert_eq!(first(&|event| matches!(event, Event::Expired(lease) if lease.address == b)), Some(100));
    // The alias outlives 2 × 40 ms, as an address uses it until 110.
    assert_eq!(first(&|event| matches!(event, Event::DeleteAlias { alias: Alias(7), .. })), Some(110));
    assert_eq!(first(&|event| matches!(event, Event::Freed(address) if *address == b)), Some(125));
}

#[test]
fn quarantine_ends_by_itself() {
    let mut rng = rng(1);
    let mut pool = pool_with_sid(&mut rng, 16, ONE_ALIAS, FIXED);
    let hold = pool.policy().longest_hold();
    assert_eq!(hold, Duration::from_millis(45));
    pool.set_quarantine(HOME, Some(at(0) + hold));
    let refused = Err(Refusal::Quarantine { family: Family::V6, retry_after: ms(35) });
    assert_eq!(pool.acquire(at(10), &mut rng, 1, Sid(1), (1, 1), v6(1)), refused);
    assert!(pool.acquire(at(45), &mut rng, 1, Sid(1), (1, 1), v6(1)).is_ok());
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
    pool.set_quarantine(PoolId(0), Some(at(30)));
    pool.set_quarantine(PoolId(9), Some(at(30)));
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
    pool.set_quarantine(PoolId(1), Some(at(20)));
    assert_eq!(
        pool.acquire(at(5), &mut rng, 2, Sid(1), (1, 1), v4(1)),
        Err(Refusal::Quarantine { family: Family::V4, retry_after: ms(15) })
    );
    assert!(pool.acquire(at(30), &mut rng, 2, Sid(1), (1, 1), v4(2)).is_ok());
}
