//! Every reason that a condition, an event or a worker's last words can carry. One list, documented in the runbook.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident $(($next:literal))?;)*) => {
        /// Why a job, shard or rollout is in the state it is in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the runbook.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// As it stands in a condition.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name),)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// What to do next, in one sentence; empty where nothing has to be done.
            pub fn next_step(self) -> &'static str {
                match self { $(Reason::$name => { #[allow(unused_mut, unused_assignments)] let mut next = ""; $(next = $next;)? next })* }
            }
        }
    };
}

reasons! {
    /// All slots run.
    Running;
    /// The first generation is being planned or started.
    Starting;
    /// A new generation warms up beside the running one.
    WarmingUp;
    /// Shards move to the new generation.
    Acquiring;
    /// The job is coming to rest.
    Suspending;
    /// At rest: sealed, no pods.
    Suspended;
    /// The job is being deleted.
    Deleting;
    /// The spec breaks a rule.
    InvalidSpec ("correct the field that the message names and apply again; the last good generation keeps running");
    /// The SQL does not parse or uses what is not supported.
    InvalidSql ("correct the SQL at the line and column in the message");
    /// The state of the newest checkpoint does not fit the new query.
    IncompatibleState ("go back to the query before, or acknowledge the loss of state with spec.upgrade.acknowledgeStateLoss");
    /// More slots than the widest stage has shards.
    TooManySlots ("lower spec.parallelism or give the topics more partitions");
    /// A source or sink topic does not exist.
    TopicMissing ("create the topic that the message names, or correct the spec");
    /// The bucket of the checkpoints does not exist.
    BucketMissing ("create the bucket that the message names; it is looked for again by itself");
    /// A partitionedBy claim is refuted by a sample.
    ClaimRefuted ("remove partitionedBy or write the topic keyed by these columns");
    /// A feature that this release refuses.
    NotSupported ("see the message for what is supported instead");
    /// The broker does not answer.
    BrokerUnreachable ("check spec.kafka.bootstrapServers, the network policy and the broker");
    /// The object store does not answer.
    StoreUnreachable ("check spec.checkpoints and the store; commits go on meanwhile, starts and take-overs wait");
    /// Kafka or the store refuses the credentials.
    CredentialsRejected ("check the Secrets that the spec references and the ACLs of the principal");
    /// A Secret that the spec references is missing or lacks a key.
    SecretMissing ("create the Secret with the keys that the message names");
    /// The node cannot get the image.
    ImagePullFailed ("check the name of the image, the registry and spec.worker.imagePullSecrets");
    /// A quota of the namespace leaves no room for the pods.
    QuotaExceeded ("raise the quota of the namespace or lower the requests; the job runs on in its old generation");
    /// No node has room for a pod, or none may take it.
    Unschedulable ("add nodes, lower the requests, or correct selectors and tolerations; the job runs on in its old generation");
    /// Pods of the new generation could not be scheduled or warmed up in time.
    CapacityUnavailable ("add capacity or lower the requests; the job runs on in its old generation");
    /// Pods end again and again.
    CrashLoop ("read the last error in the message and the worker's log");
    /// A new generation did not prove itself; the spec before runs again.
    RolledBack ("read in the message what was wrong, correct the spec and apply again; the job runs on with the spec before");
    /// A new generation did not prove itself, and there is no safe way back to the spec before.
    NoWayBack ("correct the spec and apply again; the message says what a way back would lose");
    /// Watermarks stand still though records wait.
    WatermarkStuck ("look for a partition that nobody reads, or whose rows carry old times");
    /// More records wait than before the change, and they do not get fewer.
    LagGrew ("raise parallelism or the limits, or find what became slower");
    /// A larger share of the records is bad than before the change.
    MoreBadRecords ("compare columns and types of the sources with what is written");
    /// A record did not decode and the policy is to fail.
    BadRecord ("correct the producer, or choose onBadRecord: skip or deadLetter");
    /// State and buffers exceed the memory budget.
    MemoryBudgetExceeded ("raise the pod's memory limit or parallelism");
    /// An aggregate left the range of its type.
    NumericOverflow ("cast the argument to DECIMAL or DOUBLE");
    /// Committed offsets are gone though they should be there.
    CommitPointLost ("restore from a savepoint or decide a new start with a new StreamJob; nothing starts over by itself");
    /// Offsets were written by somebody else.
    OffsetsMovedByOther ("find who writes the groups of this job and restore from a savepoint");
    /// The manifest that a commit names is not in the store.
    ManifestMissing ("restore the object, or restore the job from a savepoint");
    /// The manifest or a run is not what was written.
    ManifestCorrupt ("restore the object from a backup, or restore the job from a savepoint");
    /// A log ends before the committed offset.
    LogTruncated ("the topic lost committed records; restore from a savepoint older than the loss");
    /// A topic was deleted and created again.
    TopicReplaced ("start a new StreamJob on the new topic, or restore the old one");
    /// A log no longer reaches back to the checkpoint.
    ReplayGapLost ("raise the retention; restore from a savepoint whose offsets are still there");
    /// A log is about to lose what the newest checkpoint needs.
    CheckpointOverdue ("find out why checkpoints do not complete, raise the retention of the source");
    /// A source has an open transaction of a producer in front of its end.
    SourceTransactionOpen ("find the producer with the open transaction and end it");
    /// A source with a partitionedBy claim has changed its partitions.
    SourcePartitionsChanged ("remove the claim, or start a new StreamJob");
    /// A newer generation owns the shards.
    Superseded;
    /// A newer owner, or a timeout, has made this producer unable to commit.
    Fenced;
    /// The outcome of a commit could not be learnt; the next start reads it.
    UnknownOutcome;
    /// A checkpoint or savepoint did not complete in time.
    CheckpointFailed ("read the message; the job runs on, replay after a failure grows longer");
    /// Deletion passed its deadline; the message names what stays behind.
    DeletionDeadline ("remove what the message names by hand");
    /// Something that must not happen.
    Bug ("please report it with the message and the log");
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serialized_name_is_the_name() {
        for reason in Reason::ALL {
            let json = serde_json::to_string(reason).expect("a unit variant");
            assert_eq!(json, format!("\"{reason}\""));
        }
    }
}
