//! Variance and standard deviation, by Welford's algorithm: count, mean and the sum of squared distances from it. Rows
//! are added one by one in log order (R3), states are merged by Chan's formula.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Float64Type, Int64Type};

use super::columns::{Counts, NumberColumn, for_each_value};
use super::fold::Fold;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

type Floats = NumberColumn<Float64Type>;

pub(super) struct Variance {
    /// Count, mean, sum of squares.
    state: (Counts, (Floats, Floats)),
    sample: bool,
    root: bool,
}

impl Variance {
    /// `sample`: divides by one less than the count; `root`: standard deviation.
    pub(super) fn new(sample: bool, root: bool) -> Self {
        let floats = || Floats::new(ColumnKind::Float64);
        Self { state: (Counts::default(), (floats(), floats())), sample, root }
    }

    fn value(&self, group: usize) -> Option<f64> {
        let (Counts(counts), (_, squares)) = &self.state;
        let divisor = counts[group] - i64::from(self.sample);
        if divisor <= 0 {
            return None;
        }
        let variance = squares.values[group] / divisor as f64;
        Some(if self.root { variance.sqrt() } else { variance })
    }
}

impl Fold for Variance {
    type State = (Counts, (Floats, Floats));

    fn state(&self) -> &Self::State {
        &self.state
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.state
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let (Counts(counts), (means, squares)) = &mut self.state;
        for_each_value::<Float64Type>(rows, groups, argument, |value, group| {
            counts[group] += 1;
            let distance = value - means.values[group];
            let mean = means.values[group] + distance / counts[group] as f64;
            let sum = squares.values[group] + distance * (value - mean);
            means.put(group, mean);
            squares.put(group, sum);
        })
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        let [counts, means, squares] = states else { return Err(AggregateError::Type) };
        let counts = counts.as_primitive_opt::<Int64Type>().ok_or(AggregateError::Type)?;
        let means = means.as_primitive_opt::<Float64Type>().ok_or(AggregateError::Type)?;
        let squares = squares.as_primitive_opt::<Float64Type>().ok_or(AggregateError::Type)?;
        let (Counts(own_counts), (own_means, own_squares)) = &mut self.state;
        rows.for_each_group(groups, |row, group| {
            let theirs = counts.value(row);
            if theirs == 0 || means.is_null(row) {
                return;
            }
            let own = own_counts[group];
            if own == 0 {
                // As it is: what passes through a merge must not change.
                own_means.put(group, means.value(row));
                own_squares.put(group, squares.value(row));
                own_counts[group] = theirs;
                return;
            }
            let count = (own + theirs) as f64;
            let distance = means.value(row) - own_means.values[group];
            let mean = own_means.values[group] + distance * (theirs as f64 / count);
            let between = distance * distance * (own as f64 * (theirs as f64 / count));
            let sum = own_squares.values[group] + squares.value(row) + between;
            own_means.put(group, mean);
            own_squares.put(group, sum);
            own_counts[group] = own + theirs;
        });
        Ok(())
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        Arc::new(groups.iter().map(|g| self.value(*g as usize)).collect::<Float64Array>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulate::Accumulator;
    use crate::accumulate::fold::StateColumns;
    use crate::codec::{Value, take_value};

    /// Far from zero and close together: what a naive sum of squares loses.
    fn values() -> Vec<Option<f64>> {
        (0..100u32).map(|n| (n % 7 != 0).then(|| 1e9 + f64::from(n * n % 31) * 0.5)).collect()
    }

    fn defined(values: &[Option<f64>], sample: bool) -> f64 {
        let values: Vec<f64> = values.iter().flatten().copied().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        squares / (count - f64::from(u8::from(sample)))
    }

    fn added(values: &[Option<f64>], sample: bool, root: bool) -> Variance {
        let mut variance = Variance::new(sample, root);
        Accumulator::grow(&mut variance, 1);
        add(&mut variance, values);
        variance
    }

    fn add(variance: &mut Variance, values: &[Option<f64>]) {
        let column: ArrayRef = Arc::new(values.iter().copied().collect::<Float64Array>());
        let groups = vec![0; values.len()];
        let rows = Rows::All(values.len());
        let done = Fold::update(variance, &rows, &groups, Some(&column), Order::default());
        done.expect("floats");
    }

    fn merge(into: &mut Variance, from: &Variance) {
        let states = Accumulator::states(from, &[0]);
        Fold::merge(into, &Rows::All(1), &[0], &states).expect("states");
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() <= 1e-6 * expected)
    }

    #[test]
    fn it_agrees_with_the_definition_however_rows_are_split() {
        let values = values();
        for at in [0, 1, 2, 50, 99, 100] {
            for sample in [false, true] {
                let mut first = added(&values[..at], sample, false);
                merge(&mut first, &added(&values[at..], sample, false));
                let expected = defined(&values, sample);
                assert!(close(first.value(0), expected), "{at} {:?} {expected}", first.value(0));
                let mut root = added(&values[..at], sample, true);
                add(&mut root, &values[at..]);
                assert!(close(root.value(0), expected.sqrt()), "{at} {:?}", root.value(0));
            }
        }
    }

    #[test]
    fn batches_of_one_log_and_a_merge_into_nothing_change_no_bit() {
        let values = values();
        let whole = added(&values, true, false);
        let mut parts = added(&values[..13], true, false);
        add(&mut parts, &values[13..]);
        let mut merged = Variance::new(true, false);
        Accumulator::grow(&mut merged, 1);
        merge(&mut merged, &whole);
        let bits = |variance: &Variance| variance.value(0).map(f64::to_bits);
        assert_eq!(bits(&parts), bits(&whole));
        assert_eq!(bits(&merged), bits(&whole));
    }

    #[test]
    fn too_few_values_give_null() {
        assert_eq!(added(&[], false, false).value(0), None);
        assert_eq!(added(&[None], false, false).value(0), None);
        assert_eq!(added(&[Some(3.0)], true, true).value(0), None);
        assert_eq!(added(&[Some(3.0)], false, true).value(0), Some(0.0));
    }

    #[test]
    fn stored_state_comes_back() {
        let whole = added(&values(), true, false);
        let mut bytes = Vec::new();
        whole.state.encode(0, &mut bytes);
        let mut rest = bytes.as_slice();
        let kinds = [ColumnKind::Int64, ColumnKind::Float64, ColumnKind::Float64];
        let stored: Vec<Value<'_>> =
            kinds.iter().map(|kind| take_value(*kind, &mut rest).expect("encoded")).collect();
        let mut restored = Variance::new(true, false);
        Accumulator::grow(&mut restored, 1);
        assert_eq!(Accumulator::decode(&mut restored, 0, &stored), Some(()));
        assert_eq!(restored.value(0), whole.value(0));
        assert_eq!(Accumulator::decode(&mut restored, 0, &stored[..2]), None);
    }
}
