use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// What is green at a meter: so many packets a second, and after a pause so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterRate {
    /// The rate.
    pub packets_per_second: NonZeroU64,
    /// The burst.
    pub burst: NonZeroU32,
}

/// The meter of a switch's ICMP errors (RFC 4443 §2.4 (f)): a token bucket as the virtual scheduling algorithm of ITU-T I.371, in
/// one word that all worker threads share. Until it is configured every error is green.
#[derive(Debug, Default)]
pub struct IcmpErrorMeter {
    /// Between two packets at the rate; 0 without one.
    interval_ns: AtomicU64,
    /// How far the bucket may be from full and still have a token.
    tolerance_ns: AtomicU64,
    /// When the bucket will be full again.
    full_at_ns: AtomicU64,
}

impl IcmpErrorMeter {
    /// Sets the rate, or with `None` the default: all packets are green. The bucket is full then. Packets that ask meanwhile may
    /// meet the former rate or the new one. Time is in whole nanoseconds here: above 10⁹ packets a second all are green.
    pub fn configure(&self, rate: Option<MeterRate>) {
        let interval = rate.map_or(0, |rate| 1_000_000_000 / rate.packets_per_second);
        let tolerance = rate.map_or(0, |rate| interval.saturating_mul(u64::from(rate.burst.get() - 1)));
        self.interval_ns.store(interval, Relaxed);
        self.tolerance_ns.store(tolerance, Relaxed);
        self.full_at_ns.store(0, Relaxed);
    }

    /// Whether one more packet is green now. It takes a token then.
    pub(super) fn is_green(&self, now_ns: u64) -> bool {
        let (interval, tolerance) = (self.interval_ns.load(Relaxed), self.tolerance_ns.load(Relaxed));
        interval == 0
            || self
                .full_at_ns
                .fetch_update(Relaxed, Relaxed, |full_at| {
                    let full_at = full_at.max(now_ns);
                    (full_at - now_ns <= tolerance).then(|| full_at.saturating_add(interval))
                })
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(packets_per_second: u64, burst: u32) -> Option<MeterRate> {
        Some(MeterRate { packets_per_second: packets_per_second.try_into().unwrap(), burst: burst.try_into().unwrap() })
    }

    #[test]
    fn is_green_for_a_burst_and_then_at_the_rate() {
        for (packets_per_second, burst) in [(100, 10), (1, 1), (1000, 1), (20, 300)] {
            let meter = IcmpErrorMeter::default();
            meter.configure(rate(packets_per_second, burst));
            let start = 5_000_000_000;
            assert_eq!((0..1000).filter(|_| meter.is_green(start)).count(), burst as usize);
            let ten_seconds = (1..=100_000).filter(|n| meter.is_green(start + n * 100_000)).count();
            assert_eq!(ten_seconds as u64, 10 * packets_per_second);
        }
    }

    #[test]
    fn is_always_green_without_a_rate_and_full_after_a_change() {
        let meter = IcmpErrorMeter::default();
        let green = |count: usize| (0..count).filter(|_| meter.is_green(7)).count();
        assert_eq!(green(1000), 1000);
        meter.configure(rate(1, 3));
        assert_eq!(green(1000), 3);
        meter.configure(rate(2, 5));
        assert_eq!(green(1000), 5);
        meter.configure(None);
        assert_eq!(green(1000), 1000);
    }

    #[test]
    fn takes_any_rate() {
        let meter = IcmpErrorMeter::default();
        for (packets_per_second, burst) in [(u64::MAX, u32::MAX), (1, u32::MAX), (u64::MAX, 1)] {
            meter.configure(rate(packets_per_second, burst));
            assert!([0, 1, u64::MAX].into_iter().all(|now| meter.is_green(now)));
        }
    }
}
