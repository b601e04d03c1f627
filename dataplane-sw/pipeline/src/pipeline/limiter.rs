use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One ICMP error every 10 ms: 100 a second.
const INTERVAL_NS: u64 = 10_000_000;
/// So many may follow at once after a pause.
const BURST: u64 = 10;

/// Limits a switch's ICMP errors (RFC 4443 §2.4 (f)): a token bucket as the virtual scheduling algorithm of ITU-T I.371, in
/// one word that all worker threads share.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    /// When the bucket will be full again.
    full_at_ns: AtomicU64,
}

impl Limiter {
    /// Whether one more may be sent now.
    pub(super) fn admit(&self, now_ns: u64) -> bool {
        self.full_at_ns
            .fetch_update(Relaxed, Relaxed, |full_at| {
                let full_at = full_at.max(now_ns);
                (full_at - now_ns <= (BURST - 1) * INTERVAL_NS).then(|| full_at.saturating_add(INTERVAL_NS))
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_a_burst_and_then_a_hundred_a_second() {
        let limiter = Limiter::default();
        let start = 5_000_000_000;
        assert_eq!((0..1000).filter(|_| limiter.admit(start)).count(), 10);
        let ten_seconds = (1..=100_000).filter(|n| limiter.admit(start + n * 100_000)).count();
        assert_eq!(ten_seconds, 1000);
    }
}
