//! Partitions that were added to a source while the job runs (S4). The workers say how many there are; a plan that
//! reads fewer is made again. Without a claim the next generation reads all of them, with one the planner refuses.

use std::collections::BTreeMap;

use crds::PlanStatus;
use serde_json::json;

use crate::digest;
use crate::observed::{Observed, SetView};

/// What the planner is asked for a spec, and how many partitions of the sources it is about, where that is more than
/// what the first plan of the spec found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// A digest of it.
    pub digest: String,
    /// By topic; none as long as nothing was added.
    pub partitions: Option<BTreeMap<String, u32>>,
}

/// What the planner is asked for a spec with this digest.
pub fn asked(spec_digest: String, observed: &Observed) -> Asked {
    let unchanged = |digest| Asked { digest, partitions: None };
    let Some(plan) = &observed.job.status.plan else { return unchanged(spec_digest) };
    let planned = planned(plan);
    let mut partitions = planned.clone();
    let workers = observed.sets.values().flat_map(SetView::workers);
    for (topic, found) in workers.flat_map(|(_, worker)| &worker.source_partitions) {
        if let Some(known) = partitions.get_mut(topic) {
            *known = (*known).max(*found);
        }
    }
    let grown = partitions != planned;
    let digest = digest::of(&json!({"spec": spec_digest, "partitions": partitions}));
    // The plan that was made for them stays the one that is asked for.
    if grown || plan.spec_digest == digest {
        return Asked { digest, partitions: Some(partitions) };
    }
    unchanged(spec_digest)
}

/// Partitions of the sources that a plan reads, by topic.
fn planned(plan: &PlanStatus) -> BTreeMap<String, u32> {
    let stages = plan.layout.get("stages").and_then(|stages| stages.as_array());
    let sources = stages.into_iter().flatten().filter(|stage| stage["stage"] == 0);
    let topics = sources.flat_map(|stage| stage["topics"].as_array().into_iter().flatten());
    topics
        .filter_map(|topic| {
            let partitions = u32::try_from(topic["partitions"].as_u64()?).ok()?;
            Some((topic["topic"].as_str()?.to_owned(), partitions))
        })
        .collect()
}
