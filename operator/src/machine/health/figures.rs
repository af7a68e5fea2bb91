//! Does a generation do worse than the one before it: in lag, in watermarks, in bad records? Pure.

use std::time::Duration;

use crds::{FiguresStatus, GenerationStatus, StreamJobSpec};
use protocol::StageId;
use protocol::reason::Reason;

use crate::limits::{BAD_SHARE_SLACK, LAG_SLACK_RECORDS, LAG_SLACK_TIME, WORSE_FACTOR};
use crate::machine::CLAIMED;
use crate::observed::{Observed, SetView};

/// What `next` must not do worse than: what the generation that runs has come to; none unless every slot of it runs
/// and says so. Watermarks count as the new spec would set them.
pub(crate) fn figures_before(
    observed: &Observed,
    runs: &GenerationStatus,
    next: &GenerationStatus,
) -> Option<FiguresStatus> {
    let set = observed.set(runs.number);
    if set.count(CLAIMED) < runs.slots() {
        return None;
    }
    let spec = |generation: &GenerationStatus| observed.configs.get(&generation.number);
    let later = spec(runs).zip(spec(next)).and_then(|(before, after)| later_ms(before, after));
    let found = figures(&set);
    let watermark_ms = found.watermark_ms.zip(later).map(|(watermark, later)| watermark - later);
    Some(FiguresStatus { watermark_ms, ..found })
}

/// By how much the watermarks of a spec lie behind those of the one before; none where they are of other columns.
pub fn later_ms(before: &StreamJobSpec, after: &StreamJobSpec) -> Option<i64> {
    let delays = after.sources.iter().map(|source| {
        let known = before.sources.iter().find(|known| known.topic == source.topic)?;
        let (old, new) = (known.watermark.as_ref()?, source.watermark.as_ref()?);
        let ms = |delay: Duration| i64::try_from(delay.as_millis()).ok();
        (old.column == new.column).then_some(())?;
        Some((ms(new.delay())? - ms(old.delay())?).max(0))
    });
    delays.collect::<Option<Vec<i64>>>()?.into_iter().max()
}

fn figures(set: &SetView) -> FiguresStatus {
    let sources = set.slots().flat_map(|slot| &slot.shards).filter(|s| s.stage == StageId(0));
    FiguresStatus {
        lag: set.slots().map(|slot| slot.lag).sum(),
        watermark_ms: sources.filter_map(|shard| shard.watermark).max(),
        rows: set.slots().map(|slot| slot.rows).sum(),
        bad_rows: set.slots().map(|slot| slot.bad_rows).sum(),
    }
}

/// What is worse in a set than before, after so long. A log that waits for slower ones, as the spec asks, is no sign of
/// trouble: its records do not count as waiting, and as long as rows are taken at all, its watermark, which is the
/// largest, need not move.
pub(super) fn worse_in(
    set: &SetView,
    before: &FiguresStatus,
    after: Duration,
) -> Option<(Reason, String)> {
    let all = figures(set);
    let waiting = || set.slots().flat_map(|slot| &slot.shards).filter(|shard| shard.waits);
    let held = waiting().map(|s| s.end.map_or(0, |end| end.saturating_sub(s.committed).max(0)));
    let now = FiguresStatus { lag: all.lag.saturating_sub(held.sum::<i64>() as u64), ..all };
    let others_move = waiting().next().is_some() && now.rows > before.rows;
    let watermark_ms = before.watermark_ms.filter(|_| !others_move);
    worse(&FiguresStatus { watermark_ms, ..before.clone() }, &now, after)
}

/// What is worse than before after so long, if anything is. Each has its slack: what a take-over costs by itself, and
/// what comes and goes.
pub fn worse(
    before: &FiguresStatus,
    now: &FiguresStatus,
    after: Duration,
) -> Option<(Reason, String)> {
    let rows = now.rows.saturating_sub(before.rows) as f64;
    let bad = now.bad_rows.saturating_sub(before.bad_rows) as f64;
    let share = |bad: f64, rows: f64| if rows > 0.0 { bad / rows } else { 0.0 };
    let (was, is) = (share(before.bad_rows as f64, before.rows as f64), share(bad, rows));
    if is > was * WORSE_FACTOR + BAD_SHARE_SLACK {
        let text = format!(
            "{:.2} % of the records are bad, before it were {:.2} %",
            is * 100.0,
            was * 100.0
        );
        return Some((Reason::MoreBadRecords, text));
    }
    if before.watermark_ms.is_some() && now.watermark_ms <= before.watermark_ms && now.lag > 0 {
        let text = format!("{} records wait and no watermark has moved since", now.lag);
        return Some((Reason::WatermarkStuck, text));
    }
    let per_second = rows / after.as_secs_f64().max(1.0);
    let slack = LAG_SLACK_RECORDS + per_second * LAG_SLACK_TIME.as_secs_f64();
    let allowed = before.lag as f64 * WORSE_FACTOR + slack;
    (now.lag as f64 > allowed).then(|| {
        (Reason::LagGrew, format!("{} records wait, before it were {}", now.lag, before.lag))
    })
}
