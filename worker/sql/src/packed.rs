//! The function that packs a row: what orders it, and what is kept of it.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use dataflow::{ColumnKind, RowOrder, pack_rows};
use datafusion_common::{Result, exec_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct PackRows {
    orders: Vec<RowOrder>,
    signature: Signature,
}

/// A call over what orders rows and what is kept of them.
pub(crate) fn packed(ordering: Vec<(Expr, RowOrder)>, kept: Vec<Expr>) -> Expr {
    let (mut args, orders): (Vec<Expr>, Vec<RowOrder>) = ordering.into_iter().unzip();
    args.extend(kept);
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::new_from_impl(PackRows { orders, signature }).call(args)
}

impl ScalarUDFImpl for PackRows {
    fn name(&self) -> &'static str {
        "packed"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(ColumnKind::Bytes.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.into_iter().map(|value| value.into_array(rows));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let Some(packed) = pack_rows(&self.orders, &columns, rows) else {
            return exec_err!("a row of these columns cannot be packed");
        };
        Ok(ColumnarValue::Array(packed))
    }
}
