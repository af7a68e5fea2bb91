//! `crds/tests/rules`: what a machine cannot make up.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::place;
use super::walk::{Demand, Place, Rule};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) base: Value,
    patterns: Vec<Texts>,
    beside: Vec<Beside>,
    rules: Vec<Row>,
}

/// Texts for a pattern.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    of: String,
    pub(super) keeps: Vec<String>,
    pub(super) breaks: Vec<String>,
    #[serde(default)]
    start: String,
    #[serde(default)]
    fill: Option<String>,
    #[serde(default)]
    longest: Option<String>,
}

impl Texts {
    /// The longest text of at most that many characters, and one that is longer.
    pub(super) fn around(&self, length: usize) -> anyhow::Result<(String, String)> {
        if let Some(longest) = &self.longest {
            ensure!(longest.len() <= length, "{longest} is longer than {length}");
            return Ok((longest.clone(), longest.repeat(length / longest.len() + 1)));
        }
        let fill = self.fill.as_deref().unwrap_or("a");
        let rest = length.checked_sub(self.start.len()).context("the start is too long")?;
        let times = rest / fill.len();
        let text = |times: usize| format!("{}{}", self.start, fill.repeat(times));
        Ok((text(times), text(times + 1)))
    }
}

/// What else is written where a rule is tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beside {
    /// A place; with `*` at its end all that begin so.
    of: String,
    /// Where the same value is written.
    #[serde(default)]
    same: Option<String>,
    /// What is written where.
    #[serde(default)]
    also: Map<String, Value>,
    /// Where something is written that depends on the value.
    #[serde(default)]
    at: Option<String>,
    #[serde(default, rename = "as")]
    by_value: Map<String, Value>,
    /// The values that may be tried here, instead of all that keep the rule.
    #[serde(default)]
    only: Vec<Value>,
}

impl Beside {
    fn is_about(&self, place: &str) -> bool {
        self.of.strip_suffix('*').map_or(self.of == place, |start| place.starts_with(start))
    }
}

/// A rule in CEL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    of: String,
    says: String,
    #[serde(default)]
    pub(super) edit: bool,
    pub(super) at: String,
    pub(super) keeps: Vec<Value>,
    pub(super) breaks: Vec<Value>,
}

impl Table {
    pub(super) fn rows<'a>(
        &'a self,
        place: &'a str,
        message: &'a str,
    ) -> impl Iterator<Item = &'a Row> {
        self.rules.iter().filter(move |row| row.of == place && row.says == message)
    }

    pub(super) fn texts(&self, pattern: &str) -> anyhow::Result<&Texts> {
        let mut found = self.patterns.iter().filter(|texts| texts.of == pattern);
        found.next().with_context(|| format!("no texts for the pattern {pattern}"))
    }

    /// The shortest text that a pattern accepts.
    pub(super) fn shortest(&self, pattern: &str) -> anyhow::Result<&str> {
        let keeps = &self.texts(pattern)?.keeps;
        let shortest = keeps.iter().filter(|text| !text.is_empty()).min_by_key(|text| text.len());
        shortest.map(String::as_str).context("a text that keeps the pattern")
    }

    /// The values that may be tried at a place, where only some may.
    pub(super) fn only(&self, place: &str) -> Option<&[Value]> {
        let mut found = self.beside.iter().filter(|b| b.is_about(place) && !b.only.is_empty());
        found.next().map(|beside| beside.only.as_slice())
    }

    /// Writes what else has to be so.
    pub(super) fn adjust(
        &self,
        object: &mut Value,
        place: &Place,
        value: &Value,
    ) -> anyhow::Result<()> {
        for beside in self.beside.iter().filter(|beside| beside.is_about(&place.to_string())) {
            if let Some(pointer) = &beside.same {
                place::write(object, pointer, value)?;
            }
            for (pointer, value) in &beside.also {
                place::write(object, pointer, value)?;
            }
            let by_value = value.as_str().and_then(|word| beside.by_value.get(word));
            if let (Some(pointer), Some(value)) = (&beside.at, by_value) {
                place::write(object, pointer, value)?;
            }
        }
        Ok(())
    }

    /// Every row is about a rule that there is.
    pub(super) fn require_used(&self, rules: &[Rule]) -> anyhow::Result<()> {
        let any = |is_so: &dyn Fn(&str, &Demand) -> bool| {
            rules.iter().any(|rule| is_so(&rule.place.to_string(), &rule.demand))
        };
        for row in &self.rules {
            let says = Demand::Says(row.says.clone());
            let used = any(&|place, demand| place == row.of && *demand == says);
            ensure!(used, "a row is about no rule: {}: {}", row.of, row.says);
        }
        for texts in &self.patterns {
            let pattern = Demand::Pattern(texts.of.clone());
            let used = any(&|_, demand| *demand == pattern);
            ensure!(used, "texts for no pattern: {}", texts.of);
        }
        for beside in &self.beside {
            let used = any(&|place, _| beside.is_about(place));
            ensure!(used, "beside nothing: {}", beside.of);
        }
        Ok(())
    }
}
