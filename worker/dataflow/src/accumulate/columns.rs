//! The state columns that accumulators are made of.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};

use super::fold::StateColumns;
use super::number::Number;
use super::{AggregateError, Rows};
use crate::codec::{Value, put_i64, put_value};
use crate::column::ColumnKind;

/// Visits the argument's values that are not null, each with its group.
#[inline]
pub(super) fn for_each_value<T: Number>(
    rows: &Rows<'_>,
    groups: &[u32],
    argument: Option<&ArrayRef>,
    mut visit: impl FnMut(T::Native, usize),
) -> Result<(), AggregateError> {
    let array = argument.and_then(|values| values.as_primitive_opt::<T>());
    let array = array.ok_or(AggregateError::Type)?;
    let values = array.values();
    match array.nulls() {
        None => rows.for_each_group(groups, |row, group| visit(values[row], group)),
        Some(nulls) => rows.for_each_group(groups, |row, group| {
            if nulls.is_valid(row) {
                visit(values[row], group);
            }
        }),
    }
    Ok(())
}

/// A whole number per group, 0 at first, never null.
#[derive(Default)]
pub(super) struct Counts(pub(super) Vec<i64>);

impl StateColumns for Counts {
    const WIDTH: usize = 1;

    fn grow(&mut self, groups: usize) {
        if groups > self.0.len() {
            self.0.resize(groups, 0);
        }
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        let counts = groups.iter().map(|group| self.0[*group as usize]);
        out.push(Arc::new(Int64Array::from_iter_values(counts)));
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        put_i64(out, self.0[group as usize]);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        let [Value::Int(count)] = values else { return None };
        self.0[group as usize] = *count;
        Some(())
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn memory_bytes(&self) -> usize {
        8 * self.0.capacity()
    }
}

/// A number or nothing per group.
pub(super) struct NumberColumn<T: Number> {
    pub(super) values: Vec<T::Native>,
    pub(super) seen: Vec<bool>,
    pub(super) kind: ColumnKind,
}

impl<T: Number> NumberColumn<T> {
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self { values: Vec::new(), seen: Vec::new(), kind }
    }

    pub(super) fn put(&mut self, group: usize, value: T::Native) {
        self.values[group] = value;
        self.seen[group] = true;
    }
}

impl<T: Number> StateColumns for NumberColumn<T> {
    const WIDTH: usize = 1;

    fn grow(&mut self, groups: usize) {
        if groups > self.values.len() {
            self.values.resize(groups, T::Native::default());
            self.seen.resize(groups, false);
        }
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        let values: ScalarBuffer<T::Native> =
            groups.iter().map(|group| self.values[*group as usize]).collect();
        let seen: BooleanBuffer = groups.iter().map(|group| self.seen[*group as usize]).collect();
        let nulls = Some(NullBuffer::new(seen)).filter(|nulls| nulls.null_count() > 0);
        let array = PrimitiveArray::<T>::new(values, nulls);
        out.push(Arc::new(array.with_data_type(self.kind.data_type())));
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        let at = group as usize;
        let value = if self.seen[at] { T::value(self.values[at]) } else { Value::Null };
        put_value(out, self.kind, value);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        match values {
            [Value::Null] => {}
            [value] => self.put(group as usize, T::native(*value)?),
            _ => return None,
        }
        Some(())
    }

    fn clear(&mut self) {
        self.values.clear();
        self.seen.clear();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<T::Native>() * self.values.capacity() + self.seen.capacity()
    }
}

/// A text or nothing per group.
#[derive(Default)]
pub(super) struct TextColumn {
    texts: Vec<Option<String>>,
    text_bytes: usize,
}

impl TextColumn {
    pub(super) fn get(&self, group: usize) -> Option<&str> {
        self.texts[group].as_deref()
    }

    /// The memory of the text before is used again.
    pub(super) fn put(&mut self, group: usize, text: &str) {
        let own = self.texts[group].get_or_insert_default();
        self.text_bytes -= own.capacity();
        own.clear();
        own.push_str(text);
        self.text_bytes += own.capacity();
    }

    pub(super) fn take(&mut self, group: usize) {
        let own = self.texts[group].take();
        self.text_bytes -= own.map_or(0, |text| text.capacity());
    }
}

impl StateColumns for TextColumn {
    const WIDTH: usize = 1;

    fn grow(&mut self, groups: usize) {
        if groups > self.texts.len() {
            self.texts.resize(groups, None);
        }
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        let texts = groups.iter().map(|group| self.get(*group as usize));
        out.push(Arc::new(texts.collect::<StringArray>()));
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        let value = self.get(group as usize).map_or(Value::Null, Value::Text);
        put_value(out, ColumnKind::Utf8, value);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        match values {
            [Value::Null] => {}
            [Value::Text(text)] => self.put(group as usize, text),
            _ => return None,
        }
        Some(())
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.text_bytes = 0;
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Option<String>>() * self.texts.capacity() + self.text_bytes
    }
}

/// True, false or nothing per group.
#[derive(Default)]
pub(super) struct TruthColumn(Vec<Option<bool>>);

impl TruthColumn {
    pub(super) fn put(&mut self, group: usize, value: bool) {
        self.0[group] = Some(value);
    }

    pub(super) fn take(&mut self, group: usize) {
        self.0[group] = None;
    }
}

impl StateColumns for TruthColumn {
    const WIDTH: usize = 1;

    fn grow(&mut self, groups: usize) {
        if groups > self.0.len() {
            self.0.resize(groups, None);
        }
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        let values = groups.iter().map(|group| self.0[*group as usize]);
        out.push(Arc::new(values.collect::<BooleanArray>()));
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        let value = self.0[group as usize].map_or(Value::Null, |value| Value::Int(value.into()));
        put_value(out, ColumnKind::Boolean, value);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        match values {
            [Value::Null] => {}
            [Value::Int(value @ (0 | 1))] => self.put(group as usize, *value == 1),
            _ => return None,
        }
        Some(())
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Option<bool>>() * self.0.capacity()
    }
}
