//! Watermark entries, one after another: stage (u32), partition (i32), flags (u8: 1 watermark
//! known, 2 idle, 4 drained), watermark (i64), drained (u64), length of the topic (u16), topic.
//! Absent numbers are 0.

use protocol::StageId;
use protocol::registers::UpstreamWatermark;

use super::{BadExchange, Unencodable};
use crate::limits::EXCHANGE_WATERMARKS_MAX;

const KNOWN: u8 = 1;
const IDLE: u8 = 2;
const DRAINED: u8 = 4;

pub(super) fn encode(entries: &[UpstreamWatermark]) -> Result<Vec<u8>, Unencodable> {
    if entries.len() > EXCHANGE_WATERMARKS_MAX {
        let message = format!("{} watermarks, more than {EXCHANGE_WATERMARKS_MAX}", entries.len());
        return Err(Unencodable(message));
    }
    let mut body = Vec::new();
    for entry in entries {
        let topic_len = u16::try_from(entry.topic.len())
            .map_err(|_| Unencodable(format!("a topic name of {} bytes", entry.topic.len())))?;
        let known = if entry.watermark.is_some() { KNOWN } else { 0 };
        let idle = if entry.idle { IDLE } else { 0 };
        let drained = if entry.drained.is_some() { DRAINED } else { 0 };
        body.extend_from_slice(&entry.stage.0.to_be_bytes());
        body.extend_from_slice(&entry.partition.to_be_bytes());
        body.push(known | idle | drained);
        body.extend_from_slice(&entry.watermark.unwrap_or(0).to_be_bytes());
        body.extend_from_slice(&entry.drained.unwrap_or(0).to_be_bytes());
        body.extend_from_slice(&topic_len.to_be_bytes());
        body.extend_from_slice(entry.topic.as_bytes());
    }
    Ok(body)
}

pub(super) fn decode(mut body: &[u8], count: u32) -> Result<Vec<UpstreamWatermark>, BadExchange> {
    if count as usize > EXCHANGE_WATERMARKS_MAX {
        return Err(BadExchange::Malformed(format!("{count} watermarks")));
    }
    // What was read decides no allocation: the vector grows with what is really there.
    let mut entries = Vec::new();
    for at in 0..count {
        let entry = entry(&mut body)
            .ok_or_else(|| BadExchange::Malformed(format!("watermark {at} is not whole")))?;
        entries.push(entry);
    }
    if body.is_empty() {
        Ok(entries)
    } else {
        Err(BadExchange::Malformed("something follows the watermarks".to_owned()))
    }
}

fn entry(body: &mut &[u8]) -> Option<UpstreamWatermark> {
    let stage = StageId(u32::from_be_bytes(take(body)?));
    let partition = i32::from_be_bytes(take(body)?);
    let [flags] = take::<1>(body)?;
    let watermark = i64::from_be_bytes(take(body)?);
    let drained = u64::from_be_bytes(take(body)?);
    let topic_len = usize::from(u16::from_be_bytes(take(body)?));
    let (topic, rest) = body.split_at_checked(topic_len)?;
    *body = rest;
    let canonical = flags & !(KNOWN | IDLE | DRAINED) == 0
        && (flags & KNOWN != 0 || watermark == 0)
        && (flags & DRAINED != 0 || drained == 0);
    canonical.then_some(())?;
    Some(UpstreamWatermark {
        stage,
        topic: std::str::from_utf8(topic).ok()?.to_owned(),
        partition,
        watermark: (flags & KNOWN != 0).then_some(watermark),
        idle: flags & IDLE != 0,
        drained: (flags & DRAINED != 0).then_some(drained),
    })
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*head)
}
