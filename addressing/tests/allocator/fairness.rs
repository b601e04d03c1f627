//! fairness: clients that hold many get no more before those that hold none. The model checks each answer; here is how
//! it feels to the clients.

use mimiq_addressing::*;
use proptest::prelude::*;

use crate::common::*;

const FIXED: LeasePolicy =
    LeasePolicy { lifetime_min: ms(20), lifetime_max: ms(20), grace: ms(10), cool_down: ms(15), quota: 100 };

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn ask(pool: &mut Pool, now: u64, client: Client, sid: u16, demand: Demand) -> Result<AddressSet, Refusal> {
    pool.acquire(at(now), &mut rng(now), client, Sid(sid), (1, 1), demand)
}

/// Runs the pools' clock to a time, with every order carried out at once.
fn run_to(pool: &mut Pool, now: u64) {
    while let Some(deadline) = pool.next_deadline().filter(|deadline| *deadline <= at(now)) {
        advance_obediently(pool, deadline);
    }
}

#[test]
fn who_has_none_comes_first() {
    // Six addresses.
    let mut pool = with_sid(&mut rng(1), Pools::new(vec![naive("192.0.2.0/29")], EPOCHS, FIXED).unwrap());
    ask(&mut pool, 0, 1, 1, v4(4)).unwrap();
    ask(&mut pool, 1, 2, 1, v4(2)).unwrap();
    let exhausted =
        |count, retry| Err(Refusal::Exhausted { family: Family::V4, count, free: 0, retry_after: Some(ms(retry)) });
    assert_eq!(ask(&mut pool, 5, 3, 1, v4(3)), exhausted(3, 40));
    assert_eq!(ask(&mut pool, 6, 4, 1, v4(2)), exhausted(2, 39));
    // A holder may renew, but gets no more: at 45 the first four are free again, and five are waited for.
    let mine: Vec<_> = pool.leases_of(2).map(|lease| lease.address).collect();
    for now in [15, 30] {
        run_to(&mut pool, now);
        pool.renew(at(now), &mut rng(1), 2, &mine).unwrap();
    }
    run_to(&mut pool, 45);
    assert_eq!(pool.free_for(Sid(1), Family::V4), 4);
    let unfair = Refusal::Fairness { family: Family::V4, count: 1, held: 2, waiting: 2, retry_after: ms(5_000) };
    assert_eq!(ask(&mut pool, 45, 2, 1, v4(1)), Err(unfair));
    // First come, first served among those without: also someone new, and someone whose addresses are gone.
    assert!(ask(&mut pool, 46, 5, 1, v4(1)).is_ok());
    assert!(ask(&mut pool, 46, 1, 1, v4(1)).is_ok());
    assert!(ask(&mut pool, 46, 4, 1, v4(2)).is_ok());
    run_to(&mut pool, 75);
    // One of two has been served. The other wants three, and two are free: both are for it.
    assert_eq!(pool.free_for(Sid(1), Family::V4), 2);
    assert!(matches!(ask(&mut pool, 75, 5, 1, v4(1)), Err(Refusal::Fairness { waiting: 1, .. })));
    run_to(&mut pool, 91);
    assert_eq!(pool.free_for(Sid(1), Family::V4), 6);
    // What the one that waits does not want is for anyone.
    ask(&mut pool, 91, 6, 1, v4(1)).unwrap();
    ask(&mut pool, 91, 6, 1, v4(2)).unwrap();
    assert!(matches!(ask(&mut pool, 91, 6, 1, v4(1)), Err(Refusal::Fairness { .. })));
    // It does not come back.
    assert!(matches!(ask(&mut pool, 5_044, 6, 1, v4(1)), Err(Refusal::Fairness { .. })));
    assert!(ask(&mut pool, 5_045, 6, 1, v4(1)).is_ok());
}

#[test]
fn what_can_never_be_does_not_hold_others_back() {
    let mut pool = with_sid(&mut rng(1), Pools::new(vec![naive("192.0.2.0/30")], EPOCHS, FIXED).unwrap());
    ask(&mut pool, 0, 1, 1, v4(1)).unwrap();
    assert_eq!(
        ask(&mut pool, 0, 2, 1, v4(3)),
        Err(Refusal::Exhausted { family: Family::V4, count: 3, free: 1, retry_after: None })
    );
    assert!(ask(&mut pool, 0, 1, 1, v4(1)).is_ok());
}

