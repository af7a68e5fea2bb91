//! A refused query: what, where, and what is supported instead.

use std::fmt;

use datafusion_sql::sqlparser::tokenizer::Location;

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// Line in the SQL, from 1; 0 where the fault is not in the SQL.
    pub line: u64,
    /// Column in the SQL, from 1; 0 where the fault is not in the SQL.
    pub column: u64,
    /// What to write instead; may be empty.
    pub supported: String,
}

impl Refusal {
    pub(crate) fn at(
        at: Location,
        message: impl Into<String>,
        supported: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            line: at.line,
            column: at.column,
            supported: supported.into(),
        }
    }

    /// A fault of the job's declarations, not of its SQL.
    pub(crate) fn declared(message: impl Into<String>, supported: impl Into<String>) -> Self {
        Self::at(Location { line: 0, column: 0 }, message, supported)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        if !self.supported.is_empty() {
            write!(f, "; {}", self.supported)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
