//! A plan for people.

use std::fmt::Write as _;

use protocol::reason::Reason;
use protocol::verdict::PlannerVerdict;

use super::Planned;
use crate::job::Job;

/// The explanation of a plan that may run.
pub fn explain(job: &Job, planned: &Planned) -> String {
    let mut text = String::new();
    let mut line = |what: std::fmt::Arguments<'_>| {
        text.write_fmt(what).expect("writing to a string does not fail");
        text.push('\n');
    };
    line(format_args!("job {} ({}), plan {}", job.name, job.uid, planned.plan.fingerprint));
    line(format_args!("change: {:?}", planned.diff));
    line(format_args!(""));
    line(format_args!("{}", sql::describe(&planned.plan)));
    line(format_args!(""));
    for stage in &planned.layout.stages {
        line(format_args!("stage {}: {} shards", stage.stage, stage.shards()));
        for topic in &stage.topics {
            line(format_args!("  {} ({} partitions)", topic.topic, topic.partitions));
        }
    }
    line(format_args!("at most {} slots have work", planned.layout.widest()));
    for warning in &planned.warnings {
        line(format_args!("warning: {warning}"));
    }
    text
}

/// The explanation of a refusal.
pub fn explain_refusal(verdict: &PlannerVerdict) -> String {
    let mut text = String::from("refused\n");
    for refusal in &verdict.refusals {
        let place = match (refusal.line, refusal.column) {
            (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
            _ => String::new(),
        };
        writeln!(text, "  {}{place}: {}", refusal.reason, refusal.message)
            .expect("writing to a string does not fail");
        if refusal.reason != Reason::Bug && !refusal.reason.next_step().is_empty() {
            writeln!(text, "    next: {}", refusal.reason.next_step())
                .expect("writing to a string does not fail");
        }
    }
    for warning in &verdict.warnings {
        writeln!(text, "  warning: {warning}").expect("writing to a string does not fail");
    }
    text
}
