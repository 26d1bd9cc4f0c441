//! Counts of durations in powers of two of a microsecond, written by one thread and read by any.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BUCKETS: usize = 24;

/// Bucket `n` counts durations below `2^n` and not below `2^(n-1)` microseconds; the last one everything longer.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    longest: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        if let Some(count) = self.buckets.get(bucket.min(BUCKETS - 1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.longest.fetch_max(micros, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub(crate) fn snapshot(&self) -> DurationCounts {
        let buckets = self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        DurationCounts {
            buckets,
            longest: Duration::from_micros(self.longest.load(Ordering::Relaxed)),
        }
    }
}

/// A histogram at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DurationCounts {
    /// Bucket `n` counts durations below `2^n` and not below `2^(n-1)` microseconds.
    pub buckets: Vec<u64>,
    /// The longest of them.
    pub longest: Duration,
}

impl DurationCounts {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many lasted `limit` or longer; exact for powers of two of a microsecond, else the bucket of `limit` counts in.
    pub fn at_least(&self, limit: Duration) -> u64 {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let first = (u64::BITS - micros.leading_zeros()) as usize;
        self.buckets.iter().skip(first).sum()
    }

    /// Upper bound of the bucket in which the given part (0 to 1) of all durations ends.
    pub fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(1 << bucket).min(self.longest);
            }
        }
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fall_into_powers_of_two() {
        let histogram = Histogram::default();
        for micros in [0, 1, 3, 1_000, 1_024, 5_000_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let counts = histogram.snapshot();
        assert_eq!(counts.count(), 6);
        assert_eq!(counts.at_least(Duration::from_micros(1_024)), 2);
        assert_eq!(counts.longest, Duration::from_secs(5_000));
        assert_eq!(counts.quantile(0.5), Duration::from_micros(4));
    }
}
