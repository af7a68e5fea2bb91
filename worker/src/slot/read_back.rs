//! A savepoint is believed when it has been read back: the part, its manifest, and every run with its checksum. A
//! thread of its own does that; the slot reads on meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::{Store, turns};
use protocol::SlotIndex;
use protocol::acquire::Stop;
use protocol::admin::ReadBack;
use protocol::generation::Sealed;
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName};
use protocol::reason::Reason;
use protocol::restore::covering;
use tokio::runtime::Handle;

use super::context::Context;
use super::{bug, store_stop};
use crate::board::Board;
use crate::history::read_json;

/// What is read back, and where the outcome is said.
struct Reader {
    store: Store,
    runtime: Handle,
    board: Arc<Board>,
    slot: SlotIndex,
    name: String,
    key: String,
    part: Sealed,
}

/// Starts to read back the part of a savepoint that lies under this key.
pub(super) fn start(context: &Context, name: &str, key: &str, part: Sealed) -> Result<(), Stop> {
    let task = &context.task;
    let reader = Reader {
        store: context.store.clone(),
        runtime: task.runtime.clone(),
        board: Arc::clone(&task.board),
        slot: task.slot,
        name: name.to_owned(),
        key: key.to_owned(),
        part,
    };
    turns::spawn(format!("read-back-{}", task.slot), move || reader.report())
        .map_err(|e| bug(format!("no thread to read a savepoint back: {e}")))
}

impl Reader {
    fn report(self) {
        let found = self.runtime.block_on(whole(&self.store, &self.key, &self.part));
        if let Err(stop) = &found {
            tracing::warn!(name = %self.name, reason = %stop.reason, "read back: {}", stop.message);
        }
        let stop = found.err();
        let read_back =
            ReadBack { reason: stop.as_ref().map(|s| s.reason), message: stop.map(|s| s.message) };
        self.board.note(self.slot, |entry| {
            let part = entry.status.savepoint.as_mut().filter(|part| part.name == self.name);
            if let Some(part) = part {
                part.read_back = Some(read_back);
            }
        });
    }
}

/// Is everything that a restore needs there, as it was written?
async fn whole(store: &Store, key: &str, part: &Sealed) -> Result<(), Stop> {
    let corrupt = |message: String| Stop::new(Reason::ManifestCorrupt, message);
    let found: Sealed = read_json(store, key).await?;
    if found != *part {
        return Err(corrupt(format!("{key} is not what was written")));
    }
    let keys = Keys::new(&part.job_uid);
    let mut manifests: BTreeMap<&ManifestName, Manifest> = BTreeMap::new();
    for name in part.shards.iter().filter_map(|shard| shard.manifest.as_ref()) {
        if !manifests.contains_key(name) {
            let bytes = store.get(&keys.manifest(name)).await.map_err(|e| store_stop(&e))?;
            let manifest = Manifest::decode(&bytes, name, &part.job_uid)
                .map_err(|e| corrupt(e.to_string()))?;
            manifests.insert(name, manifest);
        }
    }
    for shard in &part.shards {
        let Some(manifest) = shard.manifest.as_ref().and_then(|name| manifests.get(name)) else {
            continue;
        };
        let snapshot = covering(manifest, &shard.shard, true)?;
        if snapshot.offset != shard.offset {
            return Err(corrupt(format!(
                "shard {} rests at {}, its checkpoint is at {}",
                shard.shard, shard.offset, snapshot.offset
            )));
        }
        state::chain::check(&snapshot.runs).map_err(|e| corrupt(e.to_string()))?;
        for run in &snapshot.runs {
            let range = run.start..run.start + run.len;
            let bytes = store.get_range(&run.object, range).await.map_err(|e| store_stop(&e))?;
            state::verify(run, &bytes).map_err(|e| corrupt(e.to_string()))?;
        }
    }
    Ok(())
}
