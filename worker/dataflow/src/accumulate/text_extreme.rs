//! `min(x)` and `max(x)` over text, by bytes, null while no value has been seen.

use arrow::array::{Array, ArrayRef, AsArray};

use super::columns::TextColumn;
use super::fold::Fold;
use super::{AggregateError, Order, Rows};

pub(super) struct TextExtreme {
    best: TextColumn,
    max: bool,
}

impl TextExtreme {
    pub(super) fn new(max: bool) -> Self {
        Self { best: TextColumn::default(), max }
    }
}

impl Fold for TextExtreme {
    type State = TextColumn;

    fn state(&self) -> &Self::State {
        &self.best
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.best
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let values = argument.and_then(|values| values.as_string_opt::<i32>());
        let values = values.ok_or(AggregateError::Type)?;
        let Self { best, max } = self;
        rows.for_each_group(groups, |row, group| {
            if values.is_null(row) {
                return;
            }
            let text = values.value(row);
            let better =
                best.get(group).is_none_or(|own| if *max { text > own } else { text < own });
            if better {
                best.put(group, text);
            }
        });
        Ok(())
    }
}
