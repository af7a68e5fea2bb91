//! What the checker says.

use std::fmt;

/// A fault with where it was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, in a few words.
    pub fault: String,
    /// How often.
    pub count: u64,
    /// The first one: identity, partition and offset, expected and found.
    pub witness: String,
}

/// The judgement over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Input rows.
    pub events: u64,
    /// Late ones among them, by the rule.
    pub late: u64,
    /// Output rows that had to come.
    pub expected: u64,
    /// What one output row is.
    pub noun: &'static str,
    /// Rows that had to come and did not.
    pub lost: u64,
    /// Rows that came again.
    pub doubled: u64,
    /// Everything wrong, lost and doubled rows included.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Nothing is wrong, and something was checked.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.expected > 0
    }

    /// Notes a fault unless it never happened.
    pub fn note(&mut self, fault: &str, count: u64, witness: Option<String>) {
        if count > 0 {
            self.findings.push(Finding {
                fault: fault.to_owned(),
                count,
                witness: witness.unwrap_or_default(),
            });
        }
    }

    /// The verdict as an error when it is not clean.
    pub fn require_clean(self) -> anyhow::Result<Self> {
        anyhow::ensure!(self.is_clean(), "{self}");
        Ok(self)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.noun.is_empty() { "rows" } else { self.noun };
        if self.is_clean() {
            return write!(
                f,
                "{} events in, {} {noun} equal to the oracle, 0 lost, {} doubled",
                self.events, self.expected, self.doubled
            );
        }
        write!(
            f,
            "{} events in, {} {noun} expected, {} lost, {} doubled",
            self.events, self.expected, self.lost, self.doubled
        )?;
        if self.expected == 0 {
            write!(f, "\n  nothing was checked: the oracle gives no rows")?;
        }
        for finding in &self.findings {
            write!(f, "\n  {} × {}: {}", finding.count, finding.fault, finding.witness)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_verdict_is_one_sentence() {
        let verdict = Verdict { events: 7, expected: 3, noun: "windows", ..Verdict::default() };
        assert_eq!(
            verdict.to_string(),
            "7 events in, 3 windows equal to the oracle, 0 lost, 0 doubled"
        );
    }

    #[test]
    fn a_verdict_over_nothing_is_not_clean() {
        let verdict = Verdict { events: 7, ..Verdict::default() };
        assert!(!verdict.is_clean());
        assert!(verdict.to_string().contains("nothing was checked"));
    }

    #[test]
    fn a_finding_makes_it_unclean_and_shows_its_witness() {
        let mut verdict = Verdict { events: 7, expected: 3, ..Verdict::default() };
        verdict.note("never", 0, None);
        assert!(verdict.is_clean());
        verdict.note("row lost", 2, Some("auction=5".into()));
        assert!(verdict.to_string().ends_with("2 × row lost: auction=5"));
        assert!(verdict.require_clean().is_err());
    }
}
