//! Bounds of a query, named.

/// Depth of nested expressions that the parser follows.
pub(crate) const PARSER_DEPTH_MAX: usize = 60;
/// Bytes of SQL.
pub(crate) const SQL_BYTES_MAX: usize = 256 << 10;
/// Parts of an expression, views written out.
pub(crate) const EXPRESSION_PARTS_MAX: usize = 2_000;
/// Nesting of an expression, views written out.
pub(crate) const EXPRESSION_DEPTH_MAX: usize = 260;
/// Output columns of a `SELECT`.
pub(crate) const COLUMNS_MAX: usize = 1000;
/// Windows over windows: each of them is a stage with an exchange.
pub(crate) const WINDOW_STAGES_MAX: usize = 8;
/// Words and signs of one statement.
pub(crate) const STATEMENT_TOKENS_MAX: usize = 10_000;
/// Operators in a row, as in `a AND b AND c`.
pub(crate) const CHAIN_MAX: usize = 250;
