//! What reading a record costs: the floor under every pipeline.
//!
//! `consume_cost BOOTSTRAP TOPIC PARTITIONS [RECORDS] [BATCH]` reads all partitions from their first offset, RECORDS
//! in all (default 5,000,000) or to their ends, and prints wall and CPU time per record. `client` in front of it reads
//! through the C client.
//! `consume_cost fill BOOTSTRAP TOPIC PARTITIONS RECORDS [BYTES]` makes the topic and fills it with values of that
//! size (default 117) first.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use connectors::kafka::NewTopic;
use connectors::{Admin, Burst, Event, KafkaConfig, PlainProducer, ReadLimits, Reader};
use protocol::Log;

const ROWS_PER_BURST: usize = 50_000;
const TIMEOUT: Duration = Duration::from_mins(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["fill", bootstrap, topic, partitions, records, rest @ ..] => {
            let bytes = rest.first().map_or(Ok(117), |text| text.parse())?;
            fill(&config(bootstrap), topic, partitions.parse()?, records.parse()?, bytes)
        }
        ["client", bootstrap, topic, partitions, rest @ ..]
        | [bootstrap, topic, partitions, rest @ ..] => {
            let records = rest.first().map_or(Ok(5_000_000), |text| text.parse())?;
            let batch = rest.get(1).map_or(Ok(10_000), |text| text.parse())?;
            let open = if arguments[0] == "client" { Reader::open_client } else { Reader::open };
            let limits = ReadLimits { queued_bytes: 64 << 20 };
            let reader = open(&config(bootstrap), "consume-cost", limits)?;
            read(reader, topic, partitions.parse()?, records, batch)
        }
        _ => {
            Err("consume_cost [fill | client] BOOTSTRAP TOPIC PARTITIONS [RECORDS] [BATCH | BYTES]"
                .into())
        }
    }
}

fn config(bootstrap: &str) -> KafkaConfig {
    let (properties, client_id) = (BTreeMap::new(), "streamjob-consume-cost".to_owned());
    KafkaConfig { bootstrap: bootstrap.to_owned(), properties, client_id }
}

fn fill(
    config: &KafkaConfig,
    topic: &str,
    partitions: u32,
    records: usize,
    bytes: usize,
) -> Result<(), Box<dyn Error>> {
    let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    let wanted = NewTopic { name: topic.to_owned(), partitions, replication: None, settings };
    Admin::open(config, TIMEOUT)?.create_topic(&wanted)?;
    let mut producer = PlainProducer::open(config, TIMEOUT)?;
    let mut burst = Burst::new();
    let index = burst.topic(topic);
    for number in 0..records {
        let mut value = format!("{{\"auction\":{},\"price\":{},\"pad\":\"", number % 1009, number);
        while value.len() + 2 < bytes {
            value.push(char::from(b'a' + (value.len() % 26) as u8));
        }
        value.push_str("\"}");
        burst.push(index, (number % partitions as usize) as i32, None, Some(value.as_bytes()));
        if burst.rows() == ROWS_PER_BURST || number + 1 == records {
            producer.send(&burst)?;
            burst.clear();
        }
    }
    println!("{records} records of {bytes} bytes in {topic}");
    Ok(())
}

/// CPU time of this process, user and system, all threads; Linux counts it in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.filter_map(|text| text.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn read(
    mut reader: Reader,
    topic: &str,
    partitions: i32,
    records: u64,
    batch: usize,
) -> Result<(), Box<dyn Error>> {
    let logs: Vec<(Log, i64)> = (0..partitions).map(|p| (Log::new(topic, p), 0)).collect();
    reader.assign(&logs)?;
    let (mut count, mut bytes, mut ends, mut calls) = (0_u64, 0_u64, 0, 0_u64);
    let mut failure = None;
    let mut clock: Option<(Instant, Duration)> = None;
    while count < records && ends < partitions && failure.is_none() {
        let taken = reader.poll(Duration::from_secs(1), batch, &mut |event| match event {
            Event::Record { payload, .. } => {
                count += 1;
                bytes += payload.map_or(0, <[u8]>::len) as u64;
            }
            Event::Eof { .. } => ends += 1,
            Event::Failed { error, .. } => failure = Some(error),
        })?;
        calls += u64::from(taken > 0);
        if clock.is_none() && taken > 0 {
            (count, bytes) = (0, 0);
            clock = Some((Instant::now(), cpu_time()));
        }
    }
    if let Some(error) = failure {
        return Err(error.into());
    }
    let (began, cpu) = clock.ok_or("nothing was read")?;
    let (wall, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
    let per = |time: Duration| time.as_nanos() as f64 / count.max(1) as f64;
    println!(
        "records {count} bytes {bytes} calls {calls} wall_ns_per_record {:.1} cpu_ns_per_record {:.1}",
        per(wall),
        per(cpu)
    );
    Ok(())
}
