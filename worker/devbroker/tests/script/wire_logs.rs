//! Producing, reading and finding offsets.

use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_protocol::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};

use super::super::batch::{self, NO_PRODUCER};
use super::super::language::Answer;
use super::{Wire, code, wait};

fn level(isolation: &str) -> i8 {
    match isolation {
        "committed" => 1,
        "all" => 0,
        other => panic!("{other:?} is not an isolation level"),
    }
}

impl Wire {
    pub(super) fn produce(&mut self, owner: &str, log: (&str, i32), words: &[&str]) -> Answer {
        let (id, producer) = match owner {
            "-" => (None, NO_PRODUCER),
            owner => {
                let (id, producer) = self.owner(owner);
                (Some(id).filter(|id| !id.is_empty()), producer)
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let batch = batch::encode(words, producer, id.is_some(), now);
        let partition = PartitionProduceData::default().with_index(log.1).with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(self.topic(log.0))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_transactional_id(id)
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![topic]);
        let mut answer = Ok("closed".to_owned());
        // A new topic is shown a moment before its leader takes records.
        wait("a leader", || {
            let Some(response) = self.socket.ask(11, &request) else { return true };
            let result = &response.responses[0].partition_responses[0];
            answer = code(result.error_code).map(|()| result.base_offset.to_string());
            answer != Err(ResponseError::NotLeaderOrFollower)
        });
        answer
    }

    pub(super) fn read(&mut self, log: (&str, i32), from: i64, isolation: &str) -> Answer {
        let partition = FetchPartition::default()
            .with_partition(log.1)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(from)
            .with_partition_max_bytes(1 << 20);
        let topic =
            FetchTopic::default().with_topic(self.topic(log.0)).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_wait_ms(0)
            .with_min_bytes(0)
            .with_max_bytes(1 << 20)
            .with_isolation_level(level(isolation))
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let mut response = self.socket.ask(12, &request).unwrap();
        code(response.error_code)?;
        let found = &mut response.responses[0].partitions[0];
        code(found.error_code)?;
        let aborted = found.aborted_transactions.take().unwrap_or_default();
        let skips = aborted
            .iter()
            .map(|skip| (skip.first_offset, self.number(skip.producer_id.0)))
            .collect();
        Ok(batch::seen(&mut found.records.take().unwrap_or_default(), skips))
    }

    fn list(
        &mut self,
        log: (&str, i32),
        time: i64,
        isolation: &str,
    ) -> Result<(i64, i64), ResponseError> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(log.1)
            .with_current_leader_epoch(-1)
            .with_timestamp(time);
        let topic = ListOffsetsTopic::default()
            .with_name(self.topic(log.0))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(level(isolation))
            .with_topics(vec![topic]);
        let response = self.socket.ask(7, &request).unwrap();
        let found = &response.topics[0].partitions[0];
        code(found.error_code)?;
        Ok((found.offset, found.timestamp))
    }

    pub(super) fn ends(&mut self, log: (&str, i32)) -> Answer {
        let start = self.list(log, -2, "all")?.0;
        let stable = self.list(log, -1, "committed")?.0;
        let end = self.list(log, -1, "all")?.0;
        Ok(format!("{start} {stable} {end}"))
    }

    pub(super) fn time(&mut self, log: (&str, i32), time: i64, isolation: &str) -> Answer {
        Ok(match self.list(log, time, isolation)? {
            (offset, _) if offset < 0 => "none".to_owned(),
            (offset, time) => format!("{offset} at {time}"),
        })
    }
}
