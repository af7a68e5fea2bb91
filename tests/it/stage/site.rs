//! One broker and one store for many small jobs.

use tests::harness::Scratch;
use tests::harness::job::{Checkpoints, JobFile};
use tests::harness::kafka::{RealKafka, Version};
use tests::harness::minio::Minio;
use tests::oracle::Query;

use super::{Broker, Stage};

/// Jobs of the site rarely wait for each other's transactions.
const PROPERTIES: &[&str] =
    &["offsets.topic.num.partitions=32", "transaction.state.log.num.partitions=16"];

/// Fields are dropped in order: servers before their folder.
pub(crate) struct Site {
    kafka: RealKafka,
    minio: Minio,
    _scratch: Scratch,
}

impl Site {
    /// A real Kafka and a real object store.
    pub(crate) fn start(name: &str) -> Self {
        let scratch = Scratch::new(name).unwrap();
        let folder = scratch.folder("kafka").unwrap();
        let kafka = RealKafka::start(&folder, Version::Newest, PROPERTIES).unwrap();
        let minio = Minio::start(&scratch.folder("minio").unwrap()).unwrap();
        Self { kafka, minio, _scratch: scratch }
    }

    /// A job of its own on it; `change` has the last word about it.
    pub(crate) fn stage(
        &self,
        name: &str,
        query: Query,
        change: impl FnOnce(&mut JobFile),
    ) -> Stage {
        let bootstrap = self.kafka.bootstrap();
        let mut job = JobFile::new(&bootstrap, query, Checkpoints::of(&self.minio));
        job.uid = format!("0b5e55ed-{name}");
        job.source = format!("{name}-in");
        job.sink = format!("{name}-out");
        job.max_parallelism = Some(4);
        job.checkpoint_interval = "500ms".into();
        change(&mut job);
        let mut stage = Stage::with(name, Broker::Shared, None, job, Scratch::new(name).unwrap());
        stage.bucket = Some(self.minio.client().unwrap());
        stage
    }
}
