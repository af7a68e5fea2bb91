//! Every reason in the code has a page in docs/runbooks/reasons, and every page a reason.

use std::collections::BTreeSet;
use std::fs;

use protocol::reason::Reason;
use tests::harness::tools::checkout;

/// Pages that are not about one reason.
const OTHERS: [&str; 2] = ["README", "normal"];

#[test]
fn every_reason_has_a_page_and_every_page_a_reason() {
    let folder = checkout().join("docs/runbooks/reasons");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    for reason in Reason::ALL {
        let own = format!("- [{reason}]({reason}.md)");
        let normal = format!("- [{reason}](normal.md)");
        let page = if index.contains(&own) { reason.as_str() } else { "normal" };
        assert!(page != "normal" || index.contains(&normal), "the index lacks {reason}");
        let text = fs::read_to_string(folder.join(format!("{page}.md")));
        let text = text.unwrap_or_else(|error| panic!("{reason}: {error}"));
        assert!(text.contains(reason.as_str()), "{page} does not speak of {reason}");
        let needs = !reason.next_step().is_empty();
        assert!(!needs || text.contains("## What to do"), "{reason}: what is to be done?");
        assert!(!needs || page != "normal", "{reason} needs a page of its own");
    }
    let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(names.contains(&*name) || OTHERS.contains(&&*name), "no reason is called {name}");
    }
}
