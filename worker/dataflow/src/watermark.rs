//! Watermarks: of a log (stage 0) and combined over upstream shards (R6).

use protocol::registers::{ShardRegisters, UpstreamWatermark};

/// Stands for "no watermark yet" where rows are compared one by one: nothing is late against it.
pub(crate) const UNDEFINED: i64 = i64::MIN;

/// Appends the watermark before each row to `before` and returns the maximum of event time after the last (R2).
pub(crate) fn watermarks_before(
    times: &[i64],
    delay_ms: i64,
    maximum: Option<i64>,
    before: &mut Vec<i64>,
) -> Option<i64> {
    let mut rest = times;
    let mut maximum = match (maximum, times) {
        (Some(maximum), _) => maximum,
        (None, [first, others @ ..]) => {
            before.push(UNDEFINED);
            rest = others;
            *first
        }
        (None, []) => return None,
    };
    before.extend(rest.iter().map(|time| {
        let watermark = maximum - delay_ms;
        maximum = maximum.max(*time);
        watermark
    }));
    Some(maximum)
}

/// Takes the newest entries into the registers and moves the combined watermark as far as they allow (R6).
pub(crate) fn take_entries(
    registers: &mut ShardRegisters,
    upstream_shards: u32,
    entries: &[UpstreamWatermark],
) {
    registers.upstream_shards = registers.upstream_shards.max(upstream_shards);
    for entry in entries {
        let known = registers.upstream.iter_mut().find(|known| {
            known.stage == entry.stage
                && known.partition == entry.partition
                && known.topic == entry.topic
        });
        match known {
            Some(known) => {
                let newest = entry.watermark.max(known.watermark);
                known.clone_from(entry);
                known.watermark = newest;
            }
            None => registers.upstream.push(entry.clone()),
        }
    }
    // A canonical order, so that equal registers are equal bytes.
    registers
        .upstream
        .sort_by(|a, b| (a.stage, &a.topic, a.partition).cmp(&(b.stage, &b.topic, b.partition)));
    combine(registers);
}

fn combine(registers: &mut ShardRegisters) {
    let upstream = &registers.upstream;
    if upstream.is_empty() || (upstream.len() as u64) < u64::from(registers.upstream_shards) {
        registers.idle = false;
        return;
    }
    registers.idle = upstream.iter().all(|entry| entry.idle);
    let found = if registers.idle {
        upstream.iter().filter_map(|entry| entry.watermark).max()
    } else {
        // `None` sorts first: an active shard without a row yet holds everything.
        upstream.iter().filter(|entry| !entry.idle).map(|entry| entry.watermark).min().flatten()
    };
    registers.combined = registers.combined.max(found);
}

#[cfg(test)]
mod tests {
    use protocol::StageId;

    use super::*;

    fn entry(partition: i32, watermark: Option<i64>, idle: bool) -> UpstreamWatermark {
        UpstreamWatermark {
            stage: StageId(0),
            topic: "t".to_owned(),
            partition,
            watermark,
            idle,
            drained: None,
        }
    }

    #[test]
    fn the_watermark_before_a_row_ignores_the_row() {
        let mut before = Vec::new();
        let maximum = watermarks_before(&[10, 30, 20, 40], 5, None, &mut before);
        assert_eq!((before, maximum), (vec![UNDEFINED, 5, 25, 25], Some(40)));
        let mut before = Vec::new();
        assert_eq!(watermarks_before(&[10], 5, Some(40), &mut before), Some(40));
        assert_eq!(before, vec![35]);
        assert_eq!(watermarks_before(&[], 5, None, &mut Vec::new()), None);
    }

    #[test]
    fn the_combined_watermark_follows_the_rule() {
        let e = entry;
        // (upstream shards, new entries, combined, idle) in sequence
        let steps: Vec<(u32, Vec<UpstreamWatermark>, Option<i64>, bool)> = vec![
            (2, vec![e(0, Some(10), false)], None, false),
            (2, vec![e(1, Some(7), false)], Some(7), false),
            (2, vec![e(1, Some(20), false)], Some(10), false),
            (2, vec![e(0, Some(10), true)], Some(20), false),
            (2, vec![e(0, Some(12), false)], Some(20), false),
            (2, vec![e(0, Some(12), true), e(1, Some(25), true)], Some(25), true),
            (3, vec![e(1, Some(40), false)], Some(25), false),
            (3, vec![e(2, None, false)], Some(25), false),
            (2, vec![e(2, None, true)], Some(40), false),
            (1, vec![e(1, Some(39), false)], Some(40), false),
        ];
        let mut registers = ShardRegisters::default();
        for (at, (shards, entries, combined, idle)) in steps.into_iter().enumerate() {
            take_entries(&mut registers, shards, &entries);
            assert_eq!((registers.combined, registers.idle), (combined, idle), "step {at}");
        }
        assert_eq!(registers.upstream_shards, 3);
    }

    #[test]
    fn all_idle_without_a_row_is_idle_and_undefined() {
        let mut registers = ShardRegisters::default();
        take_entries(&mut registers, 1, &[entry(0, None, true)]);
        assert_eq!((registers.combined, registers.idle), (None, true));
    }
}
