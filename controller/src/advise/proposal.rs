use std::time::Duration;

use super::Histogram;

/// The share of late packets that t_remove is to deliver.
pub const SHARE: f64 = 0.999;
/// Fewer leases say too little: of what was never seen in so many, at most 0.3 % of the leases have it (the rule of three,
/// with 95 % confidence).
pub const SAMPLES_NEEDED: u64 = 1000;
/// Tomorrow's network may be slower than today's, and readings are not exact.
const MARGIN: f64 = 1.5;
/// What a configuration may say.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The timing parameters in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The longest lease.
    pub t_ip_max: Duration,
    /// How much longer packets are delivered.
    pub t_remove: Duration,
    /// How long an alias epoch lasts.
    pub t_sid: Duration,
    /// For how many epochs an alias stays valid.
    pub k: u32,
}

/// What follows from a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// What the times should be; nothing if that is not known.
    pub proposal: Option<Timing>,
    /// Why, for people.
    pub reasons: Vec<String>,
}

/// Proposes t_remove and t_sid.
pub fn advise(seen: &Histogram, current: Timing) -> Advice {
    if current.t_remove.is_zero() {
        let reasons = vec!["timing.t_remove is 0: no late packet is delivered, so none can be counted".into()];
        return Advice { proposal: None, reasons };
    }
    if seen.samples() < SAMPLES_NEEDED {
        let reasons = vec![format!(
            "{} leases were watched to the end of their grace: too few to propose anything, {SAMPLES_NEEDED} are needed",
            seen.samples()
        )];
        return Advice { proposal: None, reasons };
    }
    let mut reasons = vec![format!("based on {} leases and {} late packets", seen.samples(), seen.packets())];
    let t_remove = removal(seen, current.t_remove, &mut reasons);
    let t_sid = epoch(current, t_remove, &mut reasons);
    if seen.missed() > 0 {
        reasons.push(format!(
            "{} packets came to client-facing switches for addresses that were gone: later than t_remove, or nobody's",
            seen.missed()
        ));
    }
    Advice { proposal: Some(Timing { t_remove, t_sid, ..current }), reasons }
}

fn removal(seen: &Histogram, current: Duration, reasons: &mut Vec<String>) -> Duration {
    let total = seen.packets();
    let wanted = (total as f64 * SHARE).ceil() as u64;
    let mut so_far = 0;
    let buckets: Vec<_> = seen.buckets().collect();
    for (n, (until, packets)) in buckets.iter().enumerate() {
        so_far += packets;
        if so_far < wanted {
            continue;
        }
        if total == 0 {
            reasons.push(format!("no packet was late: the shortest interval watched, {until:?}, is enough"));
        } else if n + 1 == buckets.len() {
            break;
        } else {
            reasons
                .push(format!("{:.2} % of them were late by at most {until:?}", so_far as f64 / total as f64 * 100.0));
        }
        reasons.push(format!("t_remove is {MARGIN} times that"));
        return round_up(until.mul_f64(MARGIN)).min(LONGEST);
    }
    reasons.push(format!(
        "{} of them came in the last interval before t_remove = {current:?}: more may have come later and been lost, so \
         t_remove is doubled; look again with that",
        buckets.last().map_or(0, |(_, packets)| *packets),
    ));
    (current * 2).min(LONGEST)
}

/// The shortest epoch with k × t_sid ≥ t_ip.max + t_remove: shorter ones change the aliases more often, but were an alias
/// to end before the last packet for its last address, that packet would be lost.
fn epoch(current: Timing, t_remove: Duration, reasons: &mut Vec<String>) -> Duration {
    let needed = current.t_ip_max.saturating_add(t_remove);
    let t_sid = round_up(needed / current.k.max(1));
    let k = current.k;
    reasons.push(format!("k × t_sid = {k} × {t_sid:?} covers t_ip.max + t_remove = {needed:?}"));
    if t_sid < current.t_sid {
        reasons.push("the shorter t_sid is, the sooner an observer's knowledge of aliases is worth nothing".into());
    }
    t_sid
}

