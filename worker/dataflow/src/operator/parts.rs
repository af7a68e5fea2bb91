//! Rows for the partitions of an exchange.

use arrow::array::ArrayRef;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use protocol::hash::partition_v1;

/// About what a value of a partial row takes on the wire, bytes.
pub(super) const VALUE_BYTES: usize = 12;

/// Groups, each with the hash of its key, sorted by partition; and where each partition starts, then the end of the
/// last. Groups of a partition stay in the order in which they come.
fn parted(groups: impl Iterator<Item = (u32, u64)>, partitions: usize) -> (Vec<u32>, Vec<usize>) {
    let targets: Vec<(u32, u32)> =
        groups.map(|(group, hash)| (group, partition_v1(hash, partitions as u32))).collect();
    // Counting sort.
    let mut starts = vec![0usize; partitions + 1];
    for (_, target) in &targets {
        starts[*target as usize + 1] += 1;
    }
    for at in 0..partitions {
        starts[at + 1] += starts[at];
    }
    let mut order = vec![0u32; targets.len()];
    let mut next = starts.clone();
    for (group, target) in targets {
        order[next[target as usize]] = group;
        next[target as usize] += 1;
    }
    (order, starts)
}

/// Gives every partition its groups, as a batch of that schema. Groups come with the hash of their key; `columns` makes
/// the columns of groups in a given order.
pub(super) fn hand_over(
    schema: &SchemaRef,
    groups: impl Iterator<Item = (u32, u64)>,
    parts: &mut [Vec<RecordBatch>],
    columns: impl FnOnce(&[u32]) -> Vec<ArrayRef>,
) -> Result<(), ArrowError> {
    let (order, starts) = parted(groups, parts.len());
    let batch = RecordBatch::try_new(schema.clone(), columns(&order))?;
    for (at, part) in parts.iter_mut().enumerate() {
        let (start, end) = (starts[at], starts[at + 1]);
        if end > start {
            part.push(batch.slice(start, end - start));
        }
    }
    Ok(())
}

/// One batch per partition that has rows, partitions in order.
pub(super) fn whole_parts(
    schema: &SchemaRef,
    parts: Vec<Vec<RecordBatch>>,
) -> Result<Vec<(u32, RecordBatch)>, ArrowError> {
    let mut batches = Vec::new();
    for (partition, mut own) in parts.into_iter().enumerate() {
        let batch = match own.len() {
            0 => continue,
            1 => own.swap_remove(0),
            _ => concat_batches(schema, &own)?,
        };
        batches.push((partition as u32, batch));
    }
    Ok(batches)
}
