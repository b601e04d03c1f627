//! What must hold for any connection.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::Span;
use super::*;

const MS: Duration = Duration::from_millis(1);

fn span(ms: u64) -> Span {
    Span::from_ms(ms).unwrap()
}

/// A connection under a scheduler: time goes on by steps, and each hop that is due is made, or refused.
struct World {
    start: Instant,
    now: Instant,
    packets: u64,
    scheduler: Scheduler<StdRng>,
    /// When, and after how many packets.
    hops: Vec<(Instant, u64)>,
    /// The application's data since the last hop.
    data: u64,
    refuse: u32,
}

impl World {
    fn new(policy: Policy, seed: u64) -> Self {
        let start = Instant::now();
        let scheduler = Scheduler::new(policy, StdRng::seed_from_u64(seed), start);
        Self { start, now: start, packets: 0, scheduler, hops: Vec::new(), data: 0, refuse: 0 }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Packets(count) => self.packets += count,
            Event::Sent | Event::Received => self.data += 1,
            _ => {}
        }
        self.scheduler.event(self.now, event);
        self.hop_if_due();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.scheduler.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.hop_if_due();
        }
        self.now = end;
    }

    fn hop_if_due(&mut self) {
        while self.scheduler.next().is_some_and(|at| at <= self.now) {
            if self.refuse > 0 {
                self.refuse -= 1;
                self.scheduler.event(self.now, Event::Refused(2 * MS));
            } else {
                assert!(self.data > 0, "a hop without cause");
                self.data = 0;
                self.hops.push((self.now, self.packets));
                self.scheduler.event(self.now, Event::Hopped);
            }
        }
    }

    /// Packets with data, one after the other and far enough apart for each hop to happen before the next.
    fn slow_packets(&mut self, count: u64) {
        for _ in 0..count {
            self.event(Event::Packets(1));
            self.event(Event::Sent);
            self.wait(10 * MS);
        }
    }

    fn packets_between_hops(&self) -> Vec<u64> {
        let counts: Vec<u64> = std::iter::once(0).chain(self.hops.iter().map(|(_, packets)| *packets)).collect();
        counts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn time_between_hops(&self) -> Vec<Duration> {
        let times: Vec<_> = std::iter::once(self.start).chain(self.hops.iter().map(|(at, _)| *at)).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Never),
        Just(Policy::PerConnection),
        (1..50u64).prop_map(Policy::EveryPackets),
        (1..50u64, 0..50u64).prop_map(|(min, more)| Policy::RandomPackets { min, max: min + more }),
        (1..50u64, 0..50u64).prop_map(|(min, more)| Policy::RandomTime { min: span(min), max: span(min + more) }),
        (1..50u64, 0..50u64).prop_map(|(min, more)| Policy::Stripes {
            connections: 4,
            min: span(min),
            max: span(min + more)
        }),
        (1..50u64).prop_map(Policy::OnceAfterPackets),
        (1..50u64).prop_map(|gap| Policy::BetweenBursts { gap: span(gap) }),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Event(Event),
    Wait(u64),
    RefuseNext(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..20u64).prop_map(|count| Step::Event(Event::Packets(count))),
        2 => Just(Step::Event(Event::Sent)),
        2 => Just(Step::Event(Event::Received)),
        4 => (0..30u64).prop_map(Step::Wait),
        1 => (1..4u32).prop_map(Step::RefuseNext),
    ];
    proptest::collection::vec(step, 0..300)
}

