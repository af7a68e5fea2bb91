//! Check 2: the i-th output of a key is the fold of its first i inputs. It sees state that was applied twice or
//! rolled back, which a set comparison of the last rows cannot.

use std::collections::HashMap;

use super::verdict::Verdict;

/// A running count and sum per key: input is `(key, value)`, output `(key, count, sum)`, each in log order per key.
#[derive(Default)]
pub struct RunningFold {
    inputs: HashMap<i64, Vec<i64>>,
    outputs: HashMap<i64, (usize, i64)>,
    faults: u64,
    first: Option<String>,
}

impl RunningFold {
    /// Takes the next input of a key.
    pub fn input(&mut self, key: i64, value: i64) {
        self.inputs.entry(key).or_default().push(value);
    }

    /// Takes the next output of a key; all inputs were taken before.
    pub fn output(&mut self, key: i64, count: i64, sum: i64) {
        let (seen, folded) = self.outputs.entry(key).or_default();
        let next = self.inputs.get(&key).and_then(|values| values.get(*seen));
        *seen += 1;
        *folded += next.copied().unwrap_or_default();
        let expected = (*seen as i64, *folded);
        if next.is_none() || (count, sum) != expected {
            self.faults += 1;
            self.first.get_or_insert_with(|| {
                format!(
                    "output {seen} of key {key}: expected {expected:?}, found {:?}",
                    (count, sum)
                )
            });
        }
    }

    /// Adds what was found to a verdict.
    pub fn finish(self, verdict: &mut Verdict) {
        verdict.note("output that is no fold of the inputs before it", self.faults, self.first);
        let short = self.inputs.iter().filter(|(key, values)| {
            self.outputs.get(key).map_or(0, |(seen, _)| *seen) < values.len()
        });
        let mut short: Vec<i64> = short.map(|(key, _)| *key).collect();
        short.sort_unstable();
        let witness = short.first().map(|key| format!("key {key}"));
        verdict.note("key with fewer outputs than inputs", short.len() as u64, witness);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(outputs: &[(i64, i64, i64)]) -> Vec<String> {
        let mut fold = RunningFold::default();
        for (key, value) in [(1, 5), (2, 7), (1, 6)] {
            fold.input(key, value);
        }
        for (key, count, sum) in outputs {
            fold.output(*key, *count, *sum);
        }
        let mut verdict = Verdict::default();
        fold.finish(&mut verdict);
        verdict.findings.into_iter().map(|finding| finding.witness).collect()
    }

    #[test]
    fn the_true_fold_is_clean() {
        assert_eq!(faults(&[(1, 1, 5), (1, 2, 11), (2, 1, 7)]), Vec::<String>::new());
    }

    #[test]
    fn state_applied_twice_rolled_back_or_missing_is_caught() {
        assert_eq!(
            faults(&[(1, 1, 5), (1, 3, 16), (2, 1, 7)]),
            ["output 2 of key 1: expected (2, 11), found (3, 16)"]
        );
        assert_eq!(
            faults(&[(1, 1, 5), (1, 1, 6), (2, 1, 7)]),
            ["output 2 of key 1: expected (2, 11), found (1, 6)"]
        );
        assert_eq!(faults(&[(1, 1, 5), (1, 2, 11)]), ["key 2"]);
        assert_eq!(faults(&[(1, 1, 5), (1, 2, 11), (2, 1, 7), (2, 2, 7)]).len(), 1);
    }
}
