//! Check 1, second half: rows of one log pass in order. Their presence, once each, is the comparison's business.

use std::collections::HashMap;

use anyhow::Context as _;

use super::verdict::Verdict;

/// Takes the `ref` (`partition:n`) of every output row, output log by output log.
#[derive(Default)]
pub struct Order {
    last: HashMap<(u32, u32), (u64, i64)>,
    faults: u64,
    first: Option<String>,
}

impl Order {
    /// Takes the next row of an output log.
    pub fn take(&mut self, partition: u32, offset: i64, reference: &str) -> anyhow::Result<()> {
        let (source, n) = parse(reference)?;
        if let Some((before, at)) = self.last.insert((partition, source), (n, offset)) {
            // The same row again is a doubled row, not one out of order.
            if n < before {
                self.faults += 1;
                self.first.get_or_insert_with(|| {
                    format!("row {source}:{n} at {partition}@{offset} follows {source}:{before} at @{at}")
                });
            }
        }
        Ok(())
    }

    /// Adds what was found to a verdict.
    pub fn finish(self, verdict: &mut Verdict) {
        verdict.note("row out of order", self.faults, self.first);
    }
}

fn parse(reference: &str) -> anyhow::Result<(u32, u64)> {
    let (partition, n) = reference
        .split_once(':')
        .with_context(|| format!("'{reference}' is no provenance like 3:17"))?;
    Ok((partition.parse()?, n.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &[(u32, &str)]) -> u64 {
        let mut order = Order::default();
        for (offset, (partition, reference)) in rows.iter().enumerate() {
            order.take(*partition, offset as i64, reference).expect("a provenance");
        }
        let mut verdict = Verdict::default();
        order.finish(&mut verdict);
        verdict.findings.iter().map(|f| f.count).sum()
    }

    #[test]
    fn rows_of_one_log_must_not_go_back_within_an_output_log() {
        assert_eq!(faults(&[(0, "1:3"), (0, "2:1"), (0, "1:4"), (1, "1:1")]), 0);
        assert_eq!(faults(&[(0, "1:3"), (0, "1:5"), (0, "1:4")]), 1);
    }

    #[test]
    fn a_text_without_provenance_is_an_error() {
        assert!(Order::default().take(0, 0, "seventeen").is_err());
    }
}
