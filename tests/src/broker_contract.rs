//! What this project needs of a broker, asked through the C client. [`transcript`] runs the same
//! operations against any broker and writes down every answer, without times, ids and names that
//! differ from run to run. The development broker is right when its transcript equals that of a
//! real Kafka, line by line.

#[path = "broker_contract/clients.rs"]
mod clients;
#[path = "broker_contract/groups.rs"]
mod groups;
#[path = "broker_contract/logs.rs"]
mod logs;
#[path = "broker_contract/topics.rs"]
mod topics;
#[path = "broker_contract/transactions.rs"]
mod transactions;

use anyhow::{Context, Result};

pub use clients::Contract;

type Scenario = fn(&mut Contract) -> Result<()>;

/// Every scenario by name. A scenario makes its own topics, groups and transactional ids.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("produce and consume", logs::produce_and_consume),
    ("codecs", logs::codecs),
    ("idempotent producer", logs::idempotent_producer),
    ("delete records", logs::delete_records),
    ("offsets by time", logs::offsets_by_time),
    ("transactions are seen whole or not at all", transactions::visibility),
    ("an open transaction holds back the committed end", transactions::last_stable_offset),
    ("a second owner fences the first", transactions::fencing),
    ("a fenced producer leaves nothing", transactions::fencing_aborts),
    ("transactions without records", transactions::empty),
    ("a transaction times out", transactions::timeout),
    ("too long a transaction timeout", transactions::timeout_too_long),
    ("offsets with metadata", groups::plain_offsets),
    ("offsets in transactions", groups::transactional_offsets),
    ("a stable read waits for an open transaction", groups::stable_offsets_wait),
    ("only transactional ids fence", groups::only_ids_fence),
    ("topics", topics::create_delete),
    ("a topic is created again", topics::create_again),
    ("unknown topic", topics::unknown),
    ("partition growth", topics::growth),
    ("configuration of a topic", topics::configuration),
];

/// Runs every scenario against a broker. `run` makes the names of this run its own.
///
/// # Errors
/// When a scenario cannot go on, with its name; a refusal by the broker that the scenario asks for
/// is no error.
pub fn transcript(bootstrap: &str, run: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (name, scenario) in SCENARIOS {
        let mut contract = Contract::new(bootstrap, run, name);
        scenario(&mut contract).with_context(|| {
            format!("scenario {name:?} stopped after:\n{}", contract.lines().join("\n"))
        })?;
        lines.push(format!("# {name}"));
        lines.extend(contract.into_lines());
    }
    Ok(lines)
}
