//! SQL to stages of operators. Every node of the syntax tree that is not on the allow-list is refused with its
//! position and what is supported instead: nothing is dropped silently.
#![warn(missing_docs)]

mod aggregate_call;
mod assemble;
mod clauses;
mod describe;
mod dialect;
mod endless;
mod expression;
mod functions;
mod grouped;
mod insert;
mod limits;
mod over;
mod packed;
mod parse;
mod physical;
mod query;
mod ranked;
mod refusal;
mod relation;
mod scope;
mod select;
mod syntax;
mod table_function;
mod text;
mod types;
mod upsert;

pub use describe::{Description, describe};
pub use query::{ColumnDef, JobQuery, SinkDef, SourceDef, SqlType};
pub use refusal::Refusal;

use dataflow::JobPlan;

/// Plans a job. All faults are reported, not the first.
pub fn plan(query: &JobQuery) -> Result<JobPlan, Vec<Refusal>> {
    let faults = query.faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    plan_sql(query).map_err(|mut faults| {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults.dedup();
        faults
    })
}

fn plan_sql(query: &JobQuery) -> Result<JobPlan, Vec<Refusal>> {
    let statements = parse::statements(&query.sql)?;
    let inserts = insert::plan_statements(query, &statements)?;
    assemble::assemble(query, inserts)
}
