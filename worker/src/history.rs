//! What the store knows of a job: its generations and where it has rested.

use bytes::Bytes;
use connectors::{Creation, Store};
use protocol::acquire::{PendingSeal, Stop};
use protocol::generation::{GenerationObject, Sealed};
use protocol::keys::{Keys, trailing_number};
use protocol::manifest::ManifestName;
use protocol::reason::Reason;
use protocol::{Generation, ShardId, SlotIndex};

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

    /// Has this log been counted before, so that a missing commit point is a lost one (S2)? By an earlier generation;
    /// by the generations that took up a seal with this log; or by an earlier process of the own slot, which writes
    /// checkpoints only after its claim.
    pub fn counted_before(&self, own: (Generation, SlotIndex), shard: &ShardId) -> bool {
        let counts = |g: &GenerationObject| {
            g.layout.stage(shard.stage).is_some_and(|s| s.position(&shard.log).is_some())
        };
        let taken_up = |s: &Sealed| {
            self.unsealed.contains(&s.generation) && s.shards.iter().any(|s| s.shard == *shard)
        };
        self.generations.iter().any(|g| g.generation < own.0 && counts(g))
            || self.sealed.iter().any(taken_up)
            || self.manifest_names.iter().any(|name| (name.generation, name.slot) == own)
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

#[cfg(test)]
mod tests {
    use protocol::generation::SealedShard;
    use protocol::{Log, StageId};

    use super::*;

    /// The offsets of a group can be forgotten while a generation runs: its restart must not take the logs for new.
    #[test]
    fn a_log_that_was_claimed_is_never_new_again() {
        let own = (Generation(1), SlotIndex(0));
        let shard = ShardId { stage: StageId(0), log: Log::new("in", 0) };
        let sealed = Sealed {
            format: 1,
            generation: Generation(0),
            slot: SlotIndex(0),
            slots: 1,
            job_uid: "u".into(),
            shards: vec![SealedShard {
                shard: shard.clone(),
                offset: 0,
                manifest: None,
                clock: None,
            }],
        };
        let mut history = JobHistory { sealed: vec![sealed], ..JobHistory::default() };
        assert!(!history.counted_before(own, &shard), "the first start");
        history.unsealed.push(Generation(0));
        assert!(history.counted_before(own, &shard), "the first seal was taken up");
        let added = ShardId { log: Log::new("in", 1), ..shard };
        assert!(!history.counted_before(own, &added), "a partition that came later");
        history.manifest_names = vec!["g1-s1-c1-0000000000000001".parse().expect("a name")];
        assert!(!history.counted_before(own, &added), "another slot's checkpoint");
        history.manifest_names.push("g1-s0-c1-0000000000000001".parse().expect("a name"));
        assert!(history.counted_before(own, &added), "the own slot's checkpoint");
    }
}
