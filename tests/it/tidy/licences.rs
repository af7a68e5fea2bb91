//! Under which licences the packages stand that we are built from, and that the bill of materials names them all.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::harness::tools::checkout;

use super::sources::require_none;

/// Licences that a package may stand under, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("Apache-2.0", "our own"),
    ("Apache-2.0 WITH LLVM-exception", "our own, with fewer duties"),
    ("MIT", "asks for its text to be kept, no more"),
    ("BSD-2-Clause", "as MIT"),
    ("BSD-3-Clause", "as MIT; names may not be used to advertise"),
    ("ISC", "as MIT"),
    ("Zlib", "as MIT; what is altered says so"),
    ("Unicode-3.0", "as MIT, for tables of Unicode"),
    ("CC0-1.0", "asks for nothing"),
    ("CDLA-Permissive-2.0", "data, here certificates: asks for its text to be kept"),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(checkout())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packages of others: name, version, licence.
fn foreign(metadata: &Value) -> Vec<(String, String)> {
    let packages = metadata["packages"].as_array().unwrap();
    let foreign = packages.iter().filter(|package| !package["source"].is_null());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    foreign
        .map(|package| {
            let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
            (name, text(&package["license"]))
        })
        .collect()
}

/// Whether an expression can be met by allowed licences: one of those between `OR`, all of those between `AND`. A slash
/// is how `OR` was written once. What was chosen is added to `used`.
fn is_allowed(expression: &str, used: &mut BTreeSet<&'static str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let allowed = any(&words, &mut at, used);
    allowed && at == words.len()
}

fn any(words: &[&str], at: &mut usize, used: &mut BTreeSet<&'static str>) -> bool {
    let mut allowed = all(words, at, used);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        allowed |= all(words, at, used);
    }
    allowed
}

fn all(words: &[&str], at: &mut usize, used: &mut BTreeSet<&'static str>) -> bool {
    let mut allowed = one(words, at, used);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        allowed &= one(words, at, used);
    }
    allowed
}

fn one(words: &[&str], at: &mut usize, used: &mut BTreeSet<&'static str>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let allowed = any(words, at, used);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return allowed && closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = [word, "WITH", words.get(*at + 1).unwrap_or(&"")].join(" ");
        *at += 2;
    }
    let known = ALLOWED.iter().find(|(name, _)| *name == licence);
    used.extend(known.map(|(name, _)| *name));
    known.is_some()
}

#[test]
fn every_package_stands_under_a_licence_that_is_allowed() {
    let mut used = BTreeSet::new();
    let packages = foreign(&metadata());
    assert!(packages.len() > 300, "{} packages", packages.len());
    let refused = packages.iter().filter(|(_, licence)| !is_allowed(licence, &mut used));
    let refused: Vec<String> =
        refused.map(|(name, licence)| format!("{name}: \"{licence}\"")).collect();
    require_none("packages under other licences", &refused);
    let idle = ALLOWED.iter().filter(|(name, _)| !used.contains(name));
    let idle: Vec<String> = idle.map(|(name, _)| (*name).to_owned()).collect();
    require_none("licences that no package needs", &idle);
}

#[test]
fn an_expression_is_read_as_it_is_meant() {
    for (expression, want) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("", false),
        ("MIT OR GPL-3.0-only", true),
        ("GPL-3.0-only/MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND ISC", true),
        ("MIT OR (GPL-3.0-only AND ISC)", true),
        ("(GPL-3.0-only OR LGPL-2.1-only) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ("MIT ISC", false),
        ("(MIT", false),
    ] {
        assert_eq!(is_allowed(expression, &mut BTreeSet::new()), want, "{expression}");
    }
}

/// Name, version and checksum of the packages in `Cargo.lock`; ours have no checksum.
fn locked() -> BTreeSet<(String, String, String)> {
    let text = fs::read_to_string(checkout().join("Cargo.lock")).unwrap();
    let packages = text.split("[[package]]").skip(1);
    packages
        .map(|package| {
            let field = |name: &str| {
                let start = format!("{name} = \"");
                let mut lines = package.lines().filter_map(|line| line.strip_prefix(&start));
                lines.next().unwrap_or_default().trim_end_matches('"').to_owned()
            };
            (field("name"), field("version"), field("checksum"))
        })
        .collect()
}

fn bill(arguments: &[&str]) -> Value {
    let script = checkout().join("tests/images/sbom.py");
    let output = Command::new("python3").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bill: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    bill
}

/// Packages of a bill: what begins with that address.
fn components<'a>(bill: &'a Value, purl: &str) -> Vec<&'a Value> {
    let all = bill["components"].as_array().unwrap().iter();
    all.filter(|part| part["purl"].as_str().unwrap_or_default().starts_with(purl)).collect()
}

#[test]
fn the_bill_of_materials_names_every_package() {
    let bill = bill(&["whole"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed: BTreeSet<_> = components(&bill, "pkg:cargo/")
        .into_iter()
        .map(|p| (text(&p["name"]), text(&p["version"]), text(&p["hashes"][0]["content"])))
        .collect();
    let locked = locked();
    assert!(locked.len() > 300, "{} packages", locked.len());
    let differ = listed.symmetric_difference(&locked);
    let differ: Vec<String> = differ.map(|package| format!("{package:?}")).collect();
    require_none("packages in one of bill and Cargo.lock", &differ);
    for part in components(&bill, "pkg:cargo/") {
        let ours = part["type"] == "application";
        assert!(ours || part["licenses"][0]["expression"].is_string(), "no licence: {part}");
    }
    // Sources in C and C++ that crates bring along are no crates: advisories about them name them so.
    let foreign = components(&bill, "pkg:generic/");
    let foreign: BTreeSet<String> = foreign.into_iter().map(|part| text(&part["name"])).collect();
    assert_eq!(foreign, ["bzip2", "lz4", "rdkafka", "rocksdb", "zstd"].map(str::to_owned).into());
}

#[test]
fn the_bill_of_an_image_names_what_is_in_it() {
    let base = tempfile::tempdir().unwrap();
    let listed = base.path().join("usr/share/streamjob");
    fs::create_dir_all(&listed).unwrap();
    fs::write(listed.join("packages"), "libssl3 3.0.17-1~deb12u2\n").unwrap();
    let base = base.path().display().to_string();
    for (program, within, without) in [
        ("streamjob-worker", ["rdkafka", "librocksdb-sys"], ["kube", "kube-client"]),
        ("streamjob-operator", ["kube", "axum"], ["rdkafka", "streamjob-worker"]),
    ] {
        let bill = bill(&[program, &base]);
        let names: BTreeSet<&str> = components(&bill, "pkg:cargo/")
            .into_iter()
            .filter_map(|part| part["name"].as_str())
            .collect();
        assert!(names.contains(program) && within.iter().all(|name| names.contains(name)));
        assert!(without.iter().all(|name| !names.contains(name)), "{program}: {names:?}");
        let debian = components(&bill, "pkg:deb/debian/");
        assert_eq!(debian.len(), 1, "{debian:?}");
        assert_eq!(debian[0]["version"], "3.0.17-1~deb12u2");
    }
}
