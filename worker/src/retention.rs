//! Source logs that are about to lose what the newest checkpoint needs (S5). Brokers cut whole segments, so what counts
//! is the largest cut that has been seen: one more like it must not reach the checkpoint.

use std::collections::BTreeMap;

use protocol::Log;
use protocol::admin::SlotStatus;
use protocol::reason::Reason;

/// Where a log began, and the most records that it lost between two looks.
#[derive(Clone, Copy, Debug)]
struct Cut {
    start: i64,
    largest: i64,
}

/// What the looks so far have found.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    logs: BTreeMap<Log, Cut>,
}

impl Cuts {
    /// Takes up where the logs begin now. What is in danger of that which is needed, in words.
    pub(crate) fn look(
        &mut self,
        starts: &BTreeMap<Log, i64>,
        needed: &BTreeMap<Log, i64>,
    ) -> Option<String> {
        let mut near = Vec::new();
        for (log, start) in starts {
            let cut = self.logs.entry(log.clone()).or_insert(Cut { start: *start, largest: 0 });
            cut.largest = cut.largest.max(start.saturating_sub(cut.start));
            cut.start = *start;
            let from = needed.get(log).copied().unwrap_or(i64::MAX);
            if cut.largest > 0 && start.saturating_add(cut.largest) > from {
                near.push((log, *cut, from));
            }
        }
        let (log, Cut { start, largest }, from) = near.first()?;
        let others = match near.len() {
            1 => String::new(),
            more => format!(", and so do {} other logs", more - 1),
        };
        Some(format!(
            "{log} begins at {start} and lost {largest} records at a time; the newest checkpoint needs it from \
             {from}{others}"
        ))
    }
}

/// Says it on a slot that has nothing graver to say, and takes it back when it is over.
pub(crate) fn say(status: &mut SlotStatus, near: Option<String>) {
    let said = status.reason == Some(Reason::CheckpointOverdue);
    if said || status.reason.is_none() && near.is_some() {
        status.reason = near.as_ref().map(|_| Reason::CheckpointOverdue);
        status.message = near;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(offsets: &[i64]) -> BTreeMap<Log, i64> {
        offsets.iter().zip(0..).map(|(offset, n)| (Log::new("clicks", n), *offset)).collect()
    }

    #[test]
    fn the_next_cut_must_not_reach_the_checkpoint() {
        let mut cuts = Cuts::default();
        let near = |start: i64, from: Option<i64>, cuts: &mut Cuts| {
            let needed = from.map_or_else(BTreeMap::new, |from| logs(&[from]));
            cuts.look(&logs(&[start]), &needed).is_some()
        };
        assert!(!near(1_000, Some(1_000), &mut cuts), "nothing has been cut yet");
        assert!(!near(1_500, Some(2_000), &mut cuts), "the next cut ends where it is needed");
        assert!(near(1_500, Some(1_999), &mut cuts), "the next cut would reach it");
        assert!(!near(1_500, None, &mut cuts), "nothing is replayed");
        assert!(!near(1_600, Some(2_100), &mut cuts), "of two cuts the larger one counts");
        assert!(near(1_600, Some(2_099), &mut cuts), "of two cuts the larger one counts");
        assert!(near(1_600, Some(1_500), &mut cuts), "it is lost already");
    }

    #[test]
    fn the_log_is_named_with_how_many_more() {
        let mut cuts = Cuts::default();
        assert_eq!(cuts.look(&logs(&[0, 0]), &logs(&[5, 5])), None);
        let text = cuts.look(&logs(&[10, 10]), &logs(&[12, 12])).expect("both are near");
        assert!(text.contains("begins at 10 and lost 10 records"), "{text}");
        assert!(text.ends_with("from 12, and so do 1 other logs"), "{text}");
    }
}
