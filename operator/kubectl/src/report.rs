//! Everything that is known of a job, masked, in one archive.

use crds::Savepoint;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::ResourceExt as _;
use kube::api::{ListParams, LogParams};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::{explain, redact, status, tar};

/// Lines of each log.
const LOG_LINES: i64 = 5_000;

/// Files and what could not be read.
#[derive(Default)]
struct Files {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl Files {
    fn text(&mut self, name: &str, text: &str) {
        let lines: Vec<String> = text.lines().map(protocol::redact::line).collect();
        self.files.push((name.to_owned(), (lines.join("\n") + "\n").into_bytes()));
    }

    fn objects<T: Serialize>(&mut self, name: &str, found: anyhow::Result<Vec<T>>) {
        let values = found.and_then(|found| Ok(serde_json::to_value(found)?));
        match values {
            Ok(mut values) => {
                redact::object(&mut values);
                let text = serde_json::to_vec_pretty(&values);
                // What came from JSON is JSON.
                self.files.push((name.to_owned(), text.unwrap_or_default()));
            }
            Err(error) => self.missing.push(format!("{name}: {error:#}")),
        }
    }
}

/// The archive.
pub async fn archive(cluster: &Cluster, job: &str, at: Timestamp) -> anyhow::Result<Vec<u8>> {
    let seen = cluster.look(job).await?;
    let mut files = Files::default();
    files.text("status.txt", &status::text(&seen, true));
    files.text("explain.txt", &explain::text(&seen));
    files.objects("status.json", Ok(vec![status::json(&seen)]));
    files.objects("streamjob.json", Ok(vec![seen.job.clone()]));
    let savepoints = cluster.api::<Savepoint>().list(&ListParams::default()).await;
    let ours = |found: kube::api::ObjectList<Savepoint>| {
        found.items.into_iter().filter(|s| s.spec.job == *job).collect::<Vec<_>>()
    };
    files.objects("savepoints.json", savepoints.map(ours).map_err(Into::into));
    files.objects("pods.json", cluster.of_job::<Pod>(job).await);
    files.objects("statefulsets.json", cluster.of_job::<StatefulSet>(job).await);
    files.objects("jobs.json", cluster.of_job::<Job>(job).await);
    files.objects("configmaps.json", cluster.of_job::<ConfigMap>(job).await.map(unpacked));
    files.objects("events.json", events(cluster, job).await);
    logs(cluster, job, &mut files).await;
    if !files.missing.is_empty() {
        let missing = files.missing.join("\n");
        files.text("not-read.txt", &missing);
    }
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let mut archive = Vec::new();
    for (name, content) in &files.files {
        tar::add(&mut archive, &format!("report/{name}"), content, seconds);
    }
    tar::end(&mut archive);
    Ok(archive)
}

/// The jobs inside, so that they are masked too.
fn unpacked(maps: Vec<ConfigMap>) -> Vec<Value> {
    let unpack = |map: ConfigMap| {
        let inner: serde_json::Map<String, Value> = map
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(name, text)| (name, serde_json::from_str(&text).unwrap_or(Value::Null)))
            .collect();
        serde_json::json!({"name": map.metadata.name, "data": inner})
    };
    maps.into_iter().map(unpack).collect()
}

async fn events(cluster: &Cluster, job: &str) -> anyhow::Result<Vec<Event>> {
    let all = cluster.api::<Event>().list(&ListParams::default()).await?;
    let of_job = |event: &Event| {
        let name = event.involved_object.name.as_deref().unwrap_or_default();
        name == job || name.strip_prefix(job).is_some_and(|rest| rest.starts_with('-'))
    };
    Ok(all.items.into_iter().filter(of_job).collect())
}

async fn logs(cluster: &Cluster, job: &str, files: &mut Files) {
    let Ok(pods) = cluster.of_job::<Pod>(job).await else { return };
    let api = cluster.api::<Pod>();
    for pod in pods {
        let name = pod.name_any();
        for previous in [false, true] {
            let params = LogParams {
                container: Some("worker".to_owned()),
                previous,
                tail_lines: Some(LOG_LINES),
                ..LogParams::default()
            };
            let suffix = if previous { ".previous" } else { "" };
            match api.logs(&name, &params).await {
                Ok(text) => files.text(&format!("logs/{name}{suffix}.log"), &text),
                // Most containers have none before them.
                Err(_) if previous => {}
                Err(error) => files.missing.push(format!("the log of {name}: {error}")),
            }
        }
    }
}
