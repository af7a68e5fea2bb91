//! The API server holds every rule of the schemas, and no more than the rules: dry runs of objects that just keep one,
//! and of objects that break one.

use anyhow::Context as _;
use futures::StreamExt as _;
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config, Error};
use serde_json::{Value, json};
use tests::rules::{Case, Kind, Way, count};

use crate::say;
use crate::world::World;

/// Requests under way at once.
const AT_ONCE: usize = 8;
/// The operator writes the status too.
const CONFLICTS_MAX: usize = 20;

/// Both kinds.
pub(crate) fn held(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = client(world).await.unwrap();
        for (kind, plural, crd) in [
            ("StreamJob", "streamjobs", crds::schema::stream_job_crd()),
            ("Savepoint", "savepoints", crds::schema::savepoint_crd()),
        ] {
            let schema = crds::schema::root_schema(&crd).unwrap();
            let rules = Kind::read(plural, schema).unwrap();
            let cases = rules.cases().unwrap();
            let resource = GroupVersionKind::gvk("streamjob.dev", "v1alpha1", kind);
            let resource = ApiResource::from_gvk_with_plural(&resource, plural);
            let server = Server { api: Api::namespaced_with(client.clone(), "default", &resource) };
            let faults = server.faults(rules.base(), &cases).await.unwrap();
            say(&format!("{plural}: {} rules, {} objects", count(&cases), cases.len()));
            assert!(faults.is_empty(), "{} of them:\n{}", faults.len(), faults.join("\n"));
        }
    });
}

pub(crate) async fn client(world: &World) -> anyhow::Result<Client> {
    let file = Kubeconfig::read_from(&world.tools.kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

struct Server {
    api: Api<DynamicObject>,
}

impl Server {
    /// What the API server judges otherwise. Edits and statuses want an object that is there.
    async fn faults(&self, base: &Value, cases: &[Case]) -> anyhow::Result<Vec<String>> {
        let base: DynamicObject = serde_json::from_value(base.clone())?;
        let name = base.metadata.name.clone().context("the base has a name")?;
        self.api.create(&PostParams::default(), &base).await?;
        let judged = futures::stream::iter(cases).map(|case| self.fault(case, &name));
        let judged: Vec<_> = judged.buffer_unordered(AT_ONCE).collect().await;
        self.api.delete(&name, &DeleteParams::default()).await?;
        let faults: anyhow::Result<Vec<Option<String>>> = judged.into_iter().collect();
        Ok(faults?.into_iter().flatten().collect())
    }

    async fn fault(&self, case: &Case, name: &str) -> anyhow::Result<Option<String>> {
        let refusal = self.refusal(case, name).await?;
        let wanted = [case.rule.demand.refusal(), case.rule.place.in_message()];
        let as_wanted = match &refusal {
            None => !case.broken,
            Some(message) => case.broken && wanted.iter().all(|text| message.contains(text)),
        };
        let fault = || format!("{}: broken: {}: {refusal:?}", case.rule, case.broken);
        Ok((!as_wanted).then(fault))
    }

    /// Why the API server does not take an object; `None`: it does.
    async fn refusal(&self, case: &Case, name: &str) -> anyhow::Result<Option<String>> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        for _ in 0..CONFLICTS_MAX {
            let mut object = case.object.clone();
            let answer = match case.way {
                Way::Create => {
                    if object["metadata"]["name"] == name {
                        object["metadata"]["name"] = json!("tried");
                    }
                    self.api.create(&dry_run, &serde_json::from_value(object)?).await
                }
                Way::Edit | Way::Status => {
                    let there = self.api.get(name).await?;
                    object["metadata"] = serde_json::to_value(&there.metadata)?;
                    if case.way == Way::Edit {
                        self.api.replace(name, &dry_run, &serde_json::from_value(object)?).await
                    } else {
                        let object = serde_json::from_value(object)?;
                        self.api.replace_status(name, &dry_run, &object).await
                    }
                }
            };
            match answer {
                Ok(_) => return Ok(None),
                Err(Error::Api(status)) if status.code == 409 => {}
                Err(Error::Api(status)) => return Ok(Some(status.message.clone())),
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("{}: conflicts again and again", case.rule)
    }
}
