//! Histograms as Prometheus has them: how many were at most each bound.

use mimiq_mix_testbed::Metrics;

/// Empty, until something is added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Upper bounds in seconds, ascending, without the infinite one; and how many were not above.
    buckets: Vec<(f64, f64)>,
    count: f64,
    sum: f64,
}

impl Histogram {
    /// The one of that name, which has no labels of its own.
    pub(crate) fn of(metrics: &Metrics, name: &str) -> Self {
        let prefix = format!("{name}_bucket{{le=\"");
        let bound = |text: &str| text.strip_suffix("\"}")?.parse().ok().filter(|bound: &f64| bound.is_finite());
        let mut buckets: Vec<(f64, f64)> =
            metrics.all(&prefix).filter_map(|(text, count)| Some((bound(text)?, count))).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let value = |what: &str| metrics.value(&format!("{name}_{what}"));
        Self { buckets, count: value("count"), sum: value("sum") }
    }

    /// Adds another with the same bounds, or takes it away: `sign` is 1 or -1.
    fn add(&mut self, other: &Self, sign: f64) {
        if self.buckets.is_empty() {
            self.buckets = other.buckets.iter().map(|(bound, _)| (*bound, 0.0)).collect();
        }
        for ((_, own), (_, others)) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += sign * others;
        }
        self.count += sign * other.count;
        self.sum += sign * other.sum;
    }

    /// What several have together.
    pub(crate) fn total(all: impl IntoIterator<Item = Self>) -> Self {
        let mut total = Self::default();
        all.into_iter().for_each(|one| total.add(&one, 1.0));
        total
    }

    /// What came since an earlier one.
    pub(crate) fn since(mut self, earlier: &Self) -> Self {
        self.add(earlier, -1.0);
        self
    }

    /// How many.
    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// Exact: no bucket is looked at.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// The standard deviation, from the middles of the buckets.
    pub(crate) fn deviation(&self) -> f64 {
        let bars: Vec<_> = self.bars(1).into_iter().map(|(from, to, count)| ((from + to) / 2.0, count)).collect();
        let count: f64 = bars.iter().map(|(_, count)| count).sum();
        let mean = bars.iter().map(|(middle, count)| middle * count).sum::<f64>() / count;
        (bars.iter().map(|(middle, of)| of * (middle - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    }

    /// The upper bound of the bucket in which that share is reached; none if that is the infinite one.
    pub(crate) fn at_most(&self, share: f64) -> Option<f64> {
        self.buckets.iter().find(|(_, below)| *below >= share * self.count).map(|(bound, _)| *bound)
    }

    /// The Kolmogorov–Smirnov distance to a distribution, looked at where the buckets end: the true one is not smaller.
    pub(crate) fn distance(&self, cdf: impl Fn(f64) -> f64) -> f64 {
        self.buckets.iter().map(|(bound, below)| (below / self.count - cdf(*bound)).abs()).fold(0.0, f64::max)
    }

    /// From, to, how many; so many buckets together.
    pub(crate) fn bars(&self, together: usize) -> Vec<(f64, f64, f64)> {
        let mut before = (0.0, 0.0);
        let mut bars = Vec::new();
        for chunk in self.buckets.chunks(together.max(1)) {
            if let Some((to, below)) = chunk.last() {
                bars.push((before.0, *to, below - before.1));
                before = (*to, *below);
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE loop histogram
loop_bucket{le=\"0.5\"} 2
loop_bucket{le=\"1\"} 6
loop_bucket{le=\"1.5\"} 8
loop_bucket{le=\"+Inf\"} 10
loop_sum 9
loop_count 10
";

    fn of(text: &str) -> Histogram {
        Histogram::of(&Metrics::from(text.to_owned()), "loop")
    }

    #[test]
    fn is_read_added_and_taken_away() {
        let one = of(TEXT);
        assert_eq!(one.bars(1), [(0.0, 0.5, 2.0), (0.5, 1.0, 4.0), (1.0, 1.5, 2.0)]);
        assert_eq!(one.bars(2), [(0.0, 1.0, 6.0), (1.0, 1.5, 2.0)]);
        let three = Histogram::total([one.clone(), one.clone(), one.clone()]);
        assert_eq!((three.count(), three.mean()), (30.0, 0.9));
        assert_eq!(three.since(&one).bars(1), [(0.0, 0.5, 4.0), (0.5, 1.0, 8.0), (1.0, 1.5, 4.0)]);
        assert_eq!(of("").count(), 0.0);
    }

    #[test]
    fn has_the_moments_and_quantiles_of_its_buckets() {
        let one = of(TEXT);
        // 2 × 0.25, 4 × 0.75, 2 × 1.25: variance (2 + 2) × 0.25 / 7.
        assert!((one.deviation() - (1.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!((one.at_most(0.2), one.at_most(0.5), one.at_most(0.99)), (Some(0.5), Some(1.0), None));
    }

    #[test]
    fn its_distance_is_the_largest_at_a_bound() {
        // Shares 0.2, 0.6, 0.8 against 0.25, 0.5, 0.75.
        assert!((of(TEXT).distance(|seconds| seconds / 2.0) - 0.1).abs() < 1e-12);
        assert!(of(TEXT).distance(|_| 0.0) == 0.8);
    }
}
