//! Alert rules and dashboards: of metrics that there are, each alert with its page, each panel in its place.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tests::harness::tools::checkout;

use super::sources::{self, require_none};

const CHART: &str = "charts/streamjob/files";
/// What the text format puts behind the name that the code gives a metric.
const SUFFIXES: [&str; 6] = ["_total", "_bucket", "_count", "_sum", "_seconds", "_bytes"];

fn rules() -> Vec<Value> {
    let text = fs::read_to_string(checkout().join(CHART).join("alerts/alerts.yaml")).unwrap();
    let file: Value = serde_norway::from_str(&text).unwrap();
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = fs::read_dir(checkout().join(CHART).join("dashboards")).unwrap();
    let files = folder.flatten().map(|entry| entry.path());
    files
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.display().to_string(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// Names of metrics of ours in an expression.
fn metrics(expression: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    expression.split(word).filter(|w| w.starts_with("streamjob_")).map(str::to_owned).collect()
}

/// Whether the code registers a metric that is shown under this name.
fn exists(name: &str, code: &str) -> bool {
    let mut plain =
        name.trim_start_matches("streamjob_").trim_start_matches("operator_").to_owned();
    loop {
        if code.contains(&format!("\"{plain}\"")) {
            return true;
        }
        let Some(suffix) = SUFFIXES.iter().find(|suffix| plain.ends_with(**suffix)) else {
            return false;
        };
        plain.truncate(plain.len() - suffix.len());
    }
}

fn code() -> String {
    let of_metrics = |path: &str| path.contains("src/metrics");
    let files = sources::rust().into_iter().filter(|source| of_metrics(&source.path));
    files.map(|source| source.text).collect()
}

#[test]
fn alerts_and_dashboards_read_metrics_that_there_are() {
    let code = code();
    let mut faults = Vec::new();
    let mut check = |place: &str, expression: &str| {
        let found = metrics(expression);
        let missing = found.iter().filter(|name| !exists(name, &code));
        faults.extend(missing.map(|name| format!("{place}: {name}")));
        found.len()
    };
    for rule in rules() {
        let alert = rule["alert"].as_str().unwrap();
        assert!(check(alert, rule["expr"].as_str().unwrap()) > 0, "{alert} reads nothing of ours");
    }
    for (path, board) in dashboards() {
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                check(&path, target["expr"].as_str().unwrap());
            }
        }
    }
    require_none("metrics that nothing registers", &faults);
    assert!(!exists("streamjob_no_such_thing_total", &code));
}

#[test]
fn every_alert_has_a_page_a_summary_and_a_test() {
    let folder = checkout().join("docs/runbooks");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let tests = fs::read_to_string(checkout().join("tests/chart/alerts.test.yaml")).unwrap();
    let mut faults = Vec::new();
    for rule in rules() {
        let alert = rule["alert"].as_str().unwrap();
        let page = fs::read_to_string(folder.join(format!("{alert}.md"))).unwrap_or_default();
        for part in ["## What it means", "## What to do", "## Good to know"] {
            if !page.contains(part) {
                faults.push(format!("docs/runbooks/{alert}.md: {part}"));
            }
        }
        if !index.contains(&format!("({alert}.md)")) {
            faults.push(format!("docs/runbooks/README.md does not name {alert}"));
        }
        if !tests.contains(&format!("alertname: {alert}\n")) {
            faults.push(format!("{alert} is never tested to fire"));
        }
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        let summary = rule["annotations"]["summary"].as_str().unwrap_or_default();
        if !["warning", "critical"].contains(&severity) || summary.len() < 20 {
            faults.push(format!("{alert}: severity or summary"));
        }
    }
    require_none("alerts that leave somebody alone", &faults);
}

#[test]
fn dashboards_are_well_formed() {
    let mut faults = Vec::new();
    for (path, board) in dashboards() {
        let mut fault = |what: String| faults.push(format!("{path}: {what}"));
        if board["schemaVersion"].as_u64().is_none_or(|version| version < 39) {
            fault("schemaVersion".to_owned());
        }
        for field in ["uid", "title", "description"] {
            if board[field].as_str().is_none_or(str::is_empty) {
                fault(field.to_owned());
            }
        }
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap_or_default();
            if !ids.insert(panel["id"].as_u64()) || title.is_empty() {
                fault(format!("panel {title}: id or title"));
            }
            if panel["datasource"]["uid"] != "${datasource}" {
                fault(format!("panel {title}: its data source is not the variable"));
            }
            let place = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            let (x, y) = (place("x"), place("y"));
            if x + place("w") > 24 {
                fault(format!("panel {title} is too wide"));
            }
            for cell in (x..x + place("w")).flat_map(|x| (y..y + place("h")).map(move |y| (x, y))) {
                if !cells.insert(cell) {
                    fault(format!("panel {title} lies on another one"));
                    break;
                }
            }
        }
    }
    require_none("dashboards", &faults);
}
