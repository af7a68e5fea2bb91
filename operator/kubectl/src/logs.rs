//! The logs of a job's workers, each line with its pod.

use anyhow::ensure;
use crds::HumanDuration;
use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use crate::cluster::Cluster;
use crate::out::{remark, say};
use crate::seen::Seen;

/// What is wanted of each log.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Go on.
    pub follow: bool,
    /// Only the pod that hosts this slot.
    pub slot: Option<u32>,
    /// Of the container before.
    pub previous: bool,
    /// Lines from the end.
    pub tail: i64,
    /// Only what is younger.
    pub since: Option<HumanDuration>,
}

impl Wanted {
    fn params(&self) -> LogParams {
        LogParams {
            container: Some("worker".to_owned()),
            follow: self.follow,
            previous: self.previous,
            tail_lines: Some(self.tail),
            since_seconds: self
                .since
                .map(|since| i64::try_from(since.get().as_secs().max(1)).unwrap_or(i64::MAX)),
            ..LogParams::default()
        }
    }
}

/// The pods whose logs are wanted.
pub fn pods(seen: &Seen, slot: Option<u32>) -> Vec<String> {
    let slots = seen.status.current.as_ref().map_or(1, |current| current.slots_per_worker.max(1));
    let ordinal = slot.map(|slot| slot / slots);
    let wanted = |name: &str| {
        ordinal.is_none_or(|ordinal| name.rsplit('-').next() == Some(ordinal.to_string().as_str()))
    };
    seen.pods.iter().map(|pod| pod.name.clone()).filter(|name| wanted(name)).collect()
}

/// Shows them, those of all pods at the same time.
pub async fn show(cluster: &Cluster, job: &str, wanted: &Wanted) -> anyhow::Result<()> {
    let seen = cluster.look(job).await?;
    let pods = pods(&seen, wanted.slot);
    ensure!(!pods.is_empty(), "{job} has no such worker pod");
    let api: Api<Pod> = cluster.api();
    let shown = pods.iter().map(|pod| one(&api, pod, wanted));
    let mut shown: futures::stream::FuturesUnordered<_> = shown.collect();
    while let Some((pod, result)) = shown.next().await {
        if let Err(error) = result {
            remark(&format!("{pod}: {error:#}"));
        }
    }
    Ok(())
}

async fn one<'a>(api: &Api<Pod>, pod: &'a str, wanted: &Wanted) -> (&'a str, anyhow::Result<()>) {
    let lines = async {
        let mut lines = api.log_stream(pod, &wanted.params()).await?.lines();
        while let Some(line) = lines.try_next().await? {
            say(&format!("{pod}: {line}"))?;
        }
        Ok(())
    };
    (pod, lines.await)
}

#[cfg(test)]
mod tests {
    use crate::seen::samples::seen;

    #[test]
    fn a_slot_is_found_in_its_pod() {
        assert_eq!(super::pods(&seen(true), None).len(), 2);
        assert_eq!(super::pods(&seen(true), Some(1)), ["clicks-g3-1"]);
        assert_eq!(super::pods(&seen(true), Some(9)), Vec::<String>::new());
    }
}
