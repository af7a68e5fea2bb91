//! Emission at a commit boundary, whole or cut (C10), and its replay.

use protocol::metadata::EmissionCursor;
use protocol::registers::UpstreamWatermark;

use super::{EndState, Shard};
use crate::emission::{Emission, EmissionLimit};
use crate::error::DataflowError;
use crate::operator::{Budget, Due, Handed, HandedOut};
use crate::plan::Input;
use crate::watermark::UNDEFINED;

impl Shard {
    /// Everything due here (D4). Rows and partials since the last boundary come whole, then windows in the order of
    /// (window end, operator, key hash, key) as far as the limit goes. While `cut` is set, commit and call again.
    pub fn boundary(&mut self, limit: EmissionLimit) -> Result<Emission, DataflowError> {
        if self.muted {
            return Err(DataflowError::Bug("a muted replay was not settled".to_owned()));
        }
        let mut emission = Emission { watermark: self.own_entry(), ..Emission::default() };
        self.hand_out_open(&mut emission)?;
        self.open = false;
        let whole = emission.sinks.iter().chain(&emission.deletions);
        let whole: usize = whole.map(|(_, batch)| crate::operator::data_bytes(batch)).sum();
        let mut budget = Budget {
            rows: limit.rows.saturating_sub(emission.rows()),
            bytes: limit.bytes.saturating_sub(whole as u64),
        };
        if emission.rows() == 0 {
            // However small the limit, every emission makes progress.
            budget = Budget { rows: limit.rows.max(1), bytes: limit.bytes.max(1) };
        }
        let watermark = self.watermark().unwrap_or(UNDEFINED);
        self.hand_out_due(watermark, &mut budget, &mut emission)?;
        let plan = std::sync::Arc::clone(&self.plan);
        for place in 0..self.windows.len() {
            self.results_mut(place)?.drain(&plan, &mut emission)?;
        }
        if emission.cut.is_some() {
            // What is still to come may be older than the watermark.
            emission.watermark = None;
            self.cut = true;
            return Ok(emission);
        }
        self.finish(watermark)?;
        Ok(emission)
    }

    /// Windows in order, as far as the budget goes.
    fn hand_out_due(
        &mut self,
        watermark: i64,
        budget: &mut Budget,
        emission: &mut Emission,
    ) -> Result<(), DataflowError> {
        while let Some((due, place)) = self.next_due(watermark)? {
            let operator = self.windows[place].0;
            let results = self.results_mut(place)?;
            let unfinished = if budget.is_spent() {
                let groups = results.operator.handed_out(due.end);
                Some(HandedOut { end: due.end, groups })
            } else {
                let mut handed = Handed::default();
                let unfinished = results.operator.emit(due, budget, &mut handed)?;
                results.hand_over(handed, emission)?;
                unfinished
            };
            if let Some(HandedOut { end, groups }) = unfinished {
                emission.cut = Some(EmissionCursor { operator, window_end: end, rows: groups });
                return Ok(());
            }
        }
        Ok(())
    }

    /// What to hand out next: smallest time, then smallest table number.
    fn next_due(&mut self, watermark: i64) -> Result<Option<(Due, usize)>, DataflowError> {
        let mut next: Option<(i64, usize)> = None;
        let mut until = watermark;
        for table in 0..self.windows.len() {
            let Some(end) = self.window_mut(table)?.next_due(watermark) else { continue };
            match next {
                // The one found before comes first where times are equal.
                Some((first, _)) if first <= end => until = until.min(end),
                Some((other, _)) => {
                    until = until.min(other - 1);
                    next = Some((end, table));
                }
                None => next = Some((end, table)),
            }
        }
        Ok(next.map(|(end, place)| (Due { end, until, watermark }, place)))
    }

