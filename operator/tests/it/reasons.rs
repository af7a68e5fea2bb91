//! The list of reasons in the documentation is the one of the code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use protocol::reason::Reason;

const HEAD: &str = "\
# Reasons

Every word that stands as `reason` in a condition or an event of a StreamJob or Savepoint. The conditions are `Ready`,
`Reconciling`, `Stalled` (nothing more happens without a person, or for a long while) and `Degraded`, each with the
`observedGeneration` that it is about; tools that know kstatus understand them. The messages have details, and
`kubectl streamjob explain --reason REASON` prints a line of this table.

| reason | meaning | what to do next |
|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for reason in Reason::ALL {
        let next = match reason.next_step() {
            "" => "nothing",
            next => next,
        };
        writeln!(page, "| `{reason}` | {} | {next} |", reason.meaning()).unwrap();
    }
    page.push_str("\nEvents about savepoints also say `SavepointKept`: data that was to go stays, and where.\n");
    page
}

#[test]
fn the_documented_list_is_the_one_of_the_code() {
    let path = Path::new("../docs/reasons.md");
    if std::env::var_os("STREAMJOB_WRITE").is_some() {
        fs::write(path, page()).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == page(), "docs/reasons.md is stale: run this test with STREAMJOB_WRITE=1");
}

#[test]
fn every_reason_says_what_it_means() {
    for reason in Reason::ALL {
        assert!(reason.meaning().ends_with('.'), "{reason}: {}", reason.meaning());
    }
}
