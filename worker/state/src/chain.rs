//! When a shard's chain of runs starts anew.

use protocol::manifest::{Run, RunKind};

use crate::StateError;
use crate::limits::{CHAIN_DELTA_BYTES_MIN, CHAIN_DELTAS_PER_BASE, CHAIN_RUNS_MAX};

/// Whether a shard's next run is a delta of about `new_delta_len` bytes, or a new base.
///
/// A base costs an upload of the whole shard, a long chain costs its readers: a chain may weigh
/// `1 +` [`CHAIN_DELTAS_PER_BASE`] times its base and have [`CHAIN_RUNS_MAX`] runs.
pub fn decide(runs: &[Run], new_delta_len: u64) -> RunKind {
    let Some((base, deltas)) = runs.split_first() else { return RunKind::Base };
    debug_assert_eq!(base.kind, RunKind::Base, "a chain begins with a base");
    let weight = deltas.iter().map(|run| run.len).sum::<u64>() + new_delta_len;
    let light = weight <= CHAIN_DELTA_BYTES_MIN.max(base.len.saturating_mul(CHAIN_DELTAS_PER_BASE));
    if runs.len() < CHAIN_RUNS_MAX && light { RunKind::Delta } else { RunKind::Base }
}

/// Whether a chain can be one: a base first, deltas behind it, or nothing at all.
pub fn check(runs: &[Run]) -> Result<(), StateError> {
    for (at, run) in runs.iter().enumerate() {
        let expected = if at == 0 { RunKind::Base } else { RunKind::Delta };
        if run.kind != expected {
            let message = format!("run {at} of the chain is a {:?}, not a {expected:?}", run.kind);
            return Err(StateError::UnreadableRun(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunKind::{Base, Delta};

    fn chain(lens: &[u64]) -> Vec<Run> {
        let run = |(at, len): (usize, &u64)| Run {
            object: "o".to_owned(),
            start: 0,
            len: *len,
            crc32c: 0,
            kind: if at == 0 { Base } else { Delta },
            entries: 0,
        };
        lens.iter().enumerate().map(run).collect()
    }

    #[test]
    fn decisions() {
        const MIB: u64 = 1 << 20;
        let long = |runs: usize| chain(&[&[100 * MIB][..], &vec![1; runs - 1]].concat());
        for (runs, new_delta_len, expected) in [
            (chain(&[]), 0, Base),
            (chain(&[]), MIB, Base),
            (chain(&[100 * MIB]), 0, Delta),
            (chain(&[100 * MIB]), 200 * MIB, Delta),
            (chain(&[100 * MIB]), 200 * MIB + 1, Base),
            (chain(&[100 * MIB, 150 * MIB]), 50 * MIB, Delta),
            (chain(&[100 * MIB, 150 * MIB]), 50 * MIB + 1, Base),
            // A tiny base does not make every checkpoint a base.
            (chain(&[10, 20, 30]), MIB - 50, Delta),
            (chain(&[10, 20, 30]), MIB, Base),
            (chain(&[0]), MIB, Delta),
            (long(CHAIN_RUNS_MAX - 1), 1, Delta),
            (long(CHAIN_RUNS_MAX), 1, Base),
            (chain(&[u64::MAX / 4]), u64::MAX / 4, Delta),
        ] {
            let lens: Vec<u64> = runs.iter().map(|run| run.len).take(4).collect();
            assert_eq!(decide(&runs, new_delta_len), expected, "{lens:?} + {new_delta_len}");
        }
    }

    #[test]
    fn chains_begin_with_their_only_base() {
        assert!(check(&[]).is_ok());
        assert!(check(&chain(&[1, 2, 3])).is_ok());
        assert!(check(&chain(&[1, 2, 3])[1..]).is_err());
        let doubled = [chain(&[1, 2]), chain(&[1])].concat();
        assert!(check(&doubled).is_err());
    }
}
