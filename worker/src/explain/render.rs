//! The explanation as text, one paragraph per shard.

use std::fmt::{self, Write};

use protocol::acquire::Stop;
use protocol::generation::GenerationObject;

use super::Explained;
use crate::job::Job;

/// Everything, with a summary at the end.
pub(super) fn text(job: &Job, newest: &GenerationObject, shards: &[Explained]) -> String {
    let mut text = String::new();
    write(job, newest, shards, &mut text).expect("writing to a string does not fail");
    text
}

fn write(
    job: &Job,
    newest: &GenerationObject,
    shards: &[Explained],
    text: &mut String,
) -> fmt::Result {
    let GenerationObject { generation, slots, plan_fingerprint, .. } = newest;
    writeln!(text, "job {} ({})", job.name, job.uid)?;
    writeln!(text, "newest generation {generation}: {slots} slots, plan {plan_fingerprint}")?;
    for shard in shards {
        write_shard(shard, text)?;
    }
    let blocked = shards.iter().filter(|shard| shard.stop.is_some()).count();
    match blocked {
        0 => write!(text, "all {} shards can go on", shards.len()),
        _ => write!(text, "{blocked} of {} shards are blocked", shards.len()),
    }
}

fn write_shard(shard: &Explained, text: &mut String) -> fmt::Result {
    write!(text, "\nshard {}", shard.id)?;
    if let Some((from, to)) = shard.bounds {
        write!(text, ", log {from}..{to}")?;
    }
    writeln!(text)?;
    match &shard.committed {
        None => writeln!(text, "  committed: nothing")?,
        Some((offset, Err(foreign))) => {
            writeln!(text, "  committed: {offset}, not by this job: '{foreign}'")?;
        }
        Some((offset, Ok(m))) => {
            let released = if m.released { ", released" } else { "" };
            writeln!(
                text,
                "  committed: {offset} by generation {} slot {}, commit {} of process {}{released}",
                m.generation, m.slot, m.commit, m.nonce
            )?;
        }
    }
    if let Some(Stop { reason, message }) = &shard.passed_over {
        writeln!(text, "  its checkpoint is passed over for an older one: {reason}: {message}")?;
    }
    if let Some(start) = &shard.start {
        let whence = if start.committed { "the newest commit" } else { "where the job rests" };
        write!(text, "  goes on at {} ({whence})", start.offset)?;
        match &start.manifest {
            Some((_, name)) => write!(text, ", restored from manifest {name}")?,
            None => write!(text, ", without a checkpoint from {}", start.origin)?,
        }
        if let Some(at) = shard.restored_at {
            write!(text, " at {at}: {} offsets are replayed", start.offset - at)?;
        }
        writeln!(text)?;
    }
    let Some(stop) = &shard.stop else { return Ok(()) };
    writeln!(text, "  blocked: {}: {}", stop.reason, stop.message)?;
    writeln!(text, "    next: {}", stop.reason.next_step())?;
    writeln!(text, "    see docs/runbooks/reasons/{}.md", stop.reason)
}
