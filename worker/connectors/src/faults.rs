//! Deliberate faults, for tests only (docs/decisions/0004): points at which a process can be killed, and breaches of
//! the protocol. Without the feature `sabotage` nothing here does anything, and no name is in the binary.

#[cfg(feature = "sabotage")]
mod armed;

#[cfg(feature = "sabotage")]
pub use armed::{after, before, disturbed, due, end, is_chosen};

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$text:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum $kind { $($(#[$text])* $variant,)* }

        #[cfg(feature = "sabotage")]
        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// How it is asked for.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

named! {
    /// A step of the protocol. A process can be ended right before and right after its effect.
    Point {
        /// The planner creates internal topics.
        PlanTopics = "plan.topics",
        /// The planner writes the plan object.
        PlanObject = "plan.object",
        /// The planner writes where the first start begins.
        PlanFirst = "plan.first",
        /// A follower restores a shard.
        WarmRestore = "warm.restore",
        /// A follower takes records.
        WarmReplay = "warm.replay",
        /// The object of the generation is created.
        AcquireGeneration = "acquire.generation",
        /// The own transactional id is opened.
        AcquireProducer = "acquire.producer",
        /// Generations are listed.
        AcquireList = "acquire.list",
        /// An id of a former owner is fenced.
        AcquireFence = "acquire.fence",
        /// The nonce of the control topic is committed.
        AcquireNonce = "acquire.nonce",
        /// Offsets and metadata are read for real.
        AcquireRead = "acquire.read",
        /// A shard is restored from its manifest.
        AcquireRestore = "acquire.restore",
        /// The gap to the committed offset is replayed.
        AcquireReplay = "acquire.replay",
        /// The claim is committed.
        AcquireClaim = "acquire.claim",
        /// A job at rest is taken up.
        AcquireUnseal = "acquire.unseal",
        /// Records are taken from the logs.
        ProcessRead = "process.read",
        /// What is due at a boundary is computed and encoded.
        ProcessBoundary = "process.boundary",
        /// A transaction begins.
        CommitBegin = "commit.begin",
        /// Rows are handed to the client.
        CommitProduce = "commit.produce",
        /// The brokers have every row.
        CommitFlush = "commit.flush",
        /// Offsets and metadata join the transaction.
        CommitOffsets = "commit.offsets",
        /// The coordinator is asked to commit.
        CommitEnd = "commit.end",
        /// The slot learns that it is committed.
        CommitKnown = "commit.known",
        /// A new producer takes the place of one whose commit was disturbed.
        ReplaceProducer = "replace.producer",
        /// After it the commit points are read again.
        ReplaceLook = "replace.look",
        /// The changed state is taken at a boundary.
        CheckpointSnapshot = "checkpoint.snapshot",
        /// Runs are written to the local store.
        CheckpointRuns = "checkpoint.runs",
        /// The packed runs are uploaded.
        CheckpointUpload = "checkpoint.upload",
        /// The manifest is uploaded.
        CheckpointManifest = "checkpoint.manifest",
        /// The local store is said to equal the manifest.
        CheckpointLocal = "checkpoint.local",
        /// A commit names the manifest.
        CheckpointName = "checkpoint.name",
        /// The checkpoint of a release.
        ReleaseCheckpoint = "release.checkpoint",
        /// The commit that says `released`.
        ReleaseCommit = "release.commit",
        /// The producer is closed.
        ReleaseClose = "release.close",
        /// Where the shards rest is written.
        ReleaseSeal = "release.seal",
        /// What commits and savepoints reach is read.
        GcRead = "gc.read",
        /// An unreachable object is marked.
        GcMark = "gc.mark",
        /// An object is deleted.
        GcDelete = "gc.delete",
        /// Exchange logs are purged.
        GcPurge = "gc.purge",
    }
}

named! {
    /// A breach of the protocol.
    Sabotage {
        /// A row is left out.
        DropOne = "drop-one",
        /// A row is sent twice.
        DoubleOne = "double-one",
        /// Two rows change places.
        SwapTwo = "swap-two",
        /// A transaction carries the offsets and not the rows.
        OffsetsWithoutOutput = "offsets-without-output",
        /// A transaction carries the rows and not the offsets; then the process dies.
        OutputWithoutOffsets = "output-without-offsets",
        /// Rows go through the operators twice.
        StateAppliedTwice = "state-applied-twice",
        /// Restores a checkpoint before the one that the commit names.
        OlderSnapshot = "older-snapshot",
        /// Does not fence the former owners.
        FenceSkipped = "fence-skipped",
        /// A commit that did not come about is taken for a success.
        TimeoutIsSuccess = "timeout-is-success",
        /// Deletes the runs of the checkpoint that was just named.
        LiveObjectDeleted = "live-object-deleted",
        /// Once fenced, writes its rows without a transaction.
        ZombieWrites = "zombie-writes",
        /// Leaves a transaction open.
        HangingTransaction = "hanging-transaction",
        /// After another owner came: a new producer, and on without looking.
        BlindReplacement = "blind-replacement",
        /// Does not fence owners that have released.
        ReleasedNotFenced = "released-not-fenced",
        /// Goes on with the next interval after an abort.
        NextAfterAbort = "next-after-abort",
        /// Deletes objects because they are old.
        DeletedByAge = "deleted-by-age",
        /// Takes a log with an open transaction at its end for idle.
        IdleAtOpenTransaction = "idle-at-open-transaction",
    }
}

/// The step comes now.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn before(_: Point) {}

/// The step has had its effect.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn after(_: Point) {}

/// Is this breach to be committed now? Once in a process.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn due(_: Sabotage) -> bool {
    false
}

/// Is this breach the one to commit, whenever there is an occasion?
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn is_chosen(_: Sabotage) -> bool {
    false
}

/// Is a commit to look as if its connection had been disturbed?
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn disturbed() -> bool {
    false
}

/// Ends the process as SIGKILL does.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn end() {}
