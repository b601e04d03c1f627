//! Whatever happens.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Take(u64, u64),
    Return(u64, u32),
    Gone(u64),
    Grant(u32, u64),
    Revoke(u32),
    Fail,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let app = 0..4u64;
    prop_oneof![
        (app.clone(), 0..3000u64).prop_map(|(app, wait)| Step::Take(app, wait)),
        (app.clone(), 0..200u32).prop_map(|(app, number)| Step::Return(app, number)),
        app.prop_map(Step::Gone),
        (0..6u32, 1000..20_000u64).prop_map(|(count, lifetime)| Step::Grant(count, lifetime)),
        (0..200u32).prop_map(Step::Revoke),
        Just(Step::Fail),
        (0..5000u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn an_address_has_one_taker_and_none_after_its_end(steps in proptest::collection::vec(step(), 1..120)) {
        let mut now = Instant::now();
        let mut stock = Stock::new(Marks { low: 2, high: 5 });
        let mut ends: HashMap<IpAddr, Instant> = HashMap::new();
        let (mut taken, mut local, mut granted) = (HashSet::new(), HashSet::new(), 0);
        let mut answers_due = 0usize;
        for step in steps {
            let mut out = Vec::new();
            match step {
                Step::Take(app, wait) => {
                    answers_due += 1;
                    stock.take(now, AppId(app), wait as u32 * MS, &mut out);
                }
                Step::Return(app, number) => stock.give_back(now, AppId(app), address(number), &mut out),
                Step::Gone(app) => {
                    answers_due -= stock.waiters.iter().filter(|waiter| waiter.app == AppId(app)).count();
                    stock.gone(now, AppId(app), &mut out);
                }
                Step::Grant(count, lifetime) => {
                    let lifetime = lifetime as u32 * MS;
                    let grant = grant(granted..granted + count, lifetime);
                    granted += count;
                    ends.extend(grant.addresses.iter().map(|address| (*address, now + lifetime)));
                    stock.granted(now, &grant, &mut out);
                }
                Step::Revoke(number) => {
                    ends.entry(address(number)).and_modify(|end| *end = now.min(*end));
                    stock.revoked(now, &[address(number)], &mut out);
                }
                Step::Fail => stock.acquire_failed(now, 5, 500 * MS, true),
                Step::Wait(ms) => {
                    now += ms as u32 * MS;
                    stock.poll(now, &mut out);
                }
            }
            for command in &out {
                match command {
                    Command::Give { address, lifetime, .. } => {
                        answers_due -= 1;
                        prop_assert!(taken.insert(*address), "{address} given twice");
                        prop_assert!(local.contains(address));
                        prop_assert!(!lifetime.is_zero() && now + *lifetime <= ends[address], "{address} outlives its lease");
                    }
                    Command::Refuse { message, .. } if message.starts_with("stock") => answers_due -= 1,
                    // Or it is local for longer.
                    Command::Install(address, limit) => prop_assert!(local.insert(*address) || *limit == OVERTIME),
                    Command::Remove(address) => prop_assert!(local.remove(address)),
                    _ => {}
                }
            }
            prop_assert_eq!(answers_due, stock.waiters.len());
            prop_assert_eq!(stock.entries.len(), local.len());
            prop_assert!(stock.next_wake().is_none_or(|wake| wake > now), "nothing due is left");
        }
        let mut out = Vec::new();
        for app in 0..4 {
            stock.gone(now, AppId(app), &mut out);
        }
        stock.shut_down(now, &mut out);
        prop_assert!(stock.entries.is_empty() && stock.next_wake().is_none());
    }
}
