//! Savepoints: those that are being written, and the one to begin with.

use crds::{Savepoint, SavepointPhase};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Sources;
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
        SavepointView {
            key: savepoint::key(&savepoint),
            in_progress: status.phase == Some(SavepointPhase::InProgress)
                && status.job_uid.as_deref() == Some(job.uid.as_str())
                && savepoint.metadata.deletion_timestamp.is_none(),
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
