//! Names after the numbering.

use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::select::ListScope;

/// The columns of the subquery, as what the operator hands out.
pub(super) struct RankedScope {
    /// Of the subquery.
    pub(super) name: String,
    /// With the result column that each is.
    pub(super) columns: Vec<(String, Expr)>,
    /// The result columns.
    pub(super) schema: DFSchema,
    /// What is supported.
    pub(super) form: &'static str,
}

impl RankedScope {
    fn check_qualifier(&self, qualifier: Option<&str>, at: Location) -> Result<(), Refusal> {
        match qualifier {
            Some(qualifier) if qualifier != self.name => {
                Err(Refusal::at(at, format!("there is no table '{qualifier}' here"), self.form))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn result_column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

impl ListScope for RankedScope {
    fn star(&self, qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal> {
        self.check_qualifier(qualifier, at)?;
        Ok(self.columns.clone())
    }

    fn as_scope(&mut self) -> &mut dyn Scope {
        self
    }
}

impl Scope for RankedScope {
    fn schema(&self) -> &DFSchema {
        &self.schema
    }

    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal> {
        self.check_qualifier(qualifier, at)?;
        if let Some((_, expr)) = self.columns.iter().find(|(column, _)| column == name) {
            return Ok(expr.clone());
        }
        let known: Vec<&str> = self.columns.iter().map(|(c, _)| c.as_str()).collect();
        let supported = format!("columns are {}", known.join(", "));
        Err(Refusal::at(at, format!("there is no column '{name}'"), supported))
    }

    fn aggregate(
        &mut self,
        name: &str,
        _call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal> {
        Err(Refusal::at(at, format!("the aggregate {name} is not possible here"), self.form))
    }

    fn whole(&self, _node: &ast::Expr) -> Option<Expr> {
        None
    }
}
