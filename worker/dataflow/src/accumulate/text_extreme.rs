//! `min(x)` and `max(x)` over text, by bytes, null while no value has been seen.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::{Accumulator, AggregateError, Rows};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;

pub(super) struct TextExtreme {
    best: Vec<Option<String>>,
    max: bool,
    text_bytes: usize,
}

impl TextExtreme {
    pub(super) fn new(max: bool) -> Self {
        Self { best: Vec::new(), max, text_bytes: 0 }
    }

    fn offer(&mut self, group: usize, text: &str) {
        let best = &mut self.best[group];
        if let Some(known) = best {
            let better = if self.max { text > known.as_str() } else { text < known.as_str() };
            if better {
                self.text_bytes -= known.capacity();
                known.clear();
                known.push_str(text);
                self.text_bytes += known.capacity();
            }
        } else {
            let text = text.to_owned();
            self.text_bytes += text.capacity();
            *best = Some(text);
        }
    }
}

impl Accumulator for TextExtreme {
    fn state_kinds(&self) -> &[ColumnKind] {
        &[ColumnKind::Utf8]
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.best.len() {
            self.best.resize(groups, None);
        }
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
    ) -> Result<(), AggregateError> {
        let values = argument.and_then(|values| values.as_string_opt::<i32>());
        let values = values.ok_or(AggregateError::Type)?;
        rows.for_each_group(groups, |row, group| {
            if values.is_valid(row) {
                self.offer(group, values.value(row));
            }
        });
        Ok(())
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        self.update(rows, groups, states.first())
    }

    fn states(&self, groups: &[u32]) -> Vec<ArrayRef> {
        vec![self.output(groups)]
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let texts = groups.iter().map(|group| self.best[*group as usize].as_deref());
        Arc::new(texts.collect::<StringArray>())
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        let value = self.best[group as usize].as_deref().map_or(Value::Null, Value::Text);
        put_value(out, ColumnKind::Utf8, value);
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        match state {
            [Value::Null] => {}
            [Value::Text(text)] => self.offer(group as usize, text),
            _ => return None,
        }
        Some(())
    }

    fn clear(&mut self) {
        self.best.clear();
        self.text_bytes = 0;
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Option<String>>() * self.best.capacity() + self.text_bytes
    }
}