proptest! {
    /// Also: no hop without cause, which the world asserts.
    #[test]
    fn never_more_hops_than_the_policy_allows(policy in policies(), steps in steps(), seed in any::<u64>()) {
        let mut world = World::new(policy, seed);
        let (mut silences, mut silent) = (0, Duration::ZERO);
        for step in steps {
            match step {
                Step::Event(event) => {
                    if event == Event::Sent || event == Event::Received {
                        silent = Duration::ZERO;
                    }
                    world.event(event);
                }
                Step::Wait(ms) => {
                    if let Policy::BetweenBursts { gap } = policy {
                        let before = silent;
                        silent += Duration::from_millis(ms);
                        silences += u64::from(before < gap.duration() && silent >= gap.duration());
                    }
                    world.wait(Duration::from_millis(ms));
                }
                Step::RefuseNext(count) => world.refuse = count,
            }
        }
        let elapsed = (world.now - world.start).as_millis() as u64;
        let allowed = match policy {
            Policy::Never | Policy::PerConnection => 0,
            Policy::EveryPackets(n) => world.packets / n,
            Policy::RandomPackets { min, .. } => world.packets / min,
            Policy::RandomTime { min, .. } | Policy::Stripes { min, .. } => elapsed / min.duration().as_millis() as u64,
            Policy::OnceAfterPackets(n) => u64::from(world.packets >= n),
            Policy::BetweenBursts { .. } => silences,
        };
        prop_assert!(world.hops.len() as u64 <= allowed, "{} of {allowed}", world.hops.len());
    }

    /// Whatever happens, a hop that is due and not refused waits no longer than PATIENCE.
    #[test]
    fn no_hop_is_put_off_for_ever(n in 1..10u64, sends in proptest::collection::vec(any::<bool>(), 20..60)) {
        let mut world = World::new(Policy::OnceAfterPackets(n), 0);
        world.event(Event::Packets(n));
        for sent in sends {
            world.event(if sent { Event::Sent } else { Event::Received });
            world.wait(MS);
        }
        prop_assert!(world.hops.len() == 1 && world.hops[0].0 - world.start <= PATIENCE);
    }

    #[test]
    fn packets_between_random_hops_are_in_the_range(min in 1..30u64, more in 0..30u64, seed in any::<u64>()) {
        let mut world = World::new(Policy::RandomPackets { min, max: min + more }, seed);
        world.slow_packets(1000);
        prop_assert!(world.hops.len() as u64 >= 1000 / (min + more));
        prop_assert!(world.packets_between_hops().iter().all(|count| (min..=min + more).contains(count)));
    }

    #[test]
    fn time_between_random_hops_is_in_the_range(min in 1..100u64, more in 0..100u64, seed in any::<u64>()) {
        let mut world = World::new(Policy::RandomTime { min: span(min), max: span(min + more) }, seed);
        for _ in 0..2000 {
            world.event(Event::Sent);
            world.wait(MS);
        }
        let (min, max) = (min as u32 * MS, (min + more) as u32 * MS);
        prop_assert!(world.hops.len() >= 8);
        for time in world.time_between_hops() {
            prop_assert!(time >= min && time <= max + PATIENCE, "{time:?}");
        }
    }

    /// Refusals delay a hop, but those after it come at the packets they would have come at: multiples of n.
    #[test]
    fn refusals_make_no_drift(n in 5..20u64, refused in proptest::collection::vec(0..3u32, 50)) {
        let mut world = World::new(Policy::EveryPackets(n), 0);
        for (period, refused) in refused.iter().enumerate() {
            world.refuse = *refused;
            world.slow_packets(n);
            prop_assert_eq!(world.hops.len(), period + 1, "one hop in each period");
            prop_assert_eq!(world.refuse, 0);
        }
        prop_assert!(world.packets_between_hops().iter().all(|count| *count == n));
    }
}

/// Pearson's statistic of counts that should all be the same.
fn chi_squared(counts: &[u64]) -> f64 {
    let mean = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - mean).powi(2) / mean).sum()
}

/// With 40 degrees of freedom, one honest draw in a thousand exceeds it.
const CHI_SQUARED_40: f64 = 73.4;

#[test]
fn random_packets_really_spread() {
    let mut world = World::new(Policy::RandomPackets { min: 20, max: 60 }, 7);
    world.slow_packets(400_000);
    let mut counts = [0; 41];
    for packets in world.packets_between_hops() {
        counts[packets as usize - 20] += 1;
    }
    assert!(world.hops.len() > 9000 && chi_squared(&counts) < CHI_SQUARED_40, "{counts:?}");
    let repeats = world.packets_between_hops().windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(repeats * 41 < world.hops.len() * 2, "one interval does not give the next away: {repeats}");
}

#[test]
fn random_times_really_spread() {
    let mut scheduler =
        Scheduler::new(Policy::RandomTime { min: span(100), max: span(510) }, StdRng::seed_from_u64(8), Instant::now());
    let (mut now, mut counts) = (Instant::now(), [0; 41]);
    for _ in 0..10_000 {
        scheduler.event(now, Event::Hopped);
        scheduler.event(now, Event::Sent);
        let at = scheduler.next().unwrap();
        counts[((at - now).as_millis() as usize - 100) / 10] += 1;
        now = at;
    }
    assert!(chi_squared(&counts) < CHI_SQUARED_40, "{counts:?}");
}

#[test]
fn a_hop_comes_early_after_a_request_or_when_idle() {
    let mut world = World::new(Policy::EveryPackets(4), 0);
    world.event(Event::Sent);
    world.event(Event::Packets(4));
    assert_eq!(world.scheduler.next(), Some(world.now + EARLY), "so that the validation overlaps the reply");
    world.wait(MS);
    world.event(Event::Received);
    assert_eq!(world.scheduler.next(), Some(world.start + PATIENCE), "another request may follow");
    world.event(Event::Sent);
    assert_eq!(world.scheduler.next(), Some(world.now + EARLY));
    world.wait(EARLY);
    assert_eq!(world.hops.len(), 1);
    world.event(Event::Packets(40));
    assert_eq!(world.scheduler.next(), None, "its own packets are no cause");
}

#[test]
fn bursts_are_not_cut() {
    let mut world = World::new(Policy::BetweenBursts { gap: span(50) }, 0);
    for _ in 0..100 {
        world.event(Event::Received);
        world.wait(49 * MS);
    }
    assert!(world.hops.is_empty());
    world.wait(1000 * MS);
    assert_eq!(world.hops.len(), 1, "one silence, one hop");
}

#[test]
fn what_can_never_hop_is_not_tried_again() {
    let mut world = World::new(Policy::EveryPackets(1), 0);
    world.event(Event::Sent);
    world.scheduler.event(world.now, Event::Hopeless);
    world.event(Event::Packets(100));
    assert_eq!(world.scheduler.next(), None);
}
