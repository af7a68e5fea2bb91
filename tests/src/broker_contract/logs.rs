//! Logs: what goes in comes out, in order, once.

use anyhow::Result;
use rdkafka::consumer::Consumer;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::clients::{
    Contract, ContractProducer, PATIENCE, admin_options, block_on, outcome, reports, send,
};

pub(super) fn produce_and_consume(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 2)?;
    let producer = contract.producer(&[])?;
    for number in 0..5 {
        send(&producer, (&topic, 0), &format!("k{number}"), &format!("v{number}"))?;
    }
    let headers = OwnedHeaders::new()
        .insert(Header { key: "a", value: Some("1") })
        .insert(Header { key: "b", value: None::<&str> });
    let record = BaseRecord::<str, str>::to(&topic).partition(1).key("only").headers(headers);
    producer.send(record).map_err(|(error, _)| error)?;
    contract.line("reports", reports(&producer)?);
    for partition in [0, 1] {
        let log = (topic.as_str(), partition);
        contract.show("read_committed", log, 0)?;
        let ends = contract.ends("read_committed", log)?;
        contract.line("ends", format!("{ends:?}"));
    }
    contract.show("read_uncommitted", (&topic, 0), 3)?;
    contract.show("read_uncommitted", (&topic, 0), 5)?;
    contract.show("read_uncommitted", (&topic, 0), 6)
}

pub(super) fn codecs(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 1)?;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = contract.producer(&[("compression.type", codec), ("linger.ms", "50")])?;
        for number in 0..3 {
            let value =
                format!("{codec}{number} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
            send(&producer, (&topic, 0), "k", &value)?;
        }
        contract.line(codec, reports(&producer)?);
    }
    contract.show("read_committed", (&topic, 0), 0)
}

pub(super) fn idempotent_producer(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 1)?;
    let log = (topic.as_str(), 0);
    let producer = contract.producer(&[("enable.idempotence", "true")])?;
    for round in 0..10 {
        for number in 0..10 {
            send(&producer, log, "k", &format!("{}", round * 10 + number))?;
        }
        contract.line("reports", reports(&producer)?);
    }
    contract.show("read_committed", log, 90)
}

pub(super) fn delete_records(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 1)?;
    let log = (topic.as_str(), 0);
    let producer = contract.producer(&[])?;
    for number in 0..10 {
        send(&producer, log, "k", &format!("{number}"))?;
        reports(&producer)?;
    }
    let admin = contract.admin()?;
    for before in [Offset::Offset(4), Offset::Offset(2), Offset::Offset(11), Offset::End] {
        if before == Offset::End {
            contract.show("read_committed", log, 3)?;
            contract.show("read_committed", log, 4)?;
        }
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&topic, 0, before)?;
        let answer = block_on(admin.delete_records(&offsets, &admin_options()))?;
        let elements = answer.elements();
        let texts = elements.iter().map(|element| match element.error() {
            Ok(()) => format!("{:?}", element.offset()),
            Err(error) => super::clients::error_text(&error),
        });
        let text = texts.collect::<Vec<_>>().join(", ");
        contract.line(&format!("delete before {before:?}"), text);
        let ends = contract.ends("read_committed", log)?;
        contract.line("ends", format!("{ends:?}"));
    }
    send(&producer, log, "k", "after")?;
    contract.line("reports", reports(&producer)?);
    contract.show("read_committed", log, 10)
}

fn send_at(producer: &ContractProducer, log: (&str, i32), time: i64) -> Result<()> {
    let value = time.to_string();
    let record = BaseRecord::to(log.0).partition(log.1).key("k").payload(&value).timestamp(time);
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(())
}

pub(super) fn offsets_by_time(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 1)?;
    let log = (topic.as_str(), 0);
    for (codec, times) in [("none", [1000, 3000, 2000]), ("lz4", [4000, 6000, 5000])] {
        let producer = contract.producer(&[("compression.type", codec), ("linger.ms", "50")])?;
        for time in times {
            send_at(&producer, log, time)?;
        }
        contract.line("reports", reports(&producer)?);
    }
    let open = contract.owner("open")?;
    open.begin_transaction_and(|open| send_at(open, log, 9000))?;
    contract.line("reports", reports(&open)?);
    for isolation in ["read_committed", "read_uncommitted"] {
        let consumer = contract.consumer("times", isolation)?;
        for time in [0, 1000, 1001, 2000, 2500, 3001, 5000, 6000, 6001, 9001] {
            let mut asked = TopicPartitionList::new();
            asked.add_partition_offset(&topic, 0, Offset::Offset(time))?;
            let answer = consumer.offsets_for_times(asked, PATIENCE);
            let found =
                answer.map(|found| found.elements().first().map(TopicPartitionListElem::offset));
            contract.line(&format!("{isolation} at {time}"), outcome(&found));
        }
    }
    Ok(())
}

/// A transaction that is begun, written to and left open.
trait BeginAnd {
    fn begin_transaction_and(&self, run: impl FnOnce(&Self) -> Result<()>) -> Result<()>;
}

impl BeginAnd for ContractProducer {
    fn begin_transaction_and(&self, run: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        use rdkafka::producer::Producer;
        self.begin_transaction()?;
        run(self)
    }
}
