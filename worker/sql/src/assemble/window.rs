//! Windows: complete in stage 0 where the partitioning of the source allows it, else in two phases.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use dataflow::{
    Aggregate, ColumnKind, End, ExchangePlan, Grouping, Input, KeyColumn, LateRows,
    PartialAggregate, Pipeline, RowColumns, StageInput, Step, WindowAggregate, WindowInput,
};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::tokenizer::Location;
use protocol::Fingerprint;

use super::{Exchanges, ReadSource, is_column, projection};
use crate::expression::refuse;
use crate::grouped::WindowSelect;
use crate::insert::LateInsert;
use crate::physical::physical;
use crate::refusal::Refusal;
use crate::select::OutputColumn;

pub(super) struct Context<'a> {
    pub(super) operator: String,
    pub(super) sink: usize,
    /// Place of the sink of late rows, and what it gets.
    pub(super) late: Option<(usize, &'a LateInsert)>,
    pub(super) read: &'a ReadSource<'a>,
    pub(super) select: &'a WindowSelect,
    pub(super) partitions: u32,
    pub(super) at: Location,
}

/// The step that makes keys and arguments, and the end that takes them in stage 0.
pub(super) fn ends(
    context: Context<'_>,
    exchanges: &mut Exchanges,
) -> Result<(Step, End), Refusal> {
    let select = context.select;
    let grouping = Grouping {
        operator: context.operator.clone(),
        window: select.window,
        lateness_ms: select.lateness_ms,
        keys: select.keys.iter().map(|(key, _)| key.clone()).collect(),
        aggregates: select.aggregates.iter().map(|call| call.aggregate.clone()).collect(),
        late: context.late.map(|(sink, late)| late_rows(sink, late)),
    };
    grouping
        .check_lateness()
        .map_err(|why| Refusal::at(context.at, why, "use a longer slide or step"))?;
    let (step, input) = arguments(&context)?;
    let whole = WindowAggregate {
        steps: result_steps(select, &grouping, context.at)?,
        grouping: grouping.clone(),
        input: WindowInput::Rows(input.clone()),
        sink: context.sink,
    };
    if keyed(&context) {
        if context.read.declared.idle_timeout_ms.is_some() {
            let name = &context.read.declared.name;
            let message = format!(
                "source '{name}' is partitionedBy the keys, so its windows live with its partitions; they would stay \
                 open when a partition goes idle"
            );
            let supported = "remove watermark.idleTimeout of the source, or partitionedBy";
            return Err(Refusal::at(context.at, message, supported));
        }
        return Ok((step, End::Window(Box::new(whole))));
    }
    let exchange = exchanges.plans.len();
    exchanges.plans.push(ExchangePlan {
        id: context.operator,
        fingerprint: exchange_fingerprint(&grouping),
        schema: grouping.partial_schema(),
        partitions: context.partitions,
    });
    let merge = WindowAggregate { input: WindowInput::Partials, ..whole };
    let pipeline = Pipeline { steps: Vec::new(), end: End::Window(Box::new(merge)) };
    let reader = StageInput { input: Input::Exchange(exchange), pipelines: vec![pipeline] };
    exchanges.readers.push(reader);
    Ok((step, End::Partial(Box::new(PartialAggregate { grouping, input, exchange }))))
}

/// The claim covers the keys: all rows of a key lie in one partition.
fn keyed(context: &Context<'_>) -> bool {
    let claim = &context.read.declared.partitioned_by;
    claim.as_ref().is_some_and(|columns| {
        let mut keys = columns
            .iter()
            .map(|column| context.select.keys.iter().any(|(_, key)| is_column(key, column)));
        keys.all(|found| found)
    })
}

/// Event time, keys, arguments.
fn arguments(context: &Context<'_>) -> Result<(Step, RowColumns), Refusal> {
    let read = context.read;
    let Some(time) = &read.declared.event_time else {
        return Err(Refusal::at(context.at, "the source has no event time", ""));
    };
    let make = |expr: &Expr| physical(expr, &read.schema).map_err(|e| refuse(context.at, &e));
    let time_column = Expr::Column(Column::new_unqualified(time));
    let mut exprs = vec![make(&time_column)?];
    let mut fields = vec![Field::new(time, ColumnKind::Timestamp.data_type(), false)];
    let mut input = RowColumns::default();
    for (key, expr) in &context.select.keys {
        input.keys.push(exprs.len());
        exprs.push(make(expr)?);
        fields.push(Field::new(&key.name, key.kind.data_type(), true));
    }
    let mut made: Vec<(&Expr, usize)> = Vec::new();
    for call in &context.select.aggregates {
        let place = match (&call.argument, call.aggregate.argument) {
            (Some(expr), Some(kind)) => {
                if let Some((_, at)) = made.iter().find(|(other, _)| *other == expr) {
                    Some(*at)
                } else {
                    made.push((expr, exprs.len()));
                    exprs.push(make(expr)?);
                    let name = format!("__argument_{}", input.arguments.len());
                    fields.push(Field::new(name, kind.data_type(), true));
                    Some(exprs.len() - 1)
                }
            }
            _ => None,
        };
        input.arguments.push(place);
    }
    for column in context.late.iter().flat_map(|(_, late)| &late.columns) {
        input.carried.push(exprs.len());
        exprs.push(make(&column.expr)?);
        let name = format!("__late_{}", column.name);
        fields.push(Field::new(name, column.kind.data_type(), true));
    }
    let schema = Arc::new(Schema::new(fields));
    Ok((Step::Project { exprs, schema }, input))
}

fn late_rows(sink: usize, late: &LateInsert) -> LateRows {
    let column = |c: &OutputColumn| KeyColumn { name: c.name.clone(), kind: c.kind };
    LateRows { sink, columns: late.columns.iter().map(column).collect() }
}

/// `HAVING` and the columns of the sink, over the result.
fn result_steps(
    select: &WindowSelect,
    grouping: &Grouping,
    at: Location,
) -> Result<Vec<Step>, Refusal> {
    let schema = DFSchema::try_from(grouping.result_schema()).map_err(|e| refuse(at, &e))?;
    let mut steps = Vec::new();
    if let Some(having) = &select.having {
        steps.push(Step::Filter(physical(having, &schema).map_err(|e| refuse(at, &e))?));
    }
    steps.push(projection(&select.columns, &schema)?);
    Ok(steps)
}

/// Of format, key and row type: a successor reads these records only if they mean the same to it.
fn exchange_fingerprint(grouping: &Grouping) -> Fingerprint {
    let mut lines = vec![
        "exchange 1".to_owned(),
        format!("hash {}", protocol::hash::HASH_VERSION),
        format!("operator {}", grouping.operator),
        format!("window {}", grouping.window),
    ];
    for key in &grouping.keys {
        lines.push(format!("key {} {}", key.name, key.kind));
    }
    for Aggregate { name, argument, .. } in &grouping.aggregates {
        let kind = argument.map_or("*".to_owned(), |kind| kind.to_string());
        lines.push(format!("aggregate {name} {kind}"));
    }
    for field in grouping.partial_schema().fields() {
        lines.push(format!("column {} {}", field.name(), field.data_type()));
    }
    let text = lines.join("\n") + "\n";
    Fingerprint::of(text.as_bytes())
}
