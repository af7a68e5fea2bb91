//! Asking for a savepoint.

use std::time::Duration;

use anyhow::bail;
use crds::{JobName, Savepoint, SavepointPhase, SavepointRetention, SavepointSpec};
use jiff::Timestamp;
use kube::api::PostParams;

use crate::cluster::{Cluster, FIELD_MANAGER};

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The name of a savepoint that none was given for.
pub fn default_name(job: &str, at: Timestamp) -> String {
    format!("{job}-{}", at.strftime("%Y%m%d-%H%M%S"))
}

/// Makes the object; waits for its end if it is to.
pub async fn take(
    cluster: &Cluster,
    job: &str,
    name: String,
    dispose: bool,
    within: Option<Duration>,
) -> anyhow::Result<Savepoint> {
    let labels = cluster.job(job).await?["metadata"]["labels"].take();
    let spec = SavepointSpec {
        job: JobName::new(job)?,
        retention: dispose.then_some(SavepointRetention::Dispose),
        timeout: None,
    };
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let api = cluster.api::<Savepoint>();
    let mut asked = Savepoint::new(&name, spec);
    // An operator that looks after some jobs by their labels finds the savepoint by the same.
    asked.metadata.labels = serde_json::from_value(labels)?;
    let mut savepoint = api.create(&params, &asked).await?;
    let Some(within) = within else { return Ok(savepoint) };
    let began = tokio::time::Instant::now();
    loop {
        let phase = savepoint.status.as_ref().and_then(|status| status.phase);
        match phase {
            Some(SavepointPhase::Completed) => return Ok(savepoint),
            Some(SavepointPhase::Failed) => bail!("Savepoint {name} failed: {}", why(&savepoint)),
            _ if began.elapsed() >= within => {
                bail!("Savepoint {name} is not complete within {within:?}: {}", why(&savepoint))
            }
            _ => {}
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        savepoint = api.get(&name).await?;
    }
}

fn why(savepoint: &Savepoint) -> &str {
    let conditions = savepoint.status.as_ref().map(|status| &status.conditions);
    let first = conditions.and_then(|conditions| conditions.first());
    first.map_or("no operator has looked at it", |condition| condition.message.as_str())
}

/// For people.
pub fn text(savepoint: &Savepoint) -> String {
    let name = savepoint.metadata.name.as_deref().unwrap_or_default();
    let Some(status) = &savepoint.status else { return format!("savepoint/{name} asked for") };
    let phase = status.phase.map_or_else(|| "asked for".to_owned(), |phase| format!("{phase:?}"));
    let size = status.bytes.map(crate::table::bytes).unwrap_or_default();
    let at = status.location.as_deref().unwrap_or_default();
    format!("savepoint/{name} {phase} {size} {at}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_made_of_job_and_time() {
        let at = "2027-01-02T03:04:05Z".parse().expect("a time");
        assert_eq!(super::default_name("clicks", at), "clicks-20270102-030405");
    }
}
