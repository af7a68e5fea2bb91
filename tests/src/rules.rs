//! The rules of a custom resource's schema, one by one, and for each of them objects that just keep it and objects that
//! break it. A rule that no object can be made for is an error: so a new one needs a row in `crds/tests/rules`.

mod place;
mod table;
mod values;
mod walk;

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::harness::tools::checkout;
use table::Table;
pub use walk::{Demand, Place, Rule};

/// What is sent to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A new object.
    Create,
    /// The object that is there, edited.
    Edit,
    /// The status of the object that is there.
    Status,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rule that it is about.
    pub rule: Rule,
    /// How it comes to the API server.
    pub way: Way,
    /// The object, whole.
    pub object: Value,
    /// The rule is broken.
    pub broken: bool,
}

/// A custom resource with its schema and its table.
pub struct Kind {
    schema: Value,
    table: Table,
}

impl Kind {
    /// Reads the table of the kind with that plural name.
    pub fn read(plural: &str, schema: &Value) -> anyhow::Result<Self> {
        let path = checkout().join("crds/tests/rules").join(format!("{plural}.yaml"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let table = serde_norway::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self { schema: schema.clone(), table })
    }

    /// The object that all cases are edits of.
    pub fn base(&self) -> &Value {
        &self.table.base
    }

    /// Objects for every rule, and a complaint about each row that is about no rule.
    pub fn cases(&self) -> anyhow::Result<Vec<Case>> {
        let rules = walk::rules(&self.schema)?;
        let mut cases = Vec::new();
        for rule in &rules {
            let found = self.of_rule(rule).with_context(|| rule.to_string())?;
            let both =
                found.iter().any(|case| case.broken) && found.iter().any(|case| !case.broken);
            ensure!(both, "{rule}: wants an object that keeps it and one that breaks it");
            cases.extend(found);
        }
        self.table.require_used(&rules)?;
        Ok(cases)
    }

    fn of_rule(&self, rule: &Rule) -> anyhow::Result<Vec<Case>> {
        if let Demand::Says(message) = &rule.demand {
            return self.of_rows(rule, message);
        }
        let way = if rule.place.is_within("status") { Way::Status } else { Way::Create };
        let mut root = self.base().clone();
        let (place, of) = (&rule.place, &self.table);
        let (schema, current) = place::open(&self.schema, &mut root, place.steps(), of)?;
        let current = current.clone();
        let values = values::of(rule, schema, &current, of)?;
        let objects = values.into_iter().map(|(value, broken)| {
            let mut object = root.clone();
            let (_, at) = place::open(&self.schema, &mut object, place.steps(), of)?;
            *at = value.clone();
            self.table.adjust(&mut object, place, &value)?;
            Ok(Case { rule: rule.clone(), way, object, broken })
        });
        objects.collect()
    }

    fn of_rows(&self, rule: &Rule, message: &str) -> anyhow::Result<Vec<Case>> {
        let place = rule.place.to_string();
        let rows: Vec<_> = self.table.rows(&place, message).collect();
        ensure!(!rows.is_empty(), "no row in crds/tests/rules is about it");
        let mut cases = Vec::new();
        for row in rows {
            let way = if row.edit { Way::Edit } else { Way::Create };
            let kept = row.keeps.iter().map(|value| (value, false));
            for (value, broken) in kept.chain(row.breaks.iter().map(|value| (value, true))) {
                let mut object = self.base().clone();
                place::write(&mut object, &row.at, value)?;
                cases.push(Case { rule: rule.clone(), way, object, broken });
            }
        }
        Ok(cases)
    }
}

/// How many rules the cases are about.
pub fn count(cases: &[Case]) -> usize {
    cases.iter().map(|case| case.rule.to_string()).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> [(&'static str, Value); 2] {
        let schema = |crd: &Value| crds::schema::root_schema(crd).unwrap().clone();
        [
            ("streamjobs", schema(&crds::schema::stream_job_crd())),
            ("savepoints", schema(&crds::schema::savepoint_crd())),
        ]
    }

    #[test]
    fn every_rule_has_objects_on_both_sides() {
        for (name, schema) in kinds() {
            let cases = Kind::read(name, &schema).unwrap().cases().unwrap();
            assert!(count(&cases) >= 40, "{name}: {} rules", count(&cases));
        }
    }

    /// Whoever reads a job from a file is told of the same faults.
    #[test]
    fn rust_agrees_with_the_schema() {
        let [(name, schema), _] = kinds();
        let mut faults = Vec::new();
        for case in Kind::read(name, &schema).unwrap().cases().unwrap() {
            if case.way != Way::Create {
                continue;
            }
            let of_name = case.object["metadata"]["name"].as_str().unwrap_or_default();
            let named = crds::JobName::new(of_name).is_ok();
            let job = serde_json::from_value::<crds::StreamJob>(case.object.clone());
            let refused =
                !named || job.map_or(true, |job| !crds::validate_for_cluster(&job.spec).is_empty());
            if refused != case.broken {
                faults.push(format!("{}: broken: {}", case.rule, case.broken));
            }
        }
        assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
    }

    #[test]
    fn a_rule_without_a_row_is_an_error() {
        for (keyword, value) in [
            ("pattern", serde_json::json!("^nobody$")),
            ("x-kubernetes-validations", serde_json::json!([{"rule": "true", "message": "new"}])),
            ("multipleOf", serde_json::json!(3)),
        ] {
            let [(name, mut schema), _] = kinds();
            schema["properties"]["spec"]["properties"]["sql"][keyword] = value;
            let cases = Kind::read(name, &schema).unwrap().cases();
            let error = format!("{:#}", cases.expect_err(keyword));
            assert!(error.contains("spec.sql"), "{keyword}: {error}");
        }
    }
}
