//! What the controllers of a cluster and its kubelets do.

use protocol::admin::SlotPhase;
use serde_json::{Value, json};

use crate::reading::{is_broken, logs, slots_per_worker, verdict};
use crate::store::{Key, time};
use crate::workers::Fake;
use crate::world::{World, key};

impl World {
    /// One step of all of them.
    pub(crate) fn controllers(&mut self) {
        {
            let store = &mut self.server.lock().unwrap().store;
            if store.ending {
                store.clear();
            }
            store.collect();
        }
        let sets = self.server.lock().unwrap().store.list("statefulsets", "default", None);
        for set in sets.iter().filter(|set| set["metadata"]["deletionTimestamp"].is_null()) {
            self.run_set(set);
        }
        let jobs = self.server.lock().unwrap().store.list("jobs", "default", None);
        for job in &jobs {
            self.run_job(job);
        }
        self.kubelet();
    }

    fn run_set(&mut self, set: &Value) {
        let name = set["metadata"]["name"].as_str().unwrap();
        let replicas = set["spec"]["replicas"].as_u64().unwrap();
        for ordinal in 0..replicas {
            let key = key("pods", &format!("{name}-{ordinal}"));
            let mut server = self.server.lock().unwrap();
            if server.store.ending || server.store.get(&key).is_some() {
                continue;
            }
            let mut pod = set["spec"]["template"].clone();
            pod["metadata"]["ownerReferences"] = json!([{"uid": set["metadata"]["uid"]}]);
            if *self.no_capacity.lock().unwrap() {
                pod["status"] = json!({"phase": "Pending", "conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/1 nodes are available",
                }]});
                server.store.create(&key, pod).expect("a new pod");
                continue;
            }
            self.addresses += 1;
            let ip = format!("10.0.0.{}", self.addresses);
            pod["status"] = json!({"phase": "Running", "podIP": ip});
            server.store.create(&key, pod).expect("a new pod");
            let mut fake =
                worker_of(set, u32::try_from(ordinal).unwrap(), logs(&server.store, name));
            fake.crashes = is_broken(&server.store, name);
            self.fleet.lock().unwrap().workers.insert(ip, fake);
        }
    }

    /// Pods are ready when their workers are warm; workers of pods that are gone are gone.
    fn kubelet(&mut self) {
        let mut server = self.server.lock().unwrap();
        let mut fleet = self.fleet.lock().unwrap();
        let pods: Vec<(Key, String)> = server
            .store
            .objects
            .iter()
            .filter(|(key, _)| key.0 == "pods")
            .filter_map(|(key, pod)| Some((key.clone(), pod["status"]["podIP"].as_str()?.into())))
            .collect();
        fleet.workers.retain(|ip, _| pods.iter().any(|(_, known)| known == ip));
        for (key, ip) in pods {
            let Some(fake) = fleet.workers.get(&ip) else { continue };
            let ready = if fake.phase == SlotPhase::Warming { "False" } else { "True" };
            let restarts = fake.restarts;
            server.store.update(&key, |pod| {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": ready}]);
                if restarts > 0 {
                    pod["status"]["containerStatuses"] = json!([{
                        "name": "worker", "ready": false, "restartCount": restarts, "image": "",
                        "imageID": "",
                    }]);
                }
            });
        }
    }

    /// The pod of a Job ends at once; the planner says what the SQL wants it to say.
    fn run_job(&mut self, job: &Value) {
        let name = job["metadata"]["name"].as_str().unwrap();
        let partitions = self.fleet.lock().unwrap().partitions;
        let mut server = self.server.lock().unwrap();
        if job["status"].is_object() || server.store.ending {
            return;
        }
        let planner = job["metadata"]["labels"]["app.kubernetes.io/component"] == "planner";
        let config = server.store.get(&key("configmaps", name)).cloned();
        let Some(config) = config else { return };
        let message = planner.then(|| verdict(&config, partitions));
        let good = message.as_ref().is_none_or(|message| message.contains("\"refusals\":[]"));
        let mut pod = job["spec"]["template"].clone();
        pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name.into();
        pod["metadata"]["ownerReferences"] = json!([{"uid": job["metadata"]["uid"]}]);
        pod["status"] = json!({"phase": "Succeeded", "containerStatuses": [{
            "name": "worker", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": 0, "message": message.unwrap_or_default()}},
        }]});
        // The pod of a Job of the same name before it may not be gone yet.
        let pod_key = key("pods", &format!("{name}-x"));
        if server.store.get(&pod_key).is_some() {
            return;
        }
        server.store.create(&pod_key, pod).expect("a new pod");
        let ended = if good { "Complete" } else { "Failed" };
        let now = time(server.store.now);
        server.store.update(&key("jobs", name), |job| {
            job["status"] = json!({"conditions": [
                {"type": ended, "status": "True", "lastTransitionTime": now},
            ]});
        });
    }
}

fn worker_of(set: &Value, ordinal: u32, logs: u32) -> Fake {
    let label = |name: &str| set["metadata"]["labels"][name].as_str().unwrap();
    let generation = label("streamjob.dev/generation").parse().unwrap();
    let slots = slots_per_worker(set);
    let pods = u32::try_from(set["spec"]["replicas"].as_u64().unwrap()).unwrap();
    Fake::new(label("streamjob.dev/job-uid"), generation, ordinal, (slots, slots * pods), logs)
}
