//! Accumulators: one per aggregate and table, a column per part of the state, indexed by group. They can be read
//! per group without draining, so that changed entries can be snapshotted. Another one is another file.

mod avg;
mod columns;
mod count;
mod extreme;
mod fold;
mod number;
mod sum;
mod text_extreme;
mod variance;

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};

use crate::codec::Value;
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::plan::{Aggregate, Function, Grouping};

/// Rows of a batch, in log order.
pub(crate) enum Rows<'a> {
    /// The first so many.
    All(usize),
    /// These, ascending.
    Picked(&'a [u32]),
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Picked(rows) => rows.len(),
        }
    }

    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize)) {
        match self {
            Self::All(rows) => (0..*rows).for_each(visit),
            Self::Picked(rows) => rows.iter().for_each(|row| visit(*row as usize)),
        }
    }

    /// Visits every row with its group; `groups` runs along with the rows.
    #[inline]
    pub(crate) fn for_each_group(&self, groups: &[u32], mut visit: impl FnMut(usize, usize)) {
        debug_assert_eq!(self.len(), groups.len(), "one group per row");
        match self {
            Self::All(_) => groups.iter().enumerate().for_each(|(row, g)| visit(row, *g as usize)),
            Self::Picked(rows) => {
                rows.iter().zip(groups).for_each(|(row, g)| visit(*row as usize, *g as usize));
            }
        }
    }
}

/// Why an accumulator refuses a batch.
#[derive(Debug)]
pub(crate) enum AggregateError {
    Overflow(ColumnKind),
    Type,
}

impl AggregateError {
    /// Names operator and column.
    pub(crate) fn at(&self, grouping: &Grouping, aggregate: usize) -> DataflowError {
        let name = grouping.aggregates.get(aggregate).map_or("rows", |a| a.name.as_str());
        match self {
            Self::Overflow(kind) => DataflowError::Overflow {
                operator: grouping.operator.clone(),
                column: name.to_owned(),
                type_name: kind.to_string(),
            },
            Self::Type => DataflowError::Bug(format!(
                "operator {}: values of {name} are not of the planned type",
                grouping.operator
            )),
        }
    }
}

/// State of one aggregate over the groups of a table.
pub(crate) trait Accumulator: Send + Sync {
    /// How many state columns, in the order of [`Aggregate::state_columns`].
    fn state_width(&self) -> usize;
    /// Makes room for groups below `groups`.
    fn grow(&mut self, groups: usize);
    /// Adds rows.
    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
    ) -> Result<(), AggregateError>;
    /// Adds partial states, one column per state column.
    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError>;
    /// State columns of these groups.
    fn states(&self, groups: &[u32]) -> Vec<ArrayRef>;
    /// Result column of these groups.
    fn output(&self, groups: &[u32]) -> ArrayRef;
    /// Appends the canonical bytes of a group's state columns.
    fn encode(&self, group: u32, out: &mut Vec<u8>);
    /// The reverse; `None` if the values are not a state. Absent columns come as null.
    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()>;
    /// Forgets all groups and keeps the memory.
    fn clear(&mut self);
    fn memory_bytes(&self) -> usize;
}

impl Function {
    /// Its name in the SQL.
    pub fn text(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Variance { sample: false } => "var_pop",
            Self::Variance { sample: true } => "var_samp",
            Self::Deviation { sample: false } => "stddev_pop",
            Self::Deviation { sample: true } => "stddev_samp",
        }
    }

    /// The result type over an argument of this kind; `None` if the function does not take it.
    pub fn result_kind(self, argument: Option<ColumnKind>) -> Option<ColumnKind> {
        use ColumnKind as K;
        Some(match (self, argument) {
            (Self::Count, _) => K::Int64,
            (Self::Sum, Some(K::Decimal(_, scale))) => K::Decimal(38, scale),
            (Self::Avg, Some(K::Int64 | K::Float64))
            | (Self::Variance { .. } | Self::Deviation { .. }, Some(K::Float64)) => K::Float64,
            (Self::Min | Self::Max, Some(K::Boolean)) => return None,
            (Self::Min | Self::Max, Some(kind))
            | (Self::Sum, Some(kind @ (K::Int64 | K::Float64))) => kind,
            _ => return None,
        })
    }
}

