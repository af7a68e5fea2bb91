//! Pods, what ails them, and what the workers in them say.

use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use protocol::reason::Reason;

use super::{Sources, generation, last_end};
use crate::admin_client::{AdminError, Worker};
use crate::limits::ADMIN_CONCURRENCY;
use crate::names::{self, Component};
use crate::observed::{Contact, Observed, PodView, Problem};

/// The name of our container in every pod of ours.
const CONTAINER: &str = "worker";

/// Sorts the job's pods to their generations and tasks.
pub(super) fn sort(mut pods: Vec<Pod>, observed: &mut Observed) {
    pods.retain(|pod| pod.labels().get(names::JOB_UID) == Some(&observed.job.uid));
    pods.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    for pod in &pods {
        let component = pod.labels().get(names::COMPONENT).map(String::as_str);
        if component == Some(Component::Worker.as_str()) {
            if let Some(generation) = generation(&pod.metadata) {
                observed.sets.entry(generation).or_default().pods.push(view(pod));
            }
        } else {
            of_task(pod, observed);
        }
    }
}

fn of_task(pod: &Pod, observed: &mut Observed) {
    let label = |name: &str| pod.labels().get(name).cloned();
    let job = label("batch.kubernetes.io/job-name").or_else(|| label("job-name"));
    let Some(task) = job.and_then(|job| observed.tasks.get_mut(&job)) else { return };
    let ended = container(pod).and_then(|c| c.state.as_ref()?.terminated.as_ref());
    if let Some(message) = ended.and_then(|ended| ended.message.clone()) {
        task.message = Some(message);
    }
    task.started = true;
    task.problem = problem(pod);
}

fn view(pod: &Pod) -> PodView {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|conditions| {
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    });
    let name = pod.name_any();
    let ordinal = name.rsplit('-').next().and_then(|text| text.parse().ok()).unwrap_or_default();
    PodView {
        uid: pod.uid().unwrap_or_default(),
        ends_at: pod.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        ordinal,
        ip: status.and_then(|status| status.pod_ip.clone()).filter(|ip| !ip.is_empty()),
        ready,
        ending: pod.metadata.deletion_timestamp.is_some()
            || matches!(phase, Some("Failed" | "Succeeded")),
        problem: problem(pod),
        last_end: last_end(pod),
        restarts: container(pod).map_or(0, |c| u32::try_from(c.restart_count).unwrap_or(0)),
        contact: Contact::Unasked,
        name,
    }
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    // Overrides may put other containers beside it.
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.iter().find(|container| container.name == CONTAINER)
}

/// How the container ended before it was started again.
fn last_end(pod: &Pod) -> Option<String> {
    let last = container(pod)?.last_state.as_ref()?.terminated.as_ref()?;
    Some(last_end::in_words(last))
}

/// Why a pod does not run: not scheduled, image missing, crashing.
fn problem(pod: &Pod) -> Option<Problem> {
    let status = pod.status.as_ref()?;
    let unscheduled = status.conditions.as_ref().and_then(|conditions| {
        conditions
            .iter()
            .find(|c| c.type_ == "PodScheduled" && c.reason.as_deref() == Some("Unschedulable"))
    });
    if let Some(condition) = unscheduled {
        let message = condition.message.as_deref().unwrap_or_default();
        let text = format!("Unschedulable: {message}");
        return Some(Problem { reason: Reason::Unschedulable, text });
    }
    let state = container(pod)?;
    let waiting = state.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    if matches!(reason, "ContainerCreating" | "PodInitializing" | "") {
        return None;
    }
    let message = last_end(pod).or_else(|| waiting.message.clone()).unwrap_or_default();
    Some(Problem { reason: of_waiting(reason), text: format!("{reason}: {message}") })
}

/// What the kubelet's word for a waiting container comes to.
fn of_waiting(word: &str) -> Reason {
    match word {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => Reason::ImagePullFailed,
        "CreateContainerConfigError" => Reason::SecretMissing,
        _ => Reason::CrashLoop,
    }
}

/// Asks the workers.
pub(super) async fn ask_all(sources: &Sources<'_>, observed: &mut Observed) {
    let Some(token) = observed.token.clone() else { return };
    let namespace = observed.job.namespace.clone();
    let mut asked: Vec<BoxFuture<'_, ()>> = Vec::new();
    for pod in observed.sets.values_mut().flat_map(|set| &mut set.pods) {
        let Some(worker) = worker(&namespace, pod) else { continue };
        let token = token.as_str();
        asked.push(Box::pin(async move {
            pod.contact = ask(sources, &worker, token).await;
        }));
    }
    futures::stream::iter(asked).buffer_unordered(ADMIN_CONCURRENCY).collect::<()>().await;
}

fn worker(namespace: &str, pod: &PodView) -> Option<Worker> {
    let ip = pod.ip.clone()?;
    Some(Worker { pod: pod.name.clone(), namespace: namespace.to_owned(), ip })
}

/// Asks one worker.
async fn ask(sources: &Sources<'_>, worker: &Worker, token: &str) -> Contact {
    match sources.admin.status(worker, token).await {
        Ok(status) => Contact::Answered(Box::new(status)),
        Err(AdminError::Silent(why)) => Contact::Silent(why),
        Err(refused @ AdminError::Refused { .. }) => Contact::Silent(refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crash_loop_says_how_the_container_ended() {
        let pod = |state: serde_json::Value| -> Pod {
            let pod = json!({"metadata": {"name": "j-g1-0"}, "status": {"containerStatuses": [{
                "name": "worker", "ready": false, "restartCount": 4, "image": "", "imageID": "",
                "state": state,
                "lastState": {"terminated": {
                    "exitCode": 137, "reason": "OOMKilled", "message": "window of 9 GB",
                }},
            }]}});
            serde_json::from_value(pod).expect("a pod")
        };
        let end = "OOMKilled, exit code 137; its log ends with: window of 9 GB";
        let seen =
            view(&pod(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "wait"}})));
        let problem = seen.problem.expect("a problem");
        assert_eq!(problem.reason, Reason::CrashLoop);
        assert_eq!(problem.text, format!("CrashLoopBackOff: {end}"));
        let seen = view(&pod(json!({"running": {}})));
        assert_eq!((seen.problem, seen.restarts), (None, 4));
        assert_eq!(seen.last_end.as_deref(), Some(end));
    }
}
