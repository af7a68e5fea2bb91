//! Transactions: seen whole or not at all, one owner at a time.

use anyhow::Result;
use rdkafka::producer::Producer;

use super::clients::{Contract, PATIENCE, outcome, reports, send};

pub(super) fn visibility(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 2)?;
    let producer = contract.owner("writer")?;
    for (round, commit) in [true, false, true, false, false, true].into_iter().enumerate() {
        producer.begin_transaction()?;
        for number in 0..=round {
            send(&producer, (&topic, 0), "k", &format!("{round}.{number}"))?;
        }
        if round % 2 == 1 {
            send(&producer, (&topic, 1), "k", &format!("{round}"))?;
        }
        contract.line("reports", reports(&producer)?);
        let end = if commit {
            producer.commit_transaction(PATIENCE)
        } else {
            producer.abort_transaction(PATIENCE)
        };
        contract.line(if commit { "commit" } else { "abort" }, outcome(&end));
    }
    contract.wait_stable((&topic, 0), 27)?;
    contract.wait_stable((&topic, 1), 6)?;
    for partition in [0, 1] {
        for isolation in ["read_committed", "read_uncommitted"] {
            contract.show(isolation, (&topic, partition), 0)?;
        }
    }
    // From the middle of an aborted transaction, and from a marker.
    contract.show("read_committed", (&topic, 0), 3)?;
    contract.show("read_committed", (&topic, 0), 4)
}

pub(super) fn last_stable_offset(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 1)?;
    let log = (topic.as_str(), 0);
    let plain = contract.producer(&[])?;
    send(&plain, log, "k", "before")?;
    contract.line("reports", reports(&plain)?);
    let first = contract.owner("first")?;
    let second = contract.owner("second")?;
    for producer in [&first, &second] {
        producer.begin_transaction()?;
        send(producer, log, "k", "inside")?;
        contract.line("reports", reports(producer)?);
        send(&plain, log, "k", "between")?;
        contract.line("reports", reports(&plain)?);
    }
    let steps: [(&str, i64); 2] = [("second", 1), ("first", 7)];
    for (who, end) in steps {
        contract.show("read_committed", log, 0)?;
        let producer = if who == "first" { &first } else { &second };
        contract.line(who, outcome(&producer.commit_transaction(PATIENCE)));
        contract.wait_stable(log, end)?;
        let committed = contract.ends("read_committed", log)?;
        contract.line("committed ends", format!("{committed:?}"));
    }
    let all = contract.ends("read_uncommitted", log)?;
    contract.line("ends", format!("{all:?}"));
    contract.show("read_committed", log, 0)
}

pub(super) fn fencing(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 1)?;
    let log = (topic.as_str(), 0);
    let old = contract.owner("writer")?;
    old.begin_transaction()?;
    send(&old, log, "k", "of the first")?;
    contract.line("reports", reports(&old)?);
    let new = contract.owner("writer")?;
    contract.line("commit of the first", outcome(&old.commit_transaction(PATIENCE)));
    contract.line("begin of the first", outcome(&old.begin_transaction()));
    contract.wait_stable(log, 2)?;
    new.begin_transaction()?;
    send(&new, log, "k", "of the second")?;
    contract.line("reports", reports(&new)?);
    contract.line("commit of the second", outcome(&new.commit_transaction(PATIENCE)));
    contract.wait_stable(log, 4)?;
    contract.show("read_committed", log, 0)?;
    contract.show("read_uncommitted", log, 0)
}

pub(super) fn fencing_aborts(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 2)?;
    let old = contract.owner("writer")?;
    old.begin_transaction()?;
    send(&old, (&topic, 0), "k", "a")?;
    contract.line("reports", reports(&old)?);
    let _new = contract.owner("writer")?;
    // It learns at its next write, to a log that its transaction did not have.
    send(&old, (&topic, 1), "k", "b")?;
    contract.line("commit of the first", outcome(&old.commit_transaction(PATIENCE)));
    contract.wait_stable((&topic, 0), 2)?;
    for partition in [0, 1] {
        contract.show("read_uncommitted", (&topic, partition), 0)?;
        contract.show("read_committed", (&topic, partition), 0)?;
    }
    Ok(())
}

pub(super) fn empty(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 1)?;
    let producer = contract.owner("writer")?;
    for commit in [true, false] {
        producer.begin_transaction()?;
        let end = if commit {
            producer.commit_transaction(PATIENCE)
        } else {
            producer.abort_transaction(PATIENCE)
        };
        contract.line(if commit { "commit" } else { "abort" }, outcome(&end));
    }
    contract.line("commit of nothing", outcome(&producer.commit_transaction(PATIENCE)));
    let ends = contract.ends("read_committed", (&topic, 0))?;
    contract.line("ends", format!("{ends:?}"));
    Ok(())
}

pub(super) fn timeout(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("out", 1)?;
    let log = (topic.as_str(), 0);
    let slow = contract.transactional("writer", 1000)?;
    slow.init_transactions(PATIENCE)?;
    slow.begin_transaction()?;
    send(&slow, log, "k", "too slow")?;
    contract.line("reports", reports(&slow)?);
    contract.wait_stable(log, 2)?;
    contract.line("commit after the timeout", outcome(&slow.commit_transaction(PATIENCE)));
    let next = contract.owner("writer")?;
    next.begin_transaction()?;
    send(&next, log, "k", "in time")?;
    contract.line("reports", reports(&next)?);
    contract.line("commit", outcome(&next.commit_transaction(PATIENCE)));
    contract.wait_stable(log, 4)?;
    contract.show("read_committed", log, 0)
}

pub(super) fn timeout_too_long(contract: &mut Contract) -> Result<()> {
    let producer = contract.transactional("writer", 2_000_000_000)?;
    contract.line("init", outcome(&producer.init_transactions(PATIENCE)));
    Ok(())
}
