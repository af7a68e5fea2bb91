//! The store against a map: random changes, deletions, floors, checkpoints, restarts and moves
//! through packed objects.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::ShardId;
use protocol::manifest::{Run, RunKind};
use state::{LocalStore, Pack, chain, verify};
use tempfile::TempDir;

use crate::random::Random;
use crate::{BUDGET_BYTES, changes, entries, key, shard};

const TABLES: u16 = 3;

type Table = BTreeMap<Vec<u8>, Vec<u8>>;

/// A shard as it should be.
#[derive(Clone, Default)]
struct Model {
    tables: BTreeMap<u16, Table>,
    changed: BTreeMap<u16, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    floors: BTreeMap<u16, i64>,
    chain: Vec<Run>,
    /// What the chain says.
    saved: BTreeMap<u16, Table>,
    saved_as: String,
}

impl Model {
    fn floor(&self, table: u16) -> i64 {
        self.floors.get(&table).copied().unwrap_or(i64::MIN)
    }

    fn change(&mut self, random: &mut Random) {
        for _ in 0..random.below(60) {
            let table = random.below(TABLES.into()) as u16;
            let time = self.floor(table).max(-20) + random.below(30) as i64;
            let rest_len = random.below(3);
            let entry = key(time, &random.bytes(rest_len));
            let value_len = random.below(40);
            let value = (!random.one_in(3)).then(|| random.bytes(value_len));
            match &value {
                Some(value) => {
                    self.tables.entry(table).or_default().insert(entry.clone(), value.clone())
                }
                None => self.tables.entry(table).or_default().remove(&entry),
            };
            self.changed.entry(table).or_default().insert(entry, value);
        }
        if random.one_in(3) {
            let table = random.below(TABLES.into()) as u16;
            let floor = self.floor(table).max(-20) + random.below(12) as i64;
            self.floors.insert(table, floor);
            for list in [self.tables.get_mut(&table)].into_iter().flatten() {
                list.retain(|entry, _| *entry >= key(floor, b""));
            }
            if let Some(list) = self.changed.get_mut(&table) {
                list.retain(|entry, _| *entry >= key(floor, b""));
            }
        }
    }

    /// What a store holds, without the dead.
    fn check(&self, store: &LocalStore, shard: &ShardId, expected: &BTreeMap<u16, Table>) {
        let mut found: BTreeMap<u16, Table> = BTreeMap::new();
        for (table, entry, value) in entries(store, shard).unwrap() {
            if entry >= key(self.floor(table), b"") {
                found.entry(table).or_default().insert(entry, value);
            }
        }
        let mut expected = expected.clone();
        for (table, list) in &mut expected {
            list.retain(|entry, _| *entry >= key(self.floor(*table), b""));
        }
        expected.retain(|_, list| !list.is_empty());
        assert!(found == expected, "{shard}: {found:?} instead of {expected:?}");
    }

    fn checkpoint(&mut self, store: &LocalStore, shard: &ShardId, pack: &mut Pack, name: &str) {
        let list: Vec<_> = (0..TABLES)
            .map(|table| {
                let list: Vec<_> =
                    self.changed.remove(&table).unwrap_or_default().into_iter().collect();
                changes(table, self.floors.get(&table).copied(), &list)
            })
            .collect();
        if let Some(run) = store.write_run(shard, &list).unwrap() {
            store.ingest(shard, &run.bytes).unwrap();
            let kind = chain::decide(&self.chain, run.bytes.len() as u64);
            // Small shards would hardly ever get a new base by size.
            if kind == RunKind::Base || self.chain.len() > 4 {
                let base = store.base_run(shard).unwrap();
                self.chain = vec![pack.add(&base)];
            } else {
                self.chain.push(pack.add(&run));
            }
        }
        self.saved = self.tables.clone();
        name.clone_into(&mut self.saved_as);
    }

    fn restore(&self, store: &LocalStore, shard: &ShardId, objects: &BTreeMap<String, Bytes>) {
        let mut restore = store.restore(shard);
        for run in &self.chain {
            let bytes = &objects[&run.object][run.start as usize..(run.start + run.len) as usize];
            verify(run, bytes).unwrap();
            restore.add(bytes).unwrap();
        }
        restore.finish(&self.saved_as).unwrap();
    }
}

fn one_history(seed: u64) {
    let mut random = Random::new(seed);
    let dir = TempDir::new().unwrap();
    let open =
        |slot: usize| LocalStore::open(&dir.path().join(slot.to_string()), BUDGET_BYTES).unwrap();
    let mut stores = [Some(open(0)), Some(open(1))];
    let shards = [shard(0, "s", 0), shard(0, "s", 1), shard(1, "x", 0)];
    let mut owners = [0, 1, 0];
    let mut models = [Model::default(), Model::default(), Model::default()];
    let mut objects = BTreeMap::new();
    for number in 0..20 {
        for model in &mut models {
            model.change(&mut random);
        }
        for (slot, store) in stores.iter().enumerate() {
            let store = store.as_ref().unwrap();
            let name = format!("g1-s{slot}-c{number}");
            let mut pack = Pack::new(name.clone());
            for i in (0..shards.len()).filter(|i| owners[*i] == slot) {
                models[i].checkpoint(store, &shards[i], &mut pack, &name);
                models[i].check(store, &shards[i], &models[i].tables);
            }
            let own = (0..shards.len()).filter(|i| owners[*i] == slot);
            let named: Vec<_> = own.map(|i| (&shards[i], name.as_str())).collect();
            store.set_identities(&named).unwrap();
            objects.insert(name, pack.finish());
        }
        if random.one_in(3) {
            stores[random.below(2)].as_ref().unwrap().compact();
        }
        let i = random.below(shards.len());
        match random.below(4) {
            0 => {
                // A restart: the copy is what the last checkpoint says, and knows it.
                let slot = owners[i];
                stores[slot] = None;
                stores[slot] = Some(open(slot));
                let store = stores[slot].as_ref().unwrap();
                assert_eq!(store.identity(&shards[i]).unwrap(), Some(models[i].saved_as.clone()));
                models[i].check(store, &shards[i], &models[i].saved);
            }
            1 => {
                // The shard moves; what was not saved is lost, as after a crash, and replayed by
                // its owner.
                owners[i] = 1 - owners[i];
                let store = stores[owners[i]].as_ref().unwrap();
                models[i].restore(store, &shards[i], &objects);
                models[i].check(store, &shards[i], &models[i].saved);
                let saved = models[i].saved.clone();
                models[i].tables = saved;
                models[i].changed.clear();
            }
            _ => {}
        }
    }
    for (i, model) in models.iter().enumerate() {
        let elsewhere = shard(9, "another job's", i as i32);
        let store = stores[0].as_ref().unwrap();
        model.restore(store, &elsewhere, &objects);
        model.check(store, &elsewhere, &model.saved);
    }
}

#[test]
fn every_history_ends_as_the_map_does() {
    for seed in 0..3 {
        one_history(seed);
    }
}
