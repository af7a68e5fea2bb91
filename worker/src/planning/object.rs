//! `plans/<fingerprint>`: what the planner leaves for slots, for `clean` and for people.

use protocol::Fingerprint;
use protocol::acquire::Stop;
use protocol::generation::Layout;
use protocol::hash::HASH_VERSION;
use protocol::reason::Reason;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::gc;
use crate::history::read_json;
use crate::job::Job;

/// Format of the plan object that this build writes.
pub const PLAN_FORMAT: u32 = 1;

/// What `plans/<fingerprint>` holds. Created once; the partitions of the exchanges are the same in all of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanObject {
    /// [`PLAN_FORMAT`] of the writer.
    pub format: u32,
    /// Of the plan.
    pub fingerprint: Fingerprint,
    /// Partitions of every exchange of the job.
    pub exchange_partitions: u32,
    /// Of the exchange hash.
    pub hash_version: u32,
    /// The logs when it was planned.
    pub layout: Layout,
    /// For people and tools.
    pub description: serde_json::Value,
}

/// The partitions of the exchanges as the job's plan objects have them; none before the first plan.
pub fn known_exchange_partitions(job: &Job, cluster: &Cluster) -> Result<Option<u32>, Stop> {
    let prefix = format!("{}plans/", job.keys.root());
    let keys = gc::list(cluster, &prefix)?;
    let Some(key) = keys.first() else { return Ok(None) };
    let object: PlanObject = cluster.wait(read_json(&cluster.store, key))?;
    require_readable(key, &object)?;
    Ok(Some(object.exchange_partitions))
}

/// C7: what another release has fixed otherwise is not to be written into.
fn require_readable(key: &str, object: &PlanObject) -> Result<(), Stop> {
    if object.format > PLAN_FORMAT {
        let message =
            format!("{key} has format {}; use the worker image that wrote it", object.format);
        return Err(Stop::new(Reason::NotSupported, message));
    }
    if object.hash_version != HASH_VERSION {
        let message = format!(
            "the exchanges of this job use hash version {}, this worker has {HASH_VERSION}",
            object.hash_version
        );
        return Err(Stop::new(Reason::NotSupported, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::StageId;
    use protocol::generation::{StageLogs, TopicPartitions};

    use super::*;

    fn object() -> PlanObject {
        let topics = vec![TopicPartitions { topic: "clicks".into(), partitions: 3 }];
        PlanObject {
            format: 1,
            fingerprint: Fingerprint::from_bits(7),
            exchange_partitions: 16,
            hash_version: 1,
            layout: Layout { stages: vec![StageLogs { stage: StageId(0), topics }] },
            description: serde_json::json!({"sources": []}),
        }
    }

    #[test]
    fn another_hash_version_is_refused() {
        assert_eq!(require_readable("plans/1", &object()), Ok(()));
        let other = PlanObject { hash_version: HASH_VERSION + 1, ..object() };
        let stop = require_readable("plans/1", &other).expect_err("keys would move");
        assert!(stop.message.contains("hash version 2"), "{stop}");
        let newer = PlanObject { format: PLAN_FORMAT + 1, ..object() };
        assert_eq!(
            require_readable("plans/1", &newer).map_err(|stop| stop.reason),
            Err(Reason::NotSupported)
        );
    }

    #[test]
    fn the_format_is_frozen() {
        let object = object();
        let frozen = concat!(
            r#"{"format":1,"fingerprint":"0000000000000007","exchange_partitions":16,"#,
            r#""hash_version":1,"layout":{"stages":[{"stage":0,"topics":[{"topic":"clicks","#,
            r#""partitions":3}]}]},"description":{"sources":[]}}"#
        );
        assert_eq!(serde_json::to_string(&object).expect("JSON"), frozen);
        assert_eq!(serde_json::from_str::<PlanObject>(frozen).expect("readable"), object);
    }
}
