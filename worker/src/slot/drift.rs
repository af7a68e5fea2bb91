//! Which log waits for which: pure, over what is known of them. Waiting delays reading and nothing else, so it may go
//! by what is known late, or not at all.

/// What is known of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// None: no row of it is known.
    pub(super) watermark: Option<i64>,
    /// Nobody waits for it, and it waits for nobody: there is nothing to be read of it.
    pub(super) idle: bool,
}

/// How far the slowest of some logs is; the smallest of two is the slower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slowest {
    /// Of one of them no row is known, but may be any moment.
    Unknown,
    /// Its watermark.
    At(i64),
    /// There is none that anybody would wait for.
    Nobody,
}

impl Known {
    /// Of a log of which nobody has said anything.
    pub(super) const NOTHING: Self = Self { watermark: None, idle: false };

    /// How far it lets others go. Of a log without a row nobody can say how far it is behind, nor whether one will ever
    /// come: it may have bad records alone, or an open transaction in front of all. So others wait for it only while
    /// they are `patient`, which is in the beginning.
    pub(super) fn pace(self, patient: bool) -> Slowest {
        match self.watermark {
            _ if self.idle => Slowest::Nobody,
            Some(watermark) => Slowest::At(watermark),
            None if patient => Slowest::Unknown,
            None => Slowest::Nobody,
        }
    }

    /// What two have said of the same log: the later, and where nobody can tell which that is, that it is not idle.
    pub(super) fn newer(self, other: Self) -> Self {
        let rank = |known: Self| (known.watermark, !known.idle);
        if rank(other) > rank(self) { other } else { self }
    }

    /// How far it is ahead of the slowest, of which itself is one.
    fn ahead(self, slowest: Slowest) -> i64 {
        match (self.watermark, slowest) {
            (Some(own), Slowest::At(slowest)) if !self.idle => own.saturating_sub(slowest),
            _ => 0,
        }
    }

    /// Must it wait? Who waits goes on when it is clearly less ahead, or it would be held after every batch, and
    /// fetched anew.
    pub(super) fn waits(self, slowest: Slowest, drift_ms: i64, waited: bool) -> bool {
        if slowest == Slowest::Unknown {
            return self.watermark.is_some() && !self.idle;
        }
        let bound = if waited { drift_ms - drift_ms / 4 } else { drift_ms };
        self.ahead(slowest) > bound
    }

    /// Is it so far ahead that the rows at hand may make it wait?
    pub(super) fn is_near(self, slowest: Slowest, drift_ms: i64) -> bool {
        self.ahead(slowest) > drift_ms / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(watermark: i64) -> Known {
        Known { watermark: Some(watermark), idle: false }
    }

    const IDLE: Known = Known { watermark: Some(1), idle: true };

    fn slowest(logs: &[Known], patient: bool) -> Slowest {
        logs.iter().map(|log| log.pace(patient)).min().unwrap_or(Slowest::Nobody)
    }

    /// Which of the logs wait that did not before.
    fn waiting(logs: &[Known], drift_ms: i64, patient: bool) -> Vec<bool> {
        let slowest = slowest(logs, patient);
        logs.iter().map(|log| log.waits(slowest, drift_ms, false)).collect()
    }

    #[test]
    fn who_is_too_far_ahead_of_the_slowest_waits() {
        let nothing = Known::NOTHING;
        let cases: &[(&str, &[Known], bool, &[bool])] = &[
            ("alone", &[at(5)], false, &[false]),
            ("within", &[at(0), at(100)], false, &[false, false]),
            ("beyond", &[at(0), at(101), at(40)], false, &[false, true, false]),
            ("before 1970", &[at(-500), at(-350)], false, &[false, true]),
            ("for no idle one", &[IDLE, at(900), at(801)], false, &[false, false, false]),
            ("all others idle", &[IDLE, IDLE, at(900)], false, &[false, false, false]),
            ("for one to begin", &[nothing, at(3)], true, &[false, true]),
            ("but not for ever", &[nothing, at(3)], false, &[false, false]),
            ("none has begun", &[nothing, nothing], true, &[false, false]),
            ("far apart", &[at(i64::MIN), at(i64::MAX)], false, &[false, true]),
        ];
        for (what, logs, patient, want) in cases {
            assert_eq!(waiting(logs, 100, *patient), *want, "{what}");
        }
    }

    #[test]
    fn who_waits_goes_on_when_it_is_clearly_less_ahead() {
        for (ahead, begins, goes_on_waiting) in
            [(101, true, true), (100, false, true), (76, false, true), (75, false, false)]
        {
            assert_eq!(at(ahead).waits(Slowest::At(0), 100, false), begins, "{ahead}");
            assert_eq!(at(ahead).waits(Slowest::At(0), 100, true), goes_on_waiting, "{ahead}");
        }
    }

    #[test]
    fn the_slowest_never_waits_however_small_the_drift() {
        let mut numbers = (0..3_i64).flat_map(|a| (0..3).flat_map(move |b| [(a, b, 1), (a, b, 2)]));
        assert!(numbers.all(|(a, b, drift)| {
            let logs = [at(a), at(b), IDLE];
            let slowest = slowest(&logs, false);
            let slow = logs.iter().filter(|log| !log.idle).min_by_key(|log| log.watermark);
            slow.is_some_and(|log| !log.waits(slowest, drift, true))
        }));
    }

    #[test]
    fn of_two_that_speak_of_one_log_the_later_counts() {
        let idle = |watermark| Known { watermark: Some(watermark), idle: true };
        for (a, b, want) in [
            (at(1), at(2), at(2)),
            (at(2), idle(1), at(2)),
            (at(1), idle(2), idle(2)),
            (at(1), idle(1), at(1)),
            (Known::NOTHING, idle(1), idle(1)),
            (Known::NOTHING, at(1), at(1)),
        ] {
            assert_eq!((a.newer(b), b.newer(a)), (want, want), "{a:?} {b:?}");
        }
    }
}
