//! The highest rate that something carries.

use anyhow::ensure;

/// Begins at `from`: half as much again until a rate is not carried, then between the two until they are as close as `close`,
/// a factor.
pub(crate) fn highest(
    from: u32,
    close: f64,
    mut carried: impl FnMut(u32) -> anyhow::Result<bool>,
) -> anyhow::Result<u32> {
    let (mut low, mut high) = (0, from);
    while carried(high)? {
        (low, high) = (high, high + high / 2);
    }
    ensure!(low > 0, "{from} a second are too many: is the machine busy?");
    while f64::from(high) > f64::from(low) * close {
        let middle = low.midpoint(high);
        if carried(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_rate_that_is_carried() {
        for (limit, close) in [(20_000, 1.03), (20_500, 1.03), (29_999, 1.05), (123_456, 1.05), (1_000_000, 1.01)] {
            let found = highest(5_000, close, |rate| Ok(rate <= limit)).unwrap();
            assert!(found <= limit && f64::from(limit) < f64::from(found) * close, "{found} instead of {limit}");
        }
        assert!(highest(5_000, 1.03, |_| Ok(false)).is_err());
    }
}
