//! The worker's figures out of its metrics page.

use crate::harness::prometheus::samples;

/// What the worker says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Rows taken since the process started.
    pub(super) rows: u64,
    /// Rows that came too late.
    pub(super) late_rows: u64,
    /// Commits since the process started.
    pub(super) commits: u64,
    /// The smallest watermark of the shards, ms since 1970.
    pub(super) watermark: Option<i64>,
}

impl Figures {
    /// Reads Prometheus' text format; what is not there is zero.
    pub(super) fn read(page: &str) -> Self {
        let sum = |name: &str| samples(page, name).sum::<f64>() as u64;
        Self {
            rows: sum("streamjob_rows_total"),
            late_rows: sum("streamjob_late_rows_total"),
            commits: sum("streamjob_commits_total"),
            watermark: samples(page, "streamjob_watermark_seconds")
                .filter(|seconds| *seconds > 0.0)
                .map(|seconds| (seconds * 1_000.0) as i64)
                .min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_over_their_labels_and_the_smallest_watermark_counts() {
        let page = "# TYPE streamjob_rows counter\n\
            streamjob_rows_total{slot=\"0\"} 40\nstreamjob_rows_total{slot=\"1\"} 2\n\
            streamjob_rows_total_other 9\nstreamjob_commits_total 7\n\
            streamjob_watermark_seconds{log=\"a}b\"} 1767225600.5\n\
            streamjob_watermark_seconds{log=\"c\"} 1767225601.5\n\
            streamjob_watermark_seconds{log=\"d\"} -1\n";
        let figures = Figures::read(page);
        assert_eq!((figures.rows, figures.commits, figures.late_rows), (42, 7, 0));
        assert_eq!(figures.watermark, Some(1_767_225_600_500));
    }
}
