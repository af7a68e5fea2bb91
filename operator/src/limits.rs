//! Every bound of the operator, by name.

use std::time::Duration;

/// The longest that a worker may take to answer.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection to a worker that is not used for so long is closed: of thousands of workers few are asked at once.
pub const ADMIN_IDLE: Duration = Duration::from_secs(3);
/// Workers asked at the same time.
pub const ADMIN_CONCURRENCY: usize = 32;
/// The largest answer of a worker that is read.
pub const ADMIN_ANSWER_BYTES_MAX: usize = 1 << 20;
/// One request to the API server.
pub const API_TIMEOUT: Duration = Duration::from_secs(15);
/// How long `--check --expect` looks again, and …
pub const CHECK_MAX: Duration = Duration::from_mins(1);
/// … how often.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Objects of one kind that a job can have; more is a fault.
pub const CHILDREN_MAX: u32 = 500;
/// Events of a set that are looked at.
pub const EVENTS_MAX: u32 = 50;
/// Jobs reconciled at the same time.
pub const RECONCILE_CONCURRENCY: u16 = 16;

/// The next look at a job that is as it should be but does not rest.
pub const STEADY_REQUEUE: Duration = Duration::from_secs(15);
/// A job that rests is looked at after so long, whether anything is new or not, less …
pub const REST_MAX: Duration = Duration::from_hours(6);
/// … a part of this, another for every job.
pub const REST_SPREAD: Duration = Duration::from_hours(1);
/// The next look while pods start.
pub const STARTING_REQUEUE: Duration = Duration::from_secs(1);
/// The next look while shards move.
pub const MOVING_REQUEUE: Duration = Duration::from_millis(250);
/// How often workers of jobs that rest are asked …
pub const PATROL_INTERVAL: Duration = Duration::from_secs(1);
/// … and how many of them at a time: where there are more, a round takes longer.
pub const PATROL_WORKERS_MAX: usize = 200;
/// Progress of a worker is worth a pass after so long.
pub const PROGRESS_LOOK: Duration = Duration::from_secs(15);
/// Jobs that the patrol has named and that wait to be looked at.
pub const BELLS_MAX: usize = 1_024;
/// A pod that should have ended so long ago is removed by force: its node is gone, and fencing
/// keeps whatever may still run there from committing.
pub const DEAD_POD_GRACE: Duration = Duration::from_secs(30);
/// How long a pod stays bound to a node that does not report.
pub const DEAD_NODE_GRACE_SECS: u32 = 30;
/// Back-off after an error: from …
pub const ERROR_BACKOFF_MIN: Duration = Duration::from_millis(500);
/// … to.
pub const ERROR_BACKOFF_MAX: Duration = Duration::from_mins(1);

/// A watch that broke is tried again after so long, each time after twice as long: from …
pub const WATCH_RETRY_MIN: Duration = Duration::from_millis(100);
/// … to.
pub const WATCH_RETRY_MAX: Duration = Duration::from_secs(5);
/// One that broke and fails no more for so long works: longer than a connection may take.
pub const WATCH_QUIET: Duration = Duration::from_secs(30);
/// Whoever does not watch for so long is not ready.
pub const WATCH_BROKEN_LONG: Duration = Duration::from_mins(1);
/// A watch ends after so long and goes on with the next: a connection that died without a word is noticed then.
pub const WATCH_SECS: u32 = 60;

/// How often lag and checkpoint are written to the status at most.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// A refusal that may pass by itself (a broker that does not answer, a Secret that is missing) is looked at again, each
/// time after twice as long: from …
pub const RETRY_MIN: Duration = Duration::from_secs(30);
/// … to.
pub const RETRY_MAX: Duration = Duration::from_mins(10);
/// A rollout that found no capacity is tried again, each time after twice as long: from …
pub const CAPACITY_RETRY_MIN: Duration = Duration::from_mins(5);
/// … to.
pub const CAPACITY_RETRY_MAX: Duration = Duration::from_mins(30);
/// A generation has proved itself when every slot has run, with a checkpoint, for at least so long.
pub const HEALTHY_AFTER: Duration = Duration::from_mins(1);
/// A generation does worse than the one before where lag or the share of bad records is more than so many times as
/// large, beyond a slack: of records, …
pub const WORSE_FACTOR: f64 = 2.0;
/// … of records that wait, …
pub const LAG_SLACK_RECORDS: f64 = 10_000.0;
/// … of what is taken in so long, …
pub const LAG_SLACK_TIME: Duration = Duration::from_secs(10);
/// … and of the share of bad records.
pub const BAD_SHARE_SLACK: f64 = 0.01;
/// A pod that has ended so often does not count as starting any more.
pub const CRASHES_MAX: u32 = 3;
/// Of what a container said last, so much stands in a condition, bytes.
pub const LAST_WORDS_BYTES_MAX: usize = 640;
/// A slot that is not seen for so long may be fenced, if its pod is gone.
pub const UNSEEN_AFTER: Duration = Duration::from_secs(2);
/// A former owner whose pod is there but does not answer is given up after so long.
pub const UNREACHABLE_GRACE: Duration = Duration::from_secs(30);
/// Fields that the status names of an edit.
pub const CHANGED_FIELDS_MAX: usize = 16;
/// Warnings in the answer to a spec that is only asked about, and …
pub const PROPOSAL_WARNINGS_MAX: usize = 4;
/// … characters of each.
pub const WARNING_CHARS_MAX: usize = 300;
/// Characters of a message in a condition.
pub const MESSAGE_CHARS_MAX: usize = 1_000;

/// Operators of a savepoint that its status names.
pub const SAVEPOINT_OPERATORS_MAX: usize = 32;

/// A take-over or a release that is no longer wanted is given up after so long; before, it is
/// cheaper to let it finish.
pub const STUCK_AFTER: Duration = Duration::from_mins(2);
/// Moves of a rollout that follow each other at most; where there are more, several go together.
pub const WAVES_MAX: usize = 8;
/// How long a worker may take to release at its end.
pub const TERMINATION_GRACE_SECS: u32 = 60;
/// How long the planner may take.
pub const PLANNER_DEADLINE_SECS: u32 = 300;
/// What the pod of a Job said last is waited for so long after the Job has ended.
pub const LAST_WORDS_GRACE: Duration = Duration::from_secs(5);
/// How long a clean Job may take.
pub const CLEAN_DEADLINE_SECS: u32 = 600;

/// How long a lease is valid.
pub const LEASE_SECS: u32 = 30;
/// How often it is renewed.
pub const LEASE_RENEW: Duration = Duration::from_secs(5);
/// Without a renewal for so long the process ends, well before the lease does.
pub const LEASE_GIVE_UP: Duration = Duration::from_secs(20);
/// How often the file with the log filter is looked at.
pub const LOG_FILE_PERIOD: Duration = Duration::from_secs(2);
