//! Typed expressions to expressions that evaluate Arrow batches.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::expressions::BinaryExpr;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};

/// Over batches of that schema. Arithmetic that leaves the range of its type is an error, never a wrapped number.
pub(crate) fn physical(expr: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    let context = PhysicalPlanningContext::default();
    let made = create_physical_expr(expr, schema, &ExecutionProps::new(), &context)?;
    let checked = made.transform_up(|node| {
        Ok(match node.downcast_ref::<BinaryExpr>() {
            Some(binary) => {
                let checked = binary.clone().with_fail_on_overflow(true);
                Transformed::yes(Arc::new(checked) as Arc<dyn PhysicalExpr>)
            }
            None => Transformed::no(node),
        })
    })?;
    Ok(checked.data)
}

/// Canonical text of an expression.
pub(crate) fn canonical(expr: &Expr, schema: &DFSchema) -> Result<String> {
    Ok(crate::text::text(physical(expr, schema)?.as_ref()))
}
