//! Which functions there are: their types, their state, and what accumulates them.

use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};

use super::variance;
use super::{
    Accumulator, approximate, avg, columns, count, distinct, edge, extreme, list, sum,
    text_extreme, top,
};
use crate::column::{ColumnKind as K, ListItem};
use crate::error::DataflowError;
use crate::plan::{Aggregate, Function};

impl Function {
    /// The result depends on the order of the rows.
    pub fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::FirstValue
                | Self::LastValue
                | Self::FirstRow
                | Self::LastRow
                | Self::ArrayAgg { .. }
                | Self::Top { by_place: true, .. }
        )
    }

    /// Its name in the SQL.
    pub fn text(self) -> &'static str {
        match self {
            Self::Count | Self::CountDistinct => "count",
            Self::ApproxDistinct => "approx_distinct",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Variance { sample: false } => "var_pop",
            Self::Variance { sample: true } => "var_samp",
            Self::Deviation { sample: false } => "stddev_pop",
            Self::Deviation { sample: true } => "stddev_samp",
            Self::FirstValue => "first_value",
            Self::LastValue => "last_value",
            Self::FirstRow => "first_row",
            Self::LastRow => "last_row",
            Self::ArrayAgg { .. } => "array_agg",
            Self::Top { .. } => "top",
        }
    }

    /// The result type over an argument of this kind; `None` if the function does not take it.
    pub fn result_kind(self, argument: Option<K>) -> Option<K> {
        if let Self::Top { .. } = self {
            return argument.filter(|kind| *kind == K::Bytes);
        }
        if argument.is_some_and(|kind| ListItem::of(kind).is_none()) {
            return None;
        }
        Some(match (self, argument) {
            (Self::Count, _) | (Self::CountDistinct | Self::ApproxDistinct, Some(_)) => K::Int64,
            (Self::ArrayAgg { .. }, Some(kind)) => K::List(ListItem::of(kind)?),
            (Self::Sum, Some(K::Decimal(_, scale))) => K::Decimal(38, scale),
            (Self::Avg, Some(K::Int64 | K::Float64))
            | (Self::Variance { .. } | Self::Deviation { .. }, Some(K::Float64)) => K::Float64,
            (Self::Min | Self::Max, Some(K::Boolean)) => return None,
            (
                Self::Min
                | Self::Max
                | Self::FirstValue
                | Self::LastValue
                | Self::FirstRow
                | Self::LastRow,
                Some(kind),
            )
            | (Self::Sum, Some(kind @ (K::Int64 | K::Float64))) => kind,
            _ => return None,
        })
    }
}

impl Aggregate {
    /// Type of the result; `None` if the function does not take the argument.
    pub fn result_kind(&self) -> Option<K> {
        self.function.result_kind(self.argument)
    }

    /// Name, kind and nullability of the state columns.
    pub(crate) fn state_columns(&self) -> Vec<(String, K, bool)> {
        let name = &self.name;
        let kind = self.argument.unwrap_or(K::Int64);
        match self.function {
            Function::Count => vec![(name.clone(), K::Int64, false)],
            Function::Sum => vec![(name.clone(), sum_kind(kind), true)],
            Function::Min | Function::Max => vec![(name.clone(), kind, true)],
            Function::Avg => vec![
                (format!("{name}.sum"), avg_sum_kind(kind), true),
                (format!("{name}.count"), K::Int64, false),
            ],
            // Bytes do not say of what they are, so the name does: a column that gets another type would
            // otherwise read what was kept of the old one.
            Function::CountDistinct | Function::ApproxDistinct | Function::ArrayAgg { .. } => {
                vec![(format!("{name} of {kind}"), K::Bytes, true)]
            }
            Function::Top { .. } => vec![(name.clone(), K::Bytes, true)],
            Function::FirstValue | Function::LastValue | Function::FirstRow | Function::LastRow => {
                vec![
                    (format!("{name}.time"), K::Timestamp, true),
                    (format!("{name}.partition"), K::Int32, true),
                    (format!("{name}.position"), K::Int64, true),
                    (format!("{name}.value"), kind, true),
                ]
            }
            Function::Variance { .. } | Function::Deviation { .. } => vec![
                (format!("{name}.count"), K::Int64, false),
                (format!("{name}.mean"), K::Float64, true),
                (format!("{name}.squares"), K::Float64, true),
            ],
        }
    }

