//! What names mean at a place in the query: columns of rows, or of the groups of a window.

use datafusion_common::DFSchema;
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::refusal::Refusal;
use crate::relation::Relation;

/// Names at a place in the query.
pub(crate) trait Scope {
    /// The schema that expressions of this scope are over.
    fn schema(&self) -> &DFSchema;
    /// A column.
    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal>;
    /// A call of an aggregate function.
    fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal>;
    /// A node that means something as a whole here, such as a grouping key.
    fn whole(&self, node: &ast::Expr) -> Option<Expr>;
}

pub(crate) const AGGREGATES: [&str; 16] = [
    "count",
    "approx_distinct",
    "approx_count_distinct",
    "sum",
    "min",
    "max",
    "avg",
    "var_pop",
    "var_samp",
    "variance",
    "stddev_pop",
    "stddev_samp",
    "stddev",
    "first_value",
    "last_value",
    "array_agg",
];
pub(crate) const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// Columns of rows, before any grouping.
pub(crate) struct RowScope<'a> {
    pub(crate) relation: &'a Relation,
    /// The name that may stand before a column.
    pub(crate) name: String,
    pub(crate) schema: &'a DFSchema,
    /// The rows come from a window function.
    pub(crate) windowed: bool,
}

impl RowScope<'_> {
    pub(crate) fn check_qualifier(
        &self,
        qualifier: Option<&str>,
        at: Location,
    ) -> Result<(), Refusal> {
        match qualifier {
            Some(qualifier) if qualifier != self.name => {
                let message = format!("there is no table '{qualifier}' here");
                Err(Refusal::at(at, message, format!("the table is called {}", self.name)))
            }
            _ => Ok(()),
        }
    }
}

impl Scope for RowScope<'_> {
    fn schema(&self) -> &DFSchema {
        self.schema
    }

    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal> {
        self.check_qualifier(qualifier, at)?;
        if let Some(expr) = self.relation.column(name) {
            return Ok(expr.clone());
        }
        if self.windowed && WINDOW_COLUMNS.contains(&name) {
            return Err(Refusal::at(
                at,
                format!("{name} is not known before the rows are grouped"),
                "use it in SELECT, GROUP BY and HAVING, not in WHERE or in an aggregate",
            ));
        }
        let known: Vec<&str> = self.relation.columns.iter().map(|(c, _)| c.as_str()).collect();
        let supported = format!("columns are {}", known.join(", "));
        Err(Refusal::at(at, format!("there is no column '{name}'"), supported))
    }

    fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal> {
        if call.over.is_some() {
            let supported = "OVER stands in the columns of a SELECT over rows, and after ROW_NUMBER() in a subquery, for \
                             the first rows of a key";
            return Err(Refusal::at(at, format!("OVER after {name} is not supported"), supported));
        }
        let supported = if self.windowed {
            "aggregates stand in SELECT and HAVING, and not inside each other"
        } else {
            "aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with \
             GROUP BY and EMIT CHANGES"
        };
        Err(Refusal::at(at, format!("the aggregate {name} is not possible here"), supported))
    }

    fn whole(&self, _node: &ast::Expr) -> Option<Expr> {
        None
    }
}
