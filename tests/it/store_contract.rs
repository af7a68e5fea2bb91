//! Every store against a map: the same operations, the same answers. A folder, a real object store, and the same
//! behind a line that loses requests and answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use connectors::{Creation, S3Credentials, S3Options, Store, StoreErrorKind};
use tests::harness::Scratch;
use tests::harness::minio::{CREDENTIAL, Minio};
use tests::harness::store_proxy::StoreProxy;

use crate::stage::seed;

#[path = "../random.rs"]
mod numbers;

use numbers::Random;

/// No key is a folder of another one: where a folder is the store, that cannot be. Neither holds content whose damage
/// the store itself would not see.
const KEYS: [&str; 7] = [
    "job/generations/1",
    "job/generations/10",
    "job/generations/2",
    "job/generations-old/1",
    "job/sealed/3/0",
    "job/sealed/3/1",
    "other/x.y_z-1",
];
const PREFIXES: [&str; 7] =
    ["", "job", "job/", "job/generations", "job/sealed/3", "job/gen", "nothing/here"];
const LENGTH_MAX: usize = 5_000;
/// Creators of one object at a time.
const CREATORS: usize = 16;

#[derive(Debug)]
enum Operation {
    Create(&'static str, Bytes),
    Put(&'static str, Bytes),
    Get(&'static str),
    Range(&'static str, u64, u64),
    List(&'static str),
    Delete(&'static str),
}

fn draw(random: &mut Random, number: usize) -> Operation {
    let key = KEYS[random.below(KEYS.len())];
    // Nothing that is written is like another, so that nobody's content passes for the own.
    let content = |random: &mut Random| {
        let mut text = format!("{number} by nobody else ").into_bytes();
        text.resize(text.len() + random.below(LENGTH_MAX), number as u8);
        Bytes::from(text)
    };
    match random.below(8) {
        0 | 1 => Operation::Create(key, content(random)),
        2 => Operation::Put(key, content(random)),
        3 if random.one_in(3) => Operation::Range(key, 0, 1),
        3 => Operation::Get(key),
        4 => {
            let start = random.below(LENGTH_MAX) as u64;
            Operation::Range(key, start, start + random.below(LENGTH_MAX) as u64)
        }
        5 | 6 => Operation::List(PREFIXES[random.below(PREFIXES.len())]),
        _ => Operation::Delete(key),
    }
}

type Map = BTreeMap<&'static str, Bytes>;

/// What the map says to a creation. A store whose answer was lost may say that the own object is there.
fn creation(map: &mut Map, key: &'static str, content: &Bytes, found: &Creation) -> bool {
    if let Some(existing) = map.get(key) {
        return *found == Creation::AlreadyExists(existing.clone());
    }
    map.insert(key, content.clone());
    *found == Creation::Created || *found == Creation::AlreadyExists(content.clone())
}

fn range(map: &Map, key: &str, start: u64, end: u64) -> Result<Bytes, StoreErrorKind> {
    if start == end {
        return Ok(Bytes::new());
    }
    let content = map.get(key).ok_or(StoreErrorKind::NotFound)?;
    let whole = end <= content.len() as u64;
    whole.then(|| content.slice(start as usize..end as usize)).ok_or(StoreErrorKind::Corrupt)
}

fn listed(map: &Map, prefix: &str) -> Vec<(String, u64)> {
    let folder = prefix.trim_end_matches('/');
    let below = |key: &str| {
        folder.is_empty() || key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let keys = map.iter().filter(|(key, _)| below(key));
    keys.map(|(key, content)| ((*key).to_owned(), content.len() as u64)).collect()
}

/// Carries it out on both; whether they agree, and what the store said.
async fn agrees(store: &Store, map: &mut Map, operation: &Operation) -> (bool, String) {
    match operation {
        Operation::Create(key, content) => {
            let found = store.create(key, content.clone()).await;
            let agrees = found.as_ref().is_ok_and(|found| creation(map, key, content, found));
            (agrees, format!("{found:?}"))
        }
        Operation::Put(key, content) => {
            let found = store.put(key, content.clone()).await;
            map.insert(key, content.clone());
            (found.is_ok(), format!("{found:?}"))
        }
        Operation::Get(key) => {
            let found = store.get_if_present(key).await;
            (found.as_ref().is_ok_and(|found| found.as_ref() == map.get(key)), format!("{found:?}"))
        }
        Operation::Range(key, start, end) => {
            let found = store.get_range(key, *start..*end).await;
            let told = found.as_ref().map_err(|error| error.kind).cloned();
            (told == range(map, key, *start, *end), format!("{found:?}"))
        }
        Operation::List(prefix) => {
            let found = store.list(prefix).await;
            let told = found.as_ref().map(|list| {
                list.iter().map(|object| (object.key.clone(), object.size)).collect::<Vec<_>>()
            });
            (told.is_ok_and(|told| told == listed(map, prefix)), format!("{found:?}"))
        }
        Operation::Delete(key) => {
            let found = store.delete(key).await;
            map.remove(key);
            (found.is_ok(), format!("{found:?}"))
        }
    }
}

async fn check(name: &str, store: &Store, seed: u64, operations: usize) {
    let mut random = Random::new(seed);
    let mut map = Map::new();
    let mut trace: Vec<String> = Vec::new();
    for number in 0..operations {
        let operation = draw(&mut random, number);
        let (agrees, said) = agrees(store, &mut map, &operation).await;
        trace.push(format!("{:.60} → {said:.200}", format!("{operation:?}")));
        let from = trace.len().saturating_sub(20);
        assert!(agrees, "{name}: the map says otherwise:\n{}", trace[from..].join("\n"));
    }
}

/// Of many creators one is told that it created, and all that the object is the winner's.
async fn require_one_winner(store: &Store) {
    let attempts: Vec<_> = (0..CREATORS)
        .map(|number| {
            let (store, content) = (store.clone(), Bytes::from(format!("creator {number}")));
            tokio::spawn(async move { (store.create("race", content.clone()).await, content) })
        })
        .collect();
    let mut told = Vec::new();
    for attempt in attempts {
        told.push(attempt.await.unwrap());
    }
    let winner = store.get("race").await.unwrap();
    for (found, own) in told {
        let expected =
            if own == winner { Creation::Created } else { Creation::AlreadyExists(winner.clone()) };
        assert_eq!(found, Ok(expected));
    }
}

fn bucket(endpoint: String, prefix: &str) -> Store {
    let key = CREDENTIAL.to_owned();
    let credentials =
        S3Credentials { access_key_id: key.clone(), secret_access_key: key, session_token: None };
    let options = S3Options {
        endpoint: Some(endpoint),
        path_style: true,
        credentials: Some(credentials),
        ..S3Options::default()
    };
    Store::open(&format!("s3://{}/{prefix}", Minio::BUCKET), &options).unwrap()
}

#[test]
fn every_store_answers_like_the_map() {
    let seed = seed();
    let scratch = Scratch::new("store-contract").unwrap();
    let minio = Minio::start(&scratch.folder("minio").unwrap()).unwrap();
    let proxy = StoreProxy::start(&minio.endpoint(), seed).unwrap();
    proxy.spoil_one_in(4);
    let folder = format!("file://{}", scratch.folder("folder").unwrap().display());
    let folder = Store::open(&folder, &S3Options::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        check("folder", &folder, seed, 2_000).await;
        let direct = bucket(minio.endpoint(), "direct");
        check("bucket", &direct, seed + 1, 400).await;
        require_one_winner(&direct).await;
        check("bad line", &bucket(proxy.endpoint(), "bad-line"), seed + 2, 150).await;
    });
    assert!(proxy.spoilt().values().sum::<u64>() > 10, "{:?}", proxy.spoilt());
}
