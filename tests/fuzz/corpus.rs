//! What inputs are made from: the files of the target, and what other tests hold frozen.

use std::fs;
use std::path::Path;

use tests::harness::tools::checkout;

use crate::targets::Target;

pub(crate) fn of(target: &Target) -> Vec<Vec<u8>> {
    let mut corpus = files(&checkout().join("tests/fuzz/corpus").join(target.name));
    corpus.extend((target.seeds)());
    corpus
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The queries that are planned, and those that are refused.
pub(crate) fn queries() -> Vec<Vec<u8>> {
    let corpus = checkout().join("worker/sql/tests/corpus");
    let cases = ["accepted.sql", "refused.sql"].map(|name| {
        let text = fs::read_to_string(corpus.join(name)).unwrap();
        let cases = text.split("--------\n").filter_map(|case| case.split("\n=>").next());
        cases.map(|query| query.as_bytes().to_vec()).collect::<Vec<_>>()
    });
    cases.concat()
}

/// The jobs of the documentation, as they are written and as JSON.
pub(crate) fn jobs() -> Vec<Vec<u8>> {
    let written = files(&checkout().join("crds/examples"));
    let json = |text: &Vec<u8>| {
        let value: serde_json::Value = serde_norway::from_slice(text).unwrap();
        value.to_string().into_bytes()
    };
    let as_json: Vec<_> = written.iter().map(json).collect();
    [written, as_json].concat()
}

/// The frozen manifest and the frozen keys.
pub(crate) fn manifests() -> Vec<Vec<u8>> {
    let golden = checkout().join("worker/protocol/golden");
    let keys = fs::read_to_string(golden.join("keys_v1.txt")).unwrap();
    let keys = keys.lines().map(|key| key.as_bytes().to_vec());
    keys.chain([fs::read(golden.join("manifest_v1.json")).unwrap()]).collect()
}

/// The frozen records of an exchange.
pub(crate) fn exchange_records() -> Vec<Vec<u8>> {
    let golden = checkout().join("worker/formats/tests/golden");
    let names = ["exchange_rows_v1.hex", "exchange_watermarks_v1.hex"];
    let records = names.map(|name| {
        let text = fs::read_to_string(golden.join(name)).unwrap();
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect::<Vec<u8>>()
    });
    records.to_vec()
}
