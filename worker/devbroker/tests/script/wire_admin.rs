//! Topics.

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsRequest, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};

use super::super::language::{Answer, ok};
use super::{Wire, code, text, wait};

const TIMEOUT_MS: i32 = 10_000;

impl Wire {
    pub(super) fn create(&mut self, name: &str, partitions: i32, configs: &[&str]) -> Answer {
        // The times of scripts are long ago; nothing is to expire.
        let forever = ["retention.ms=-1"];
        let sets = |config: &&&str| {
            !configs.iter().any(|set| set.starts_with("retention.ms"))
                || !config.starts_with("retention.ms")
        };
        let configs: Vec<_> = forever.iter().filter(sets).chain(configs).copied().collect();
        let configs = configs.into_iter().map(|config| {
            let (key, value) = config.split_once('=').unwrap();
            CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(self.topic(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
        let response = self.socket.ask(5, &request).unwrap();
        code(response.topics[0].error_code)?;
        wait("a new topic", || self.partitions(name) == Some(partitions));
        ok(Ok(()))
    }

    /// Number of partitions that have a leader, if there is such a topic.
    fn partitions(&mut self, name: &str) -> Option<i32> {
        let asked = MetadataRequestTopic::default().with_name(Some(self.topic(name)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let response = self.socket.ask(9, &request).unwrap();
        let topic = &response.topics[0];
        let led = topic.partitions.iter().filter(|partition| partition.leader_id.0 >= 0);
        (topic.error_code == 0).then(|| led.count() as i32)
    }

    pub(super) fn grow(&mut self, name: &str, partitions: i32) -> Answer {
        let topic = CreatePartitionsTopic::default()
            .with_name(self.topic(name))
            .with_count(partitions)
            .with_assignments(None);
        let request =
            CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
        let response = self.socket.ask(1, &request).unwrap();
        code(response.results[0].error_code)?;
        wait("more partitions", || self.partitions(name) == Some(partitions));
        ok(Ok(()))
    }

    pub(super) fn drop_topic(&mut self, name: &str) -> Answer {
        let topic = DeleteTopicState::default().with_name(Some(self.topic(name)));
        let request =
            DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
        let response = self.socket.ask(6, &request).unwrap();
        code(response.responses[0].error_code)?;
        wait("the end of a topic", || self.partitions(name).is_none());
        ok(Ok(()))
    }

    pub(super) fn delete(&mut self, log: (&str, i32), before: i64) -> Answer {
        let partition =
            DeleteRecordsPartition::default().with_partition_index(log.1).with_offset(before);
        let topic = DeleteRecordsTopic::default()
            .with_name(self.topic(log.0))
            .with_partitions(vec![partition]);
        let request =
            DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
        let response = self.socket.ask(2, &request).unwrap();
        let result = &response.topics[0].partitions[0];
        code(result.error_code)?;
        Ok(result.low_watermark.to_string())
    }
}
