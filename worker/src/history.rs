//! What the store knows of a job: its generations and where it has rested.

use bytes::Bytes;
use connectors::{Creation, Store};
use protocol::acquire::{PendingSeal, Stop};
use protocol::generation::{GenerationObject, Sealed};
use protocol::keys::{Keys, trailing_number};
use protocol::manifest::ManifestName;
use protocol::reason::Reason;
use protocol::{Generation, ShardId};

use crate::slot::store_stop;

/// Read whole at every acquire.
#[derive(Debug, Clone, Default)]
pub struct JobHistory {
    /// Every generation object.
    pub generations: Vec<GenerationObject>,
    /// Every sealed part.
    pub sealed: Vec<Sealed>,
    /// Seals that are history.
    pub unsealed: Vec<Generation>,
    /// Names of all manifests: a number is never used twice.
    pub manifest_names: Vec<ManifestName>,
}

impl JobHistory {
    /// Reads it.
    pub async fn read(store: &Store, keys: &Keys) -> Result<Self, Stop> {
        let stop = |e| store_stop(&e);
        let mut history = Self::default();
        for object in store.list(&keys.generations()).await.map_err(stop)? {
            history.generations.push(read_json(store, &object.key).await?);
        }
        for object in store.list(&keys.sealed_all()).await.map_err(stop)? {
            history.sealed.push(read_json(store, &object.key).await?);
        }
        let unsealed = store.list(&format!("{}unsealed/", keys.root())).await.map_err(stop)?;
        history.unsealed = unsealed
            .iter()
            .filter_map(|object| trailing_number(&object.key))
            .map(Generation)
            .collect();
        let manifests = store.list(&keys.manifests()).await.map_err(stop)?;
        history.manifest_names = manifests
            .iter()
            .filter_map(|object| object.key.rsplit('/').next()?.parse().ok())
            .collect();
        Ok(history)
    }

    /// The numbers of the generations.
    pub fn numbers(&self) -> Vec<Generation> {
        self.generations.iter().map(|g| g.generation).collect()
    }

    /// The newest generation.
    pub fn newest(&self) -> Option<&GenerationObject> {
        self.generations.iter().max_by_key(|g| g.generation)
    }

    /// The rest point that `own` takes up, if there is one.
    pub fn pending_seal(&self, own: Generation) -> Option<PendingSeal> {
        PendingSeal::choose(own, self.sealed.clone(), &self.unsealed)
    }

    /// The first offsets of the job, history or not.
    pub fn first_seal(&self) -> Option<PendingSeal> {
        let parts: Vec<Sealed> =
            self.sealed.iter().filter(|s| s.generation == Generation(0)).cloned().collect();
        (!parts.is_empty()).then_some(PendingSeal { generation: Generation(0), parts })
    }

    /// Has an earlier generation counted this log?
    pub fn counted_before(&self, own: Generation, shard: &ShardId) -> bool {
        let counts = |g: &GenerationObject| {
            g.layout.stage(shard.stage).is_some_and(|s| s.position(&shard.log).is_some())
        };
        self.generations.iter().any(|g| g.generation < own && counts(g))
    }

    /// Step 1 of acquire: creates the object, or finds the same content there.
    pub async fn create_generation(
        store: &Store,
        keys: &Keys,
        object: &GenerationObject,
    ) -> Result<(), Stop> {
        let key = keys.generation(object.generation);
        let body = serde_json::to_vec(object).expect("a generation has no value JSON lacks");
        if !Self::create(store, &key, body.into()).await? {
            let found: GenerationObject = read_json(store, &key).await?;
            if found != *object {
                return Err(Stop::new(
                    Reason::Superseded,
                    format!("{key} exists with other content: another rollout took this number"),
                ));
            }
        }
        Ok(())
    }

    /// Creates an object; false if there was one.
    pub async fn create(store: &Store, key: &str, body: Bytes) -> Result<bool, Stop> {
        let created = store.create(key, body).await.map_err(|e| store_stop(&e))?;
        Ok(created == Creation::Created)
    }

    /// Is there an object?
    pub async fn exists(store: &Store, key: &str) -> Result<bool, Stop> {
        let found = store.get_if_present(key).await.map_err(|e| store_stop(&e))?;
        Ok(found.is_some())
    }
}

/// Reads an object of ours.
pub async fn read_json<T: serde::de::DeserializeOwned>(
    store: &Store,
    key: &str,
) -> Result<T, Stop> {
    let bytes = store.get(key).await.map_err(|e| store_stop(&e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Stop::new(Reason::ManifestCorrupt, format!("{key} does not parse: {e}")))
}