#[test]
fn families_and_sids_that_share_nothing_do_not_wait_for_each_other() {
    let mut rng = rng(1);
    // Four IPv6 addresses a SID, two IPv4 addresses for all.
    let epochs = EpochPolicy { aliases_per_sid: 1, ..EPOCHS };
    let codecs = vec![alias(1, 30), naive("192.0.2.0/30")];
    let mut pool = with_sid(&mut rng, Pools::new(codecs, epochs, FIXED).unwrap());
    let new = pool.add_sid(at(0), &mut rng, Sid(2)).unwrap();
    pool.confirm(at(0), new.epoch);
    ask(&mut pool, 0, 1, 1, Demand { v6: 4, v4: 1 }).unwrap();
    assert!(matches!(ask(&mut pool, 0, 2, 1, v6(1)), Err(Refusal::Exhausted { .. })));
    // Behind another SID, and another family.
    ask(&mut pool, 0, 3, 2, v6(1)).unwrap();
    ask(&mut pool, 0, 3, 2, v6(1)).unwrap();
    ask(&mut pool, 0, 1, 1, v4(1)).unwrap();
    // IPv4 is scarce behind both.
    let both = Demand { v6: 1, v4: 2 };
    assert!(matches!(ask(&mut pool, 0, 4, 2, both), Err(Refusal::Exhausted { family: Family::V4, .. })));
    run_to(&mut pool, 30);
    ask(&mut pool, 30, 3, 2, v6(1)).unwrap();
    run_to(&mut pool, 45);
    assert!(ask(&mut pool, 45, 3, 2, v6(1)).is_ok());
    assert!(matches!(ask(&mut pool, 45, 3, 2, both), Err(Refusal::Fairness { family: Family::V4, .. })));
    assert!(ask(&mut pool, 45, 4, 2, both).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Greedy clients keep one address each and ask for more all the time; modest ones ask for two now and then, and again
    /// when they were told to. Every modest one is served within the time in which all addresses come back twice, however
    /// many and however fast the others are.
    #[test]
    fn greed_starves_nobody(
        seed: u64,
        bits in 27u8..=28,
        greedy in prop::collection::vec((1u32..6, 1u64..8), 1..6),
        modest in 1usize..4,
    ) {
        let mut rng = rng(seed);
        let prefix = format!("192.0.2.0/{bits}");
        let mut pool = with_sid(&mut rng, Pools::new(vec![naive(&prefix)], EPOCHS, FIXED).unwrap());
        // When each may ask next, and since when it waits.
        let mut next = vec![0; modest];
        let mut since: Vec<Option<u64>> = vec![None; modest];
        for now in 0..1_000 {
            run_to(&mut pool, now);
            for (client, (count, pause)) in (100..).zip(&greedy) {
                let kept = pool.leases_of(client).map(|lease| lease.address).last();
                if let Some(kept) = kept.filter(|_| now % 10 == 0) {
                    prop_assert!(pool.renew(at(now), &mut rng, client, &[kept]).is_ok());
                }
                if now % pause == 0 {
                    let _ = pool.acquire(at(now), &mut rng, client, Sid(1), (1, 1), v4(*count));
                }
            }
            for client in 0..modest {
                if now < next[client] || pool.held(client as u8) > 0 {
                    continue;
                }
                match pool.acquire(at(now), &mut rng, client as u8, Sid(1), (1, 1), v4(2)) {
                    Ok(_) => (since[client], next[client]) = (None, now + 150 + 10 * client as u64),
                    Err(Refusal::Exhausted { retry_after: Some(retry), .. }) => {
                        next[client] = now + retry.as_millis() as u64;
                        let since = *since[client].get_or_insert(now);
                        prop_assert!(now - since <= 2 * 45, "{client} waits since {since}");
                    }
                    Err(refusal) => prop_assert!(false, "{refusal}"),
                }
            }
        }
    }
}
