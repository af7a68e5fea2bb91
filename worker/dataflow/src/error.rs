//! What can go wrong in a shard, and what to do about it.

/// A shard cannot go on. Its state must not be used any more: the process ends and the next start reads what
/// happened. The same log leads to the same error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataflowError {
    /// A sum left the range of its type.
    #[error(
        "operator {operator}: {column} leaves the range of {type_name}; cast its argument to a wider type, for \
         example DOUBLE"
    )]
    Overflow {
        /// The operator's stable id.
        operator: String,
        /// The aggregate as written in the state schema.
        column: String,
        /// Name of the type that was too small.
        type_name: String,
    },
    /// An expression of the query failed on a row.
    #[error(
        "operator {operator}: {message}; guard the expression in the SQL (CASE, NULLIF, TRY_CAST)"
    )]
    Expression {
        /// The operator's stable id.
        operator: String,
        /// The evaluator's words.
        message: String,
    },
    /// Rows that the plan does not describe: another schema, a missing or impossible event time.
    #[error("{0}")]
    Input(String),
    /// Stored state that this build cannot read.
    #[error("stored state of {operator} is damaged: {message}")]
    Corrupt {
        /// The operator's stable id.
        operator: String,
        /// What was found.
        message: String,
    },
    /// The plan or the caller breaks an invariant: a defect of this program.
    #[error("defect: {0}")]
    Bug(String),
}

/// Stored state cannot be taken over by this plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state of operator {operator} cannot be taken over: {why}")]
pub struct Incompatible {
    /// The operator's stable id.
    pub operator: String,
    /// What differs, old against new.
    pub why: String,
}
