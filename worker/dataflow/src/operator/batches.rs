//! Sizes and shapes of batches.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::error::DataflowError;

/// Bytes of the values in a batch, without what its buffers hold beside them.
pub(crate) fn data_bytes(batch: &RecordBatch) -> usize {
    let bytes = |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

/// Checks that a batch is what the exchange's plan says.
pub(crate) fn check_partials(batch: &RecordBatch, schema: &SchemaRef) -> Result<(), DataflowError> {
    let same = batch.num_columns() == schema.fields().len()
        && batch.columns().iter().zip(schema.fields()).all(|(column, field)| {
            column.data_type() == field.data_type()
                && (field.is_nullable() || column.null_count() == 0)
        });
    if same {
        return Ok(());
    }
    Err(DataflowError::Input(format!(
        "partial rows are ({}), the exchange has ({})",
        types(&batch.schema()),
        types(schema)
    )))
}

fn types(schema: &SchemaRef) -> String {
    let columns = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::DataType::{Int64, Utf8};

    use super::*;

    #[test]
    fn partials_of_another_shape_are_refused() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let batch = RecordBatch::try_from_iter([("a", column)]).expect("one column");
        let schema = |kind: arrow::datatypes::DataType, nullable| -> SchemaRef {
            let field = arrow::datatypes::Field::new("b", kind, nullable);
            Arc::new(arrow::datatypes::Schema::new(vec![field]))
        };
        assert_eq!(check_partials(&batch, &schema(Int64, true)), Ok(()));
        assert!(check_partials(&batch, &schema(Int64, false)).is_err());
        assert!(check_partials(&batch, &schema(Utf8, true)).is_err());
    }
}
