//! Why a set has fewer pods than it wants, or a task has none: only an event says it, when a quota or an admission
//! rule refuses a pod.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use protocol::reason::Reason;

use super::Sources;
use crate::limits::EVENTS_MAX;
use crate::names;
use crate::observed::{Observed, Problem};

/// What the controllers of sets and Jobs say when the API server refuses a pod.
const REFUSED_POD: &str = "FailedCreate";

/// Looks at the events of sets and tasks that lack pods; of others none is read.
pub(super) async fn fetch(
    sources: &Sources<'_>,
    observed: &mut Observed,
) -> Result<(), kube::Error> {
    for generation in lacking(observed).collect::<Vec<u64>>() {
        let name = names::set(&observed.job.name, generation);
        let problem = of_events(sources, observed, &name).await?;
        if let Some(set) = observed.sets.get_mut(&generation) {
            set.problem = problem;
        }
    }
    for name in waiting(observed).cloned().collect::<Vec<String>>() {
        let problem = of_events(sources, observed, &name).await?;
        if let Some(task) = observed.tasks.get_mut(&name) {
            task.problem = problem;
        }
    }
    Ok(())
}

/// Generations that have fewer pods than they want.
pub(crate) fn lacking(observed: &Observed) -> impl Iterator<Item = u64> {
    let lacking = observed
        .sets
        .iter()
        .filter(|(_, set)| set.replicas.is_some_and(|wanted| set.pods.len() < wanted as usize));
    lacking.map(|(generation, _)| *generation)
}

/// Tasks that have no pod.
pub(crate) fn waiting(observed: &Observed) -> impl Iterator<Item = &String> {
    let waiting = observed.tasks.iter().filter(|(_, task)| !task.started && task.ended.is_none());
    waiting.map(|(name, _)| name)
}

/// The newest refusal of a pod of this owner.
async fn of_events(
    sources: &Sources<'_>,
    observed: &Observed,
    owner: &str,
) -> Result<Option<Problem>, kube::Error> {
    let api: Api<Event> = Api::namespaced(sources.client.clone(), &observed.job.namespace);
    let fields = format!("involvedObject.name={owner},reason={REFUSED_POD}");
    let found = api.list(&ListParams::default().fields(&fields).limit(EVENTS_MAX)).await?;
    let ours = found.items.iter().filter(|event| {
        event.reason.as_deref() == Some(REFUSED_POD)
            && event.involved_object.name.as_deref() == Some(owner)
    });
    let newest = ours.max_by_key(|event| event.last_timestamp.as_ref().map(|at| at.0));
    Ok(newest.and_then(|event| event.message.as_deref()).map(refused_pod))
}

fn refused_pod(message: &str) -> Problem {
    let quota = message.contains("exceeded quota") || message.contains("failed quota");
    let reason = if quota { Reason::QuotaExceeded } else { Reason::CapacityUnavailable };
    Problem { reason, text: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_told_from_other_refusals() {
        let quota = "create Pod j-g1-0 in StatefulSet j-g1 failed error: pods \"j-g1-0\" is forbidden: exceeded quota: q";
        assert_eq!(refused_pod(quota).reason, Reason::QuotaExceeded);
        let other = "pods \"j-g1-0\" is forbidden: violates PodSecurity";
        assert_eq!(refused_pod(other).reason, Reason::CapacityUnavailable);
    }
}
