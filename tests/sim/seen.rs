//! What the seeds of a run have met. A kind of accident or of outcome that none has met was not tested.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

macro_rules! sights {
    ($($name:ident: $text:literal),+ $(,)?) => {
        /// Something that a run has to meet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Sight {
            $($name),+
        }

        impl Sight {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

sights! {
    RequestLost: "request lost",
    AnswerLost: "answer lost",
    RequestLate: "request late",
    BrokersAway: "request while the brokers are away",
    OldCoordinator: "answer of an old coordinator",
    StoreRefused: "store refused",
    StoreAnswerLost: "store's answer lost",
    StoreSlow: "store slow",
    StoreAway: "store away",
    CommitClean: "commit clean",
    CommitUnclean: "commit unclean",
    CommitAborted: "commit aborted",
    CommitFenced: "commit fenced",
    CommitUnknown: "commit unknown",
    Killed: "process killed",
    DiskLost: "process killed, disk lost",
    DiskOlder: "process killed, disk set back",
    Frozen: "process frozen",
    Twin: "two processes of one identity",
    Rescaled: "rescaled",
    TakenOver: "taken over",
    Abandoned: "generation abandoned",
    Terminated: "told to end",
    Drained: "drained and sealed",
    Savepoint: "savepoint",
    InputAborted: "input aborted",
    EndReleased: "slot released",
    EndSealed: "slot sealed",
    EndNeverOwned: "slot never owned",
    EndFenced: "stopped: Fenced",
    EndUnknownOutcome: "stopped: UnknownOutcome",
    EndSuperseded: "stopped: Superseded",
    EndBrokerUnreachable: "stopped: BrokerUnreachable",
    EndStoreUnreachable: "stopped: StoreUnreachable",
    EndOffsetsMoved: "stopped: OffsetsMovedByOther",
    LogCut: "log cut",
    ObjectDeleted: "object deleted as garbage",
    Checkpoint: "checkpoint named",
    CheckpointFailed: "checkpoint failed",
    Replaced: "producer replaced",
    Restored: "restored from a manifest",
    LogWaited: "log waited for slower ones",
    WaitEnded: "process went while a log waited",
    Advance: "watermark forced",
    AdvanceDropped: "forced watermark that was not committed",
    Upgraded: "shard of another plan",
    WayBack: "shard of the plan before again",
    WayBackRefused: "way back refused",
    Added: "window with the added aggregate, whole",
    AddedInPart: "window with the added aggregate since the change",
    Planned: "other plan accepted by the planner",
    NotPlanned: "planner without an answer",
    PlanRefused: "plan before refused by the planner",
    ClockSet: "clock set",
}

/// What is done to the processes and to what they talk to; the rest is how they took it.
const ACCIDENTS: &[Sight] = &[
    Sight::RequestLost,
    Sight::AnswerLost,
    Sight::RequestLate,
    Sight::BrokersAway,
    Sight::OldCoordinator,
    Sight::StoreRefused,
    Sight::StoreAnswerLost,
    Sight::StoreSlow,
    Sight::StoreAway,
    Sight::Killed,
    Sight::DiskLost,
    Sight::DiskOlder,
    Sight::Frozen,
    Sight::Twin,
    Sight::TakenOver,
    Sight::Abandoned,
];

/// Counts.
#[derive(Default)]
pub(crate) struct Seen(Mutex<BTreeMap<Sight, u64>>);

impl Seen {
    pub(crate) fn note(&self, sight: Sight) {
        self.add(sight, 1);
    }

    pub(crate) fn add(&self, sight: Sight, times: u64) {
        *self.counts().entry(sight).or_default() += times;
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, BTreeMap<Sight, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what another has.
    pub(crate) fn take(&self, other: &Self) {
        for (sight, times) in other.counts().iter() {
            self.add(*sight, *times);
        }
    }

    /// What was never met.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let counts = self.counts();
        let missing = Sight::ALL.iter().filter(|sight| counts.get(sight).is_none_or(|n| *n == 0));
        missing.map(|sight| sight.text()).collect()
    }

    /// Accidents in all.
    pub(crate) fn faults(&self) -> u64 {
        let counts = self.counts();
        ACCIDENTS.iter().filter_map(|sight| counts.get(sight)).sum()
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let counts = self.counts();
        let all = counts.iter().map(|(sight, times)| format!("{} {times}", sight.text()));
        all.collect::<Vec<_>>().join(", ")
    }
}
