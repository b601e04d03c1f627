use std::collections::HashSet;

use super::*;

mod property;

const MS: Duration = Duration::from_millis(1);

fn address(number: u32) -> IpAddr {
    std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number)).into()
}

fn grant(addresses: impl IntoIterator<Item = u32>, lifetime: Duration) -> Grant {
    let addresses = addresses.into_iter().map(address).collect();
    Grant { addresses, lifetime, grace: Duration::from_secs(5), mtu: 1460 }
}

fn given(commands: &[Command]) -> Vec<(AppId, IpAddr)> {
    let give = |command: &Command| match command {
        Command::Give { app, address, .. } => Some((*app, *address)),
        _ => None,
    };
    commands.iter().filter_map(give).collect()
}

#[test]
fn below_low_it_fills_up_to_high() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 2, high: 4 });
    let mut out = Vec::new();
    stock.connected(now, &mut out);
    assert_eq!(out, [Command::Acquire(4)]);
    out.clear();
    stock.poll(now, &mut out);
    assert_eq!(out, [], "one acquire at a time");
    stock.granted(now, &grant(0..4, Duration::from_secs(60)), &mut out);
    for app in 0..2 {
        stock.take(now, AppId(app), Duration::ZERO, &mut out);
    }
    assert_eq!(given(&out).len(), 2);
    assert!(!out.contains(&Command::Acquire(2)));
    stock.take(now, AppId(3), Duration::ZERO, &mut out);
    assert!(out.contains(&Command::Acquire(3)), "{out:?}");
}

#[test]
fn a_take_waits_and_is_served_or_refused() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 1, high: 1 });
    let mut out = Vec::new();
    stock.take(now, AppId(1), 100 * MS, &mut out);
    stock.take(now, AppId(2), 200 * MS, &mut out);
    assert!(given(&out).is_empty());
    stock.poll(now + 100 * MS, &mut out);
    assert!(matches!(out.last(), Some(Command::Refuse { app: AppId(1), .. })), "{out:?}");
    stock.granted(now + 101 * MS, &grant([7], Duration::from_secs(60)), &mut out);
    assert_eq!(given(&out), [(AppId(2), address(7))]);
}

#[test]
fn what_comes_back_is_released_and_only_its_holder_may_return_it() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 1, high: 1 });
    let mut out = Vec::new();
    stock.granted(now, &grant([1], Duration::from_secs(60)), &mut out);
    stock.take(now, AppId(1), Duration::ZERO, &mut out);
    out.clear();
    stock.give_back(now, AppId(2), address(1), &mut out);
    assert!(matches!(&out[..], [Command::Refuse { app: AppId(2), .. }]), "{out:?}");
    out.clear();
    stock.give_back(now, AppId(1), address(1), &mut out);
    assert!(out.contains(&Command::Release(vec![address(1)])) && out.contains(&Command::Remove(address(1))));
    assert_eq!(stock.free(), 0);
}

#[test]
fn holders_are_told_before_the_end_and_keep_the_address_until_they_give_it_back() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 1, high: 1 });
    let mut out = Vec::new();
    stock.granted(now, &grant([1], Duration::from_secs(60)), &mut out);
    assert_eq!(out[..2], [Command::Record, Command::Install(address(1), Duration::from_secs(65))]);
    stock.take(now, AppId(1), Duration::ZERO, &mut out);
    out.clear();
    stock.poll(now + Duration::from_secs(58), &mut out);
    assert_eq!(out, [Command::Install(address(1), OVERTIME), Command::Expire(AppId(1), address(1))]);
    out.clear();
    stock.poll(now + Duration::from_secs(3600), &mut out);
    assert_eq!(out, [], "it may have nowhere to go");
    stock.give_back(now + Duration::from_secs(3600), AppId(1), address(1), &mut out);
    assert_eq!(out[..2], [Command::Remove(address(1)), Command::Returned(AppId(1))]);
}

/// What a daemon knows when it starts after one that was killed.
fn successor(now: Instant, numbers: impl IntoIterator<Item = u32>) -> Stock {
    let mut stock = Stock::new(Marks { low: 1, high: 1 });
    for number in numbers {
        let (end, grace_end) = (now + Duration::from_secs(60), now + Duration::from_secs(65));
        stock.adopt(Kept { address: address(number), end, grace_end, mtu: 1460 }, now + Duration::from_secs(10));
    }
    stock
}

