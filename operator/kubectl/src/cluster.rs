//! The API server: the only thing outside that this program talks to.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crds::{StreamJob, marks};
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Config, Resource, ResourceExt};
use protocol::admin::{METRICS_PORT, WorkerStatus};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::ClusterArgs;
use crate::seen::{PodSeen, Seen};

/// Who this program is in server-side apply.
pub const FIELD_MANAGER: &str = "kubectl-streamjob";
/// How long a worker may take to answer through the API server.
const WORKER_TIMEOUT: Duration = Duration::from_secs(5);
/// Workers asked at the same time.
const WORKERS_AT_ONCE: usize = 16;
/// Between two looks at something that is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A way to the API server, and the namespace that is meant.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

impl Cluster {
    /// As the kubeconfig and the arguments say.
    pub async fn open(args: &ClusterArgs) -> anyhow::Result<Self> {
        let options = KubeConfigOptions { context: args.context.clone(), ..Default::default() };
        let config = match &args.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                Config::from_custom_kubeconfig(file, &options).await?
            }
            None if args.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await?,
        };
        let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("no way to the API server")?;
        Ok(Self { client, namespace })
    }

    /// Objects of one kind.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// StreamJobs as the API server has them, whatever their fields.
    pub fn jobs(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<StreamJob>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// A job that must be there.
    pub async fn job(&self, name: &str) -> anyhow::Result<Value> {
        let found = self.jobs().get_opt(name).await?;
        let found = found.with_context(|| {
            format!("there is no StreamJob {name} in namespace {}", self.namespace)
        })?;
        Ok(serde_json::to_value(found)?)
    }

    /// Changes a job as `kubectl patch --type=merge` does.
    pub async fn patch(&self, name: &str, change: &Value) -> anyhow::Result<Value> {
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..Default::default() };
        let patched = self.jobs().patch(name, &params, &Patch::Merge(change)).await;
        let patched = patched.with_context(|| format!("StreamJob {name} cannot be changed"))?;
        Ok(serde_json::to_value(patched)?)
    }

    /// Looks again and again until it is so; the object as it then is.
    pub async fn until(
        &self,
        name: &str,
        within: Duration,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let began = tokio::time::Instant::now();
        loop {
            let job = self.job(name).await?;
            if is_so(&job) {
                return Ok(job);
            }
            if began.elapsed() >= within {
                bail!(
                    "{name} is not {what} within {within:?}; see kubectl streamjob explain {name}"
                );
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Everything of one kind that belongs to a job.
    pub async fn of_job<K>(&self, job: &str) -> anyhow::Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let params = ListParams::default().labels(&format!("{}={job}", marks::JOB));
        Ok(self.api::<K>().list(&params).await?.items)
    }

    /// A job, its worker pods, and what they say.
    pub async fn look(&self, name: &str) -> anyhow::Result<Seen> {
        let job = self.job(name).await?;
        let mut pods: Vec<Pod> = self.of_job(name).await?;
        pods.retain(|pod| label(pod, marks::COMPONENT) == Some("worker"));
        pods.sort_by_key(|pod| (generation(pod), pod.name_any()));
        let asked = pods.iter().map(|pod| self.ask(pod));
        let pods = futures::stream::iter(asked).buffered(WORKERS_AT_ONCE).collect().await;
        Ok(Seen::new(job, pods, Timestamp::now()))
    }

    async fn ask(&self, pod: &Pod) -> PodSeen {
        let name = pod.name_any();
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        let ready = conditions
            .is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
        let containers = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref());
        let restarts = containers.and_then(|all| all.iter().find(|c| c.name == "worker"));
        PodSeen {
            generation: generation(pod).unwrap_or_default(),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            ready,
            restarts: restarts.map_or(0, |container| container.restart_count),
            worker: self.worker(&name).await,
            name,
        }
    }

    /// What the worker in a pod says, through the API server.
    async fn worker(&self, pod: &str) -> Result<WorkerStatus, String> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}:{METRICS_PORT}/proxy/v1/status",
            self.namespace
        );
        let request = http::Request::get(path).body(Vec::new()).map_err(|e| e.to_string())?;
        let answer = self.client.request::<WorkerStatus>(request);
        match tokio::time::timeout(WORKER_TIMEOUT, answer).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                Err("you have no right to get pods/proxy".to_owned())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {WORKER_TIMEOUT:?}")),
        }
    }
}

fn label<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    pod.metadata.labels.as_ref()?.get(name).map(String::as_str)
}

fn generation(pod: &Pod) -> Option<u64> {
    label(pod, marks::GENERATION)?.parse().ok()
}
