//! A job as it is now.

use std::fmt::Write as _;

use crds::ConditionType;
use protocol::admin::{ShardStatus, SlotStatus};
use serde_json::{Value, json};

use crate::seen::{PodSeen, Seen, watermark};
use crate::table::{ago, bytes, table};

/// For people.
pub fn text(seen: &Seen, shards: bool) -> String {
    let mut text = head(seen);
    text.push('\n');
    text.push_str(&slots(seen));
    if shards {
        text.push('\n');
        text.push_str(&shard_lines(seen));
    }
    for pod in &seen.pods {
        if let Err(why) = &pod.worker {
            writeln!(text, "\n{}: not heard: {why}", pod.name).expect("a String takes everything");
        }
    }
    text
}

fn head(seen: &Seen) -> String {
    let phase = seen.status.phase.map(|phase| format!("{phase:?}"));
    let mut lines = vec![format!(
        "{} in {}: {}",
        seen.name(),
        seen.namespace(),
        phase.as_deref().unwrap_or("not looked at by an operator yet")
    )];
    if let Some(current) = &seen.status.current {
        lines.push(format!(
            "  generation {}: {} pods with {} slots each, plan {}, image {}",
            current.number,
            current.parallelism,
            current.slots_per_worker,
            current.plan_fingerprint,
            current.image
        ));
    }
    if let Some(next) = &seen.status.next {
        let what = next.change.map_or_else(|| "change".to_owned(), |change| change.to_string());
        lines.push(format!(
            "  next: generation {} with {} pods ({what})",
            next.number, next.parallelism
        ));
    }
    lines.push(format!("  {}", progress(seen)));
    if let Some(rollout) = &seen.status.rollout {
        lines.push(format!("  last rollout: {rollout}"));
    }
    for of in [
        ConditionType::Ready,
        ConditionType::Reconciling,
        ConditionType::Stalled,
        ConditionType::Degraded,
    ] {
        if let Some((true, reason, message)) = seen.condition(of) {
            lines.push(format!("  {of}: {reason}: {message}"));
        } else if let (ConditionType::Ready, Some((false, reason, message))) =
            (of, seen.condition(of))
        {
            lines.push(format!("  not ready: {reason}: {message}"));
        }
    }
    lines.join("\n") + "\n"
}

fn progress(seen: &Seen) -> String {
    let since = |ms: i64| ago((seen.at.as_millisecond() - ms) / 1000);
    let lag = seen.lag().map_or_else(|| "unknown".to_owned(), |lag| format!("{lag} records"));
    let watermark = seen.watermark().map_or_else(|| "none".to_owned(), since);
    let checkpoint = seen.status.checkpoint.as_ref();
    let checkpoint =
        checkpoint.map_or_else(|| "none".to_owned(), |c| since(c.completed_at.0.as_millisecond()));
    let live = if seen.heard_all() { "" } else { ", as the operator saw it" };
    format!("lag {lag}, watermark {watermark}, checkpoint {checkpoint}{live}")
}

fn slots(seen: &Seen) -> String {
    let since = |ms: i64| ago((seen.at.as_millisecond() - ms) / 1000);
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    for (pod, slot) in every_slot(seen) {
        let checkpoint = slot.checkpoint.as_ref();
        rows.push((
            slot.slot.0,
            vec![
                slot.slot.to_string(),
                pod.name.clone(),
                phase(slot),
                slot.shards.len().to_string(),
                slot.lag.to_string(),
                watermark(slot).map_or_else(|| "-".to_owned(), since),
                slot.rows.to_string(),
                slot.late_rows.to_string(),
                format!("{:.1} ms", slot.commit_ms),
                checkpoint.map_or_else(|| "-".to_owned(), |c| since(c.completed_at)),
                bytes(slot.state_bytes),
            ],
        ));
    }
    rows.sort_by_key(|(slot, _)| *slot);
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let heads = [
        "SLOT",
        "POD",
        "PHASE",
        "SHARDS",
        "LAG",
        "WATERMARK",
        "ROWS",
        "LATE",
        "COMMIT",
        "CHECKPOINT",
        "STATE",
    ];
    table(&heads, &rows)
}