#[test]
fn what_is_reclaimed_goes_on_and_what_is_not_is_released() {
    let now = Instant::now();
    let mut stock = successor(now, 1..=3);
    assert_eq!((stock.free(), stock.held(), stock.leases().count()), (0, 0, 3));
    assert_eq!(stock.next_wake(), Some(now + Duration::from_secs(10)));
    assert_eq!(stock.reclaim(now, AppId(1), address(1)), Some((Duration::from_secs(58), 1460)));
    assert_eq!(stock.reclaim(now, AppId(2), address(1)), None, "another's");
    assert_eq!(stock.reclaim(now, AppId(2), address(9)), None, "unknown");
    let mut out = Vec::new();
    stock.take(now, AppId(3), Duration::ZERO, &mut out);
    assert!(given(&out).is_empty(), "somebody may hold them");
    out.clear();
    stock.poll(now + Duration::from_secs(10), &mut out);
    let released = out.iter().find_map(|command| match command {
        Command::Release(addresses) => Some(addresses.iter().copied().collect::<HashSet<_>>()),
        _ => None,
    });
    assert_eq!(released, Some(HashSet::from([address(2), address(3)])));
    assert!(out.contains(&Command::Remove(address(2))) && !out.contains(&Command::Remove(address(1))));
    out.clear();
    stock.gone(now + Duration::from_secs(11), AppId(1), &mut out);
    assert!(out.contains(&Command::Release(vec![address(1)])), "{out:?}");
}

#[test]
fn what_ended_between_two_daemons_is_still_local_for_its_holder() {
    let now = Instant::now();
    let mut stock = successor(now, [1]);
    let later = now + Duration::from_secs(62);
    assert_eq!(stock.reclaim(later, AppId(1), address(1)), Some((Duration::ZERO, 1460)));
    let mut out = Vec::new();
    stock.poll(later, &mut out);
    assert!(out.contains(&Command::Expire(AppId(1), address(1))), "{out:?}");
    assert!(!out.contains(&Command::Remove(address(1))), "{out:?}");
}

#[test]
fn a_daemon_that_stops_leaves_what_is_held() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 1, high: 2 });
    let mut out = Vec::new();
    stock.granted(now, &grant([1, 2], Duration::from_secs(60)), &mut out);
    stock.take(now, AppId(1), Duration::ZERO, &mut out);
    out.clear();
    stock.shut_down(now, &mut out);
    assert_eq!(out, [Command::Remove(address(2)), Command::Release(vec![address(2)]), Command::Record]);
    assert_eq!(stock.leases().map(|kept| kept.address).collect::<Vec<_>>(), [address(1)]);
}

#[test]
fn leases_that_ended_during_suspend_are_not_used_again() {
    let start = Instant::now();
    let clock = crate::clock::Clock::new(start, Duration::from_secs(1000));
    let mut stock = Stock::new(Marks { low: 1, high: 2 });
    let mut out = Vec::new();
    stock.granted(clock.at(start, Duration::from_secs(1000)), &grant([1, 2], Duration::from_secs(60)), &mut out);
    stock.take(start, AppId(1), Duration::ZERO, &mut out);
    out.clear();
    // The monotonic clock saw a second, but an hour went by.
    let resumed = clock.at(start + Duration::from_secs(1), Duration::from_secs(4600));
    stock.take(resumed, AppId(2), Duration::from_secs(5), &mut out);
    assert!(given(&out).is_empty(), "{out:?}");
    assert!(out.contains(&Command::Expire(AppId(1), address(1))), "{out:?}");
    assert!(out.contains(&Command::Remove(address(2))), "{out:?}");
    assert!(!out.iter().any(|command| matches!(command, Command::Release(_))), "they are not ours any more: {out:?}");
    assert!(out.contains(&Command::Acquire(3)), "{out:?}");
}

#[test]
fn a_revoked_address_ends_now() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 1, high: 2 });
    let mut out = Vec::new();
    stock.granted(now, &grant([1, 2], Duration::from_secs(60)), &mut out);
    stock.take(now, AppId(1), Duration::ZERO, &mut out);
    out.clear();
    stock.revoked(now, &[address(1), address(2), address(3)], &mut out);
    assert!(out.contains(&Command::Expire(AppId(1), address(1))));
    assert!(out.contains(&Command::Remove(address(2))));
    assert_eq!(stock.free(), 0);
}

#[test]
fn after_a_quota_it_asks_for_less_and_while_draining_for_nothing() {
    let now = Instant::now();
    let mut stock = Stock::new(Marks { low: 2, high: 8 });
    let mut out = Vec::new();
    stock.connected(now, &mut out);
    stock.acquire_failed(now, 8, 100 * MS, true);
    assert_eq!(stock.next_wake(), Some(now + 100 * MS));
    out.clear();
    stock.poll(now + 99 * MS, &mut out);
    assert_eq!(out, []);
    stock.poll(now + 100 * MS, &mut out);
    assert_eq!(out, [Command::Acquire(4)]);
    stock.acquire_failed(now, 4, 100 * MS, true);
    stock.drain();
    out.clear();
    stock.poll(now + Duration::from_secs(9), &mut out);
    assert_eq!(out, []);
    stock.connected(now, &mut out);
    assert_eq!(out, [Command::Acquire(2)]);
}
