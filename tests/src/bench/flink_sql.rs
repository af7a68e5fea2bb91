//! The pipelines in Flink's SQL, each put together from a source, a sink, and a query between them.

use std::fs;

use anyhow::{Context as _, bail};

use super::pipelines::{Pipeline, Work};
use crate::generator::Shape;
use crate::harness::tools;
use crate::oracle::Window;

/// Where a script reads and writes.
pub(super) struct Ends<'a> {
    pub(super) bootstrap: &'a str,
    pub(super) source: &'a str,
    /// The topic of the output, and what the job is called.
    pub(super) sink: &'a str,
}

/// The script of a pipeline.
pub(super) fn script(pipeline: &Pipeline, ends: &Ends<'_>) -> anyhow::Result<String> {
    let nexmark = pipeline.input.shape == Shape::Nexmark;
    let windows = [if nexmark { "source-nexmark" } else { "source-flat" }, "sink-windows"];
    let (tables, query, [size, slide]) = match pipeline.work {
        Work::Read | Work::Filter => (["source-rows", "sink-rows"], "filter", [0, 0]),
        Work::Window(Window::Tumble { size }) => (windows, "tumble", [size, size]),
        Work::Window(Window::Hop { size, slide }) => (windows, "hop", [size, slide]),
        Work::Session(gap) => (windows, "session", [gap, gap]),
        Work::Running => bail!("{} is measured without Flink", pipeline.id),
    };
    let mut sql = String::new();
    for part in tables.into_iter().chain([query]) {
        let path = tools::checkout().join(format!("tests/bench/flink/sql/{part}.sql"));
        let text = fs::read_to_string(&path);
        sql += &text.with_context(|| format!("cannot read {}", path.display()))?;
    }
    for (variable, value) in [
        ("bootstrap", ends.bootstrap),
        ("source", ends.source),
        ("sink", ends.sink),
        ("name", ends.sink),
        ("size", &(size / 1_000).to_string()),
        ("slide", &(slide / 1_000).to_string()),
    ] {
        sql = sql.replace(&format!("${{{variable}}}"), value);
    }
    Ok(sql)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pipelines::{PIPELINES, System};

    #[test]
    fn the_script_of_every_pipeline_is_whole() {
        let ends = Ends { bootstrap: "127.0.0.1:9092", source: "rows", sink: "windows" };
        let flink = |pipeline: &&Pipeline| pipeline.systems.contains(&System::FlinkRocksdb);
        let mut scripts = Vec::new();
        for pipeline in PIPELINES.iter().filter(flink) {
            let sql = script(pipeline, &ends).unwrap();
            let id = pipeline.id;
            assert!(!sql.contains("${"), "{id}: a variable without a value: {sql}");
            assert!(sql.ends_with(";\n"), "{id}: {sql}");
            let count = |text: &str| sql.matches(text).count();
            assert_eq!(count("'topic' = 'rows'"), 1, "{id}: {sql}");
            assert_eq!(count("'topic' = 'windows'"), 1, "{id}: {sql}");
            assert_eq!(count("CREATE TABLE"), 2, "{id}: {sql}");
            assert_eq!(count("INSERT INTO results"), 1, "{id}: {sql}");
            let nexmark = pipeline.input.shape == Shape::Nexmark;
            assert_eq!(count("CREATE TEMPORARY VIEW bids"), usize::from(nexmark), "{id}: {sql}");
            scripts.push(sql);
        }
        scripts.sort();
        scripts.dedup();
        assert!(scripts.len() >= 5, "filter, flat and Nexmark, both hops: {}", scripts.len());
    }
}