/// Slots of all generations: during a rollout two of them are worth seeing.
fn every_slot(seen: &Seen) -> impl Iterator<Item = (&PodSeen, &SlotStatus)> {
    let heard = seen.pods.iter().filter_map(|pod| Some((pod, pod.worker.as_ref().ok()?)));
    heard.flat_map(|(pod, worker)| worker.slots.iter().map(move |slot| (pod, slot)))
}

fn phase(slot: &SlotStatus) -> String {
    match slot.reason {
        Some(reason) => format!("{:?} ({reason})", slot.phase),
        None => format!("{:?}", slot.phase),
    }
}

fn shard_lines(seen: &Seen) -> String {
    let since = |ms: i64| ago((seen.at.as_millisecond() - ms) / 1000);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (_, slot) in seen.slots() {
        for shard in &slot.shards {
            let behind = shard.end.map(|end| end.saturating_sub(shard.committed).max(0));
            rows.push(vec![
                shard.stage.to_string(),
                format!("{}/{}", shard.log.topic, shard.log.partition),
                slot.slot.to_string(),
                shard.committed.to_string(),
                behind.map_or_else(|| "-".to_owned(), |behind| behind.to_string()),
                shard.watermark.map_or_else(|| "-".to_owned(), since),
                at_rest(shard).to_owned(),
            ]);
        }
    }
    rows.sort();
    table(&["STAGE", "LOG", "SLOT", "COMMITTED", "BEHIND", "WATERMARK", ""], &rows)
}

/// Why nothing is read of a log.
fn at_rest(shard: &ShardStatus) -> &'static str {
    match (shard.idle, shard.waits) {
        (true, _) => "idle",
        (false, true) => "waits for slower ones",
        (false, false) => "",
    }
}

/// For programs.
pub fn json(seen: &Seen) -> Value {
    let pods: Vec<Value> = seen
        .pods
        .iter()
        .map(|pod| {
            json!({
                "name": pod.name,
                "generation": pod.generation,
                "node": pod.node,
                "ready": pod.ready,
                "restarts": pod.restarts,
                "worker": pod.worker.as_ref().ok(),
                "notHeard": pod.worker.as_ref().err(),
            })
        })
        .collect();
    json!({
        "name": seen.name(),
        "namespace": seen.namespace(),
        "live": seen.heard_all(),
        "lag": seen.lag(),
        "watermarkMs": seen.watermark(),
        "status": seen.job["status"],
        "pods": pods,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::samples::seen;

    #[test]
    fn a_job_that_runs_is_shown_with_its_slots() {
        let shown = text(&seen(true), false);
        let want = "\
clicks in shop: Running
  generation 3: 2 pods with 1 slots each, plan 00000000000000ff, image worker:1
  lag 20 records, watermark 10s ago, checkpoint 30s ago
  last rollout: generation 3 took over 4 shards; nobody committed for 350 ms at most, 90 ms in the median
  Ready: Running: generation 3: 2 of 2 slots run
  Stalled: TopicMissing: nowhere does not exist

SLOT   POD           PHASE     SHARDS   LAG   WATERMARK   ROWS   LATE   COMMIT   CHECKPOINT   STATE
0      clicks-g3-0   Running   2        10    10s ago     95     1      4.5 ms   30s ago      2.0 KiB
1      clicks-g3-1   Running   2        10    10s ago     95     1      4.5 ms   30s ago      2.0 KiB
";
        assert_eq!(shown, want);
    }

    #[test]
    fn who_is_not_heard_is_named_and_the_operator_believed() {
        let shown = text(&seen(false), false);
        assert!(shown.contains("lag 77 records"), "{shown}");
        assert!(shown.contains("as the operator saw it"), "{shown}");
        assert!(shown.contains("clicks-g3-1: not heard: forbidden"), "{shown}");
    }

    #[test]
    fn shards_are_shown_when_asked_for() {
        let shown = text(&seen(true), true);
        assert!(
            shown.contains("0       clicks/1   1      90          10       10s ago"),
            "{shown}"
        );
        assert!(shown.contains("idle"), "{shown}");
        assert!(shown.contains("waits for slower ones"), "{shown}");
    }

    #[test]
    fn programs_get_figures() {
        let shown = json(&seen(true));
        assert_eq!(shown["lag"], 20);
        assert_eq!(shown["live"], true);
        assert_eq!(shown["pods"][1]["worker"]["slots"][0]["slot"], 1);
    }
}
