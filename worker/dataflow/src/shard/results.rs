//! A window operator and what takes its results: a sink, or the first phase of a window over them.

use super::check_grouping;
use crate::emission::Emission;
use crate::error::DataflowError;
use crate::operator::{Handed, Partial, Windowed, partial, windowed};
use crate::pipeline::Flow;
use crate::plan::{Emit, JobPlan, Output, WindowAggregate};
use crate::watermark::UNDEFINED;

pub(super) struct Results {
    pub(super) operator: Box<dyn Windowed>,
    target: Target,
}

enum Target {
    Sink(usize),
    Partial(Box<dyn Partial>),
}

impl Results {
    /// `partition`: of the log.
    pub(super) fn new(
        plan: &JobPlan,
        window: &WindowAggregate,
        partition: i32,
    ) -> Result<Self, DataflowError> {
        let target = match &window.output {
            Output::Sink(sink) => Target::Sink(*sink),
            Output::Partial(next) => {
                let operator = &window.grouping.operator;
                check_grouping(&next.grouping)?;
                let ordered =
                    next.grouping.aggregates.iter().any(|call| call.function.is_ordered());
                let again = window.grouping.lateness_ms > 0 || window.emit != Emit::Final;
                if again || ordered {
                    let message = format!(
                        "results of {operator} come again, or have an order; a window is over them"
                    );
                    return Err(DataflowError::Bug(message));
                }
                let partitions = plan.exchanges[next.exchange].partitions;
                Target::Partial(partial(next, partition, partitions)?)
            }
        };
        Ok(Self { operator: windowed(window, partition)?, target })
    }

    /// Takes results in order.
    pub(super) fn hand_over(
        &mut self,
        results: Handed,
        emission: &mut Emission,
    ) -> Result<(), DataflowError> {
        match &mut self.target {
            Target::Sink(sink) => {
                emission.sinks.extend(results.rows.into_iter().map(|b| (*sink, b)));
                emission.deletions.extend(results.deletions.into_iter().map(|b| (*sink, b)));
            }
            Target::Partial(next) => {
                for batch in results.rows {
                    // Not late here: what this shard says of its watermark is behind them.
                    let before = vec![UNDEFINED; batch.num_rows()].into();
                    let late = next.process(&Flow { before, ..batch.into() }, false)?;
                    debug_assert_eq!(late, 0, "no result is late where it is made");
                }
            }
        }
        Ok(())
    }

    /// Everything that was handed over goes to the exchange.
    pub(super) fn drain(
        &mut self,
        plan: &JobPlan,
        emission: &mut Emission,
    ) -> Result<(), DataflowError> {
        if let Target::Partial(next) = &mut self.target {
            let exchange = next.plan().exchange;
            let batches = next.drain(plan.exchanges[exchange].partitions)?;
            emission.exchanges.extend(batches.into_iter().map(|(p, b)| (exchange, p, b)));
        }
        Ok(())
    }

    /// Nothing later that goes to an exchange has a time before this; none if nothing goes there.
    pub(super) fn promised(&self, watermark: i64) -> Option<i64> {
        match self.target {
            Target::Sink(_) => None,
            Target::Partial(_) => Some(self.operator.results_until(watermark)),
        }
    }

    pub(super) fn feeds(&self) -> bool {
        matches!(self.target, Target::Partial(_))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let next = match &self.target {
            Target::Sink(_) => 0,
            Target::Partial(next) => next.memory_bytes(),
        };
        self.operator.memory_bytes() + next
    }
}