    /// A fresh accumulator.
    pub(crate) fn accumulator(&self) -> Result<Box<dyn Accumulator>, DataflowError> {
        let kind = self.argument.filter(|_| self.result_kind().is_some());
        Ok(match (self.function, kind) {
            (Function::Count, _) => Box::new(count::Count::default()),
            (Function::Sum, Some(K::Int64)) => Box::new(sum::Sum::<Int64Type>::new(K::Int64)),
            (Function::Sum, Some(K::Float64)) => Box::new(sum::Sum::<Float64Type>::new(K::Float64)),
            (Function::Sum, Some(kind @ K::Decimal(..))) => {
                Box::new(sum::Sum::<Decimal128Type>::new(sum_kind(kind)))
            }
            (Function::Min | Function::Max, Some(kind)) => self.extreme(kind)?,
            (Function::CountDistinct, Some(kind)) => Box::new(distinct::CountDistinct::new(kind)),
            (Function::ApproxDistinct, Some(kind)) => {
                Box::new(approximate::ApproxDistinct::new(kind))
            }
            (Function::ArrayAgg { limit }, Some(kind)) => {
                Box::new(list::ArrayAgg::new(kind, limit))
            }
            (Function::Top { limit, by_place }, Some(K::Bytes)) => {
                Box::new(top::Top::new(limit, by_place))
            }
            (
                Function::FirstValue | Function::LastValue | Function::FirstRow | Function::LastRow,
                Some(kind),
            ) => self.edge(kind)?,
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

    fn extreme(&self, kind: K) -> Result<Box<dyn Accumulator>, DataflowError> {
        use extreme::Extreme;
        let max = self.function == Function::Max;
        Ok(match kind {
            K::Int64 => Box::new(Extreme::<Int64Type>::new(kind, max)),
            K::Int32 => Box::new(Extreme::<Int32Type>::new(kind, max)),
            K::Float64 => Box::new(Extreme::<Float64Type>::new(kind, max)),
            K::Decimal(..) => Box::new(Extreme::<Decimal128Type>::new(kind, max)),
            K::Timestamp => Box::new(Extreme::<TimestampMillisecondType>::new(kind, max)),
            K::Utf8 => Box::new(text_extreme::TextExtreme::new(max)),
            K::Boolean | K::Bytes | K::List(_) => return Err(self.unsupported()),
        })
    }

    fn edge(&self, kind: K) -> Result<Box<dyn Accumulator>, DataflowError> {
        use edge::Edge;
        let last = matches!(self.function, Function::LastValue | Function::LastRow);
        let rows = matches!(self.function, Function::FirstRow | Function::LastRow);
        let side = edge::Side { last, rows };
        Ok(match kind {
            K::Int64 => Box::new(Edge::number::<Int64Type>(kind, side)),
            K::Int32 => Box::new(Edge::number::<Int32Type>(kind, side)),
            K::Float64 => Box::new(Edge::number::<Float64Type>(kind, side)),
            K::Decimal(..) => Box::new(Edge::number::<Decimal128Type>(kind, side)),
            K::Timestamp => Box::new(Edge::number::<TimestampMillisecondType>(kind, side)),
            K::Utf8 => Box::new(Edge::new(columns::TextColumn::default(), side)),
            K::Boolean => Box::new(Edge::new(columns::TruthColumn::default(), side)),
            K::Bytes | K::List(_) => return Err(self.unsupported()),
        })
    }

    fn unsupported(&self) -> DataflowError {
        let kind = self.argument.map_or("*".to_owned(), |kind| kind.to_string());
        let function = self.function.text();
        DataflowError::Bug(format!("planned an unsupported aggregate {function}({kind})"))
    }
}

fn sum_kind(argument: K) -> K {
    match argument {
        K::Decimal(_, scale) => K::Decimal(38, scale),
        kind => kind,
    }
}

fn avg_sum_kind(argument: K) -> K {
    if argument == K::Float64 { K::Float64 } else { K::Decimal(38, 0) }
}