    fn hand_out_open(&mut self, emission: &mut Emission) -> Result<(), DataflowError> {
        for end in &mut self.ends {
            match end {
                EndState::Sink { sink, rows, bytes } => {
                    emission.sinks.extend(rows.drain(..).map(|batch| (*sink, batch)));
                    *bytes = 0;
                }
                EndState::Window(window) => {
                    let mut again = Handed::default();
                    window.operator.hand_out_open(&mut emission.sinks, &mut again)?;
                    window.hand_over(again, emission)?;
                }
                EndState::Partial(partial) => {
                    partial.drain_late(&mut emission.sinks);
                    let exchange = partial.plan().exchange;
                    let partitions = self.plan.exchanges[exchange].partitions;
                    let batches = partial.drain(partitions)?;
                    emission.exchanges.extend(batches.into_iter().map(|(p, b)| (exchange, p, b)));
                }
            }
        }
        Ok(())
    }

    /// What the shard promises to those that it feeds: nothing of it that is older is to come. Its watermark, less
    /// what a result may lie behind it.
    pub fn promised(&self) -> Option<i64> {
        let own = self.watermark()?;
        let of = |end: &EndState| match end {
            EndState::Window(window) => window.promised(own),
            EndState::Sink { .. } | EndState::Partial(_) => None,
        };
        Some(self.ends.iter().filter_map(of).fold(own, i64::min))
    }

    fn own_entry(&self) -> Option<UpstreamWatermark> {
        let feeds = self.ends.iter().any(|end| match end {
            EndState::Sink { .. } => false,
            EndState::Window(window) => window.feeds(),
            EndState::Partial(_) => true,
        });
        feeds.then(|| UpstreamWatermark {
            stage: self.stage,
            topic: self.log.topic.clone(),
            partition: self.log.partition,
            watermark: self.promised(),
            // Behind an exchange a shard may only be slow: whoever ignored it would lose its results. No idle log holds
            // back the watermark that it has combined.
            idle: self.registers.idle && matches!(self.input, Input::Source(_)),
            drained: self.drained,
        })
    }

    fn finish(&mut self, watermark: i64) -> Result<(), DataflowError> {
        for table in 0..self.windows.len() {
            self.window_mut(table)?.finish(watermark)?;
        }
        self.registers.sent_until = None;
        self.cut = false;
        self.open = false;
        Ok(())
    }

    /// Ends a muted replay at the committed offset: drops everything due up to here, or with a cursor exactly what it
    /// says has been sent; then the next [`boundary`](Self::boundary) hands out the rest before anything is read.
    ///
    /// In the middle of a replay only `None` makes sense, and only if the committed metadata has no cursor.
    pub fn settle(&mut self, cursor: Option<EmissionCursor>) -> Result<(), DataflowError> {
        for end in &mut self.ends {
            match end {
                EndState::Sink { rows, bytes, .. } => {
                    rows.clear();
                    *bytes = 0;
                }
                EndState::Window(window) => window.operator.discard_open(),
                EndState::Partial(partial) => partial.discard(),
            }
        }
        let watermark = self.watermark().unwrap_or(UNDEFINED);
        match cursor {
            None => self.finish(watermark)?,
            Some(cursor) => self.skip_to(cursor, watermark)?,
        }
        self.muted = false;
        Ok(())
    }

    fn skip_to(&mut self, cursor: EmissionCursor, watermark: i64) -> Result<(), DataflowError> {
        let end = cursor.window_end;
        let at = self.windows.partition_point(|(table, _)| *table < cursor.operator);
        let known = self.windows.get(at).is_some_and(|(table, _)| *table == cursor.operator);
        for place in 0..self.windows.len() {
            let sent_to = if place < at { end } else { end - 1 };
            self.window_mut(place)?.set_fired_until(sent_to);
        }
        let lost = || DataflowError::Corrupt {
            operator: format!("table {}", cursor.operator),
            message: format!(
                "the committed cursor says that {} rows of its window that ends at {end} have been sent; there is no \
                 such window",
                cursor.rows
            ),
        };
        if !known {
            return Err(lost());
        }
        let window = self.window_mut(at)?;
        let done = HandedOut { end, groups: cursor.rows };
        if window.next_due(watermark) != Some(end) || !window.skip(done, watermark)? {
            return Err(lost());
        }
        self.cut = true;
        self.open = false;
        Ok(())
    }
}