impl Aggregate {
    /// Type of the result; `None` if the function does not take the argument.
    pub fn result_kind(&self) -> Option<ColumnKind> {
        self.function.result_kind(self.argument)
    }

    /// Name, kind and nullability of the state columns.
    pub(crate) fn state_columns(&self) -> Vec<(String, ColumnKind, bool)> {
        let name = &self.name;
        let kind = self.argument.unwrap_or(ColumnKind::Int64);
        match self.function {
            Function::Count => vec![(name.clone(), ColumnKind::Int64, false)],
            Function::Sum => vec![(name.clone(), sum_kind(kind), true)],
            Function::Min | Function::Max => vec![(name.clone(), kind, true)],
            Function::Avg => vec![
                (format!("{name}.sum"), avg_sum_kind(kind), true),
                (format!("{name}.count"), ColumnKind::Int64, false),
            ],
            Function::Variance { .. } | Function::Deviation { .. } => vec![
                (format!("{name}.count"), ColumnKind::Int64, false),
                (format!("{name}.mean"), ColumnKind::Float64, true),
                (format!("{name}.squares"), ColumnKind::Float64, true),
            ],
        }
    }

    /// A fresh accumulator.
    pub(crate) fn accumulator(&self) -> Result<Box<dyn Accumulator>, DataflowError> {
        use ColumnKind as K;
        let max = self.function == Function::Max;
        Ok(match (self.function, self.argument) {
            (Function::Count, _) => Box::new(count::Count::default()),
            (Function::Sum, Some(K::Int64)) => Box::new(sum::Sum::<Int64Type>::new(K::Int64)),
            (Function::Sum, Some(K::Float64)) => Box::new(sum::Sum::<Float64Type>::new(K::Float64)),
            (Function::Sum, Some(kind @ K::Decimal(..))) => {
                Box::new(sum::Sum::<Decimal128Type>::new(sum_kind(kind)))
            }
            (Function::Min | Function::Max, Some(kind)) => match kind {
                K::Int64 => Box::new(extreme::Extreme::<Int64Type>::new(kind, max)),
                K::Int32 => Box::new(extreme::Extreme::<Int32Type>::new(kind, max)),
                K::Float64 => Box::new(extreme::Extreme::<Float64Type>::new(kind, max)),
                K::Decimal(..) => Box::new(extreme::Extreme::<Decimal128Type>::new(kind, max)),
                K::Timestamp => {
                    Box::new(extreme::Extreme::<TimestampMillisecondType>::new(kind, max))
                }
                K::Utf8 => Box::new(text_extreme::TextExtreme::new(max)),
                K::Boolean => return Err(self.unsupported()),
            },
            (Function::Avg, Some(K::Int64)) => Box::new(avg::Avg::<Int64Type>::new()),
            (Function::Avg, Some(K::Float64)) => Box::new(avg::Avg::<Float64Type>::new()),
            (Function::Variance { sample }, Some(K::Float64)) => {
                Box::new(variance::Variance::new(sample, false))
            }
            (Function::Deviation { sample }, Some(K::Float64)) => {
                Box::new(variance::Variance::new(sample, true))
            }
            _ => return Err(self.unsupported()),
        })
    }

    fn unsupported(&self) -> DataflowError {
        let kind = self.argument.map_or("*".to_owned(), |kind| kind.to_string());
        let function = self.function.text();
        DataflowError::Bug(format!("planned an unsupported aggregate {function}({kind})"))
    }
}

fn sum_kind(argument: ColumnKind) -> ColumnKind {
    match argument {
        ColumnKind::Decimal(_, scale) => ColumnKind::Decimal(38, scale),
        kind => kind,
    }
}

fn avg_sum_kind(argument: ColumnKind) -> ColumnKind {
    if argument == ColumnKind::Float64 { ColumnKind::Float64 } else { ColumnKind::Decimal(38, 0) }
}