/// To tenths of a second below ten seconds, to seconds above.
fn round_up(duration: Duration) -> Duration {
    let unit = if duration < Duration::from_secs(10) { 100 } else { 1000 };
    let millis = duration.as_nanos().div_ceil(1_000_000).div_ceil(unit) * unit;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CURRENT: Timing = Timing {
        t_ip_max: Duration::from_secs(120),
        t_remove: Duration::from_secs(32),
        t_sid: Duration::from_secs(300),
        k: 3,
    };

    /// So many leases, each with so many packets in each interval.
    fn seen(leases: &[(u64, [u64; 7])]) -> Histogram {
        seen_with(CURRENT.t_remove, leases)
    }

    fn seen_with(grace: Duration, leases: &[(u64, [u64; 7])]) -> Histogram {
        let mut histogram = Histogram::new(grace);
        for (number, packets) in leases {
            let mut counter = 1000;
            let readings: Vec<_> = histogram
                .readings()
                .into_iter()
                .zip(packets)
                .map(|(at, packets)| {
                    counter += packets;
                    (at, counter)
                })
                .collect();
            (0..*number).for_each(|_| histogram.record(1000, &readings));
        }
        histogram
    }

    #[test]
    fn too_few_samples_give_no_proposal() {
        let advice = advise(&seen(&[(999, [1, 0, 0, 0, 0, 0, 0])]), CURRENT);
        assert_eq!(advice.proposal, None);
        assert!(advice.reasons[0].starts_with("999 leases"), "{advice:?}");
        let none = Timing { t_remove: Duration::ZERO, ..CURRENT };
        assert_eq!(advise(&Histogram::new(Duration::ZERO), none).proposal, None);
    }

    #[test]
    fn nearly_all_are_covered_with_a_margin() {
        // 0.5 s, 1 s, 2 s, 4 s, …: of 10,000 packets all but 10 within 2 s, which is the share; then all but 11.
        let enough = advise(
            &seen(&[(990, [10, 0, 0, 0, 0, 0, 0]), (9, [0, 0, 10, 0, 0, 0, 0]), (1, [0, 0, 0, 10, 0, 0, 0])]),
            CURRENT,
        );
        let proposal = enough.proposal.unwrap();
        assert_eq!(proposal.t_remove, Duration::from_secs(3));
        assert_eq!(proposal.t_sid, Duration::from_secs(41));
        let less = advise(
            &seen(&[(990, [10, 0, 0, 0, 0, 0, 0]), (9, [0, 0, 10, 0, 0, 0, 0]), (1, [0, 0, 0, 11, 0, 0, 0])]),
            CURRENT,
        );
        assert_eq!(less.proposal.unwrap().t_remove, Duration::from_secs(6));
    }

    #[test]
    fn without_late_packets_the_shortest_interval_is_enough() {
        let advice = advise(&seen(&[(1000, [0; 7])]), CURRENT);
        assert_eq!(advice.proposal.unwrap().t_remove, Duration::from_millis(800));
    }

    #[test]
    fn packets_at_the_very_end_ask_for_more() {
        let advice = advise(&seen(&[(1000, [5, 0, 0, 0, 0, 0, 1])]), CURRENT);
        assert_eq!(advice.proposal.unwrap().t_remove, Duration::from_secs(64));
        assert!(advice.reasons.iter().any(|reason| reason.starts_with("1000 of them came in the last")), "{advice:?}");
    }

    #[test]
    fn a_counter_that_went_back_counts_nothing() {
        let mut histogram = Histogram::new(CURRENT.t_remove);
        let readings: Vec<_> = histogram.readings().into_iter().zip([0, 0, 0, 2, 2, 2, 2]).collect();
        histogram.record(7, &readings);
        assert_eq!(histogram.packets(), 2);
    }

    #[test]
    fn a_late_reading_counts_for_a_later_interval() {
        let mut histogram = Histogram::new(CURRENT.t_remove);
        let ms = Duration::from_millis;
        // Ends are at 0.5 s, 1 s, 2 s, …, 30 s.
        histogram.record(0, &[(ms(600), 1), (ms(1300), 3), (ms(31_900), 7)]);
        assert_eq!(histogram.buckets().map(|(_, packets)| packets).collect::<Vec<_>>(), [1, 0, 2, 0, 0, 0, 4]);
    }

    proptest! {
        #[test]
        fn a_proposal_covers_what_it_says(
            leases in prop::collection::vec((0u64..400, prop::array::uniform7(0u64..50)), 0..6),
            t_remove in 1u64..100_000_000, t_ip in 0u64..3_000_000_000, k in 0u32..1001,
        ) {
            let current = Timing { t_remove: Duration::from_millis(t_remove), t_ip_max: Duration::from_millis(t_ip), k, ..CURRENT };
            let histogram = seen_with(current.t_remove, &leases);
            let Some(proposal) = advise(&histogram, current).proposal else {
                prop_assert!(histogram.samples() < SAMPLES_NEEDED);
                return Ok(());
            };
            let covered: u64 = histogram.buckets().filter(|(until, _)| *until <= proposal.t_remove).map(|(_, n)| n).sum();
            prop_assert!(covered as f64 >= histogram.packets() as f64 * SHARE || proposal.t_remove == LONGEST);
            prop_assert!(proposal.t_sid * k.max(1) >= current.t_ip_max + proposal.t_remove);
        }
    }
}
