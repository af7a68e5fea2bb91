//! Bounds of a query, named.

/// Depth of nested expressions that the parser follows.
pub(crate) const PARSER_DEPTH_MAX: usize = 60;
/// Bytes of SQL.
pub(crate) const SQL_BYTES_MAX: usize = 256 << 10;
/// Output columns of a `SELECT`.
pub(crate) const COLUMNS_MAX: usize = 1000;
