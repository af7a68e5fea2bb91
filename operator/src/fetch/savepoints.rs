//! Savepoints: those that are being written, and the one to begin with.

use crds::{Savepoint, SavepointPhase};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Sources;
use crate::names;
use crate::observed::{JobView, RestoreView, SavepointView};
use crate::savepoint;

/// The savepoints of a job.
pub(super) async fn of_job(
    sources: &Sources<'_>,
    job: &JobView,
) -> Result<Vec<SavepointView>, kube::Error> {
    let api: Api<Savepoint> = Api::namespaced(sources.client.clone(), &job.namespace);
    let found = api.list(&ListParams::default()).await?;
    let ours = found.items.into_iter().filter(|savepoint| savepoint.spec.job == *job.name.as_str());
    let views = ours.map(|savepoint| {
        let status = savepoint.status.clone().unwrap_or_default();
        let of_job = status.job_uid.as_deref() == Some(job.uid.as_str());
        let complete = of_job && status.phase == Some(SavepointPhase::Completed);
        let terminating = savepoint.metadata.deletion_timestamp.is_some();
        SavepointView {
            key: savepoint::key(&savepoint),
            name: savepoint.name_any(),
            uid: savepoint.uid().unwrap_or_default(),
            scheduled: savepoint.labels().get(names::SCHEDULED).is_some()
                && savepoint.labels().get(names::JOB_UID) == Some(&job.uid),
            completed_at: status.completed_at.filter(|_| complete).map(|time| time.0),
            terminating,
            in_progress: status.phase == Some(SavepointPhase::InProgress) && of_job && !terminating,
        }
    });
    Ok(views.collect())
}

/// Where the savepoint of a name lies.
pub(super) async fn to_restore(
    sources: &Sources<'_>,
    job: &JobView,
    name: &str,
) -> Result<RestoreView, kube::Error> {
    let api: Api<Savepoint> = Api::namespaced(sources.client.clone(), &job.namespace);
    let Some(savepoint) = api.get_opt(name).await? else {
        return Ok(RestoreView::Missing(format!("there is no Savepoint {name}")));
    };
    let status = savepoint.status.clone().unwrap_or_default();
    Ok(match (status.phase, status.location) {
        (Some(SavepointPhase::Completed), Some(location)) => RestoreView::Ready { location },
        (Some(SavepointPhase::Failed), _) => {
            RestoreView::Missing(format!("Savepoint {} failed", savepoint.name_any()))
        }
        _ => RestoreView::Pending,
    })
}
