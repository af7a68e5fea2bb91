//! Every accepted query of the corpus, run: several logs with disorder, one of them empty, commits and crashes at
//! random places, emissions cut; against an evaluation of the same plan row by row.

mod input;
mod job;
mod naive;
mod over;
mod random;
mod sink;
mod top;

use std::sync::Arc;

use crate::corpus::accepted;
use crate::fixture::job;
use input::Logs;

const SEEDS: u64 = 3;

#[test]
fn every_accepted_query_gives_the_rows_of_the_definition() {
    let queries = accepted();
    assert!(queries.len() >= 50, "{} queries", queries.len());
    let mut rows = 0;
    for sql in &queries {
        let plan = Arc::new(sql::plan(&job(sql)).unwrap());
        for seed in 0..SEEDS {
            let logs = Logs::random(&plan, seed);
            let expected = naive::run(&plan, &logs);
            let found = job::run(&plan, &logs, seed);
            rows += expected.values().map(|sink| sink.rows.len()).sum::<usize>();
            for (name, expected) in &expected {
                let none = Vec::new();
                let found = found.get(name).unwrap_or(&none);
                expected.check(found).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{sql}"));
            }
            assert!(found.keys().all(|name| expected.contains_key(name)), "{sql}");
        }
    }
    assert!(rows > 10_000, "the queries gave {rows} rows");
}
