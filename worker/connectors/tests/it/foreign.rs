//! What the connectors never do themselves: transactions that stay open over several sends, or are aborted.

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::cluster::{Cluster, WAIT};

/// A producer of another program, that says itself how its transactions end.
pub(crate) struct Foreign(BaseProducer);

impl Foreign {
    pub(crate) fn open(cluster: &Cluster, id: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &cluster.config.bootstrap).set("linger.ms", "0");
        config.set("transactional.id", cluster.name(id));
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(WAIT).unwrap();
        Self(producer)
    }

    pub(crate) fn begin(&self) {
        self.0.begin_transaction().unwrap();
    }

    pub(crate) fn send(&self, topic: &str, value: &str) {
        let record = BaseRecord::<str, str>::to(topic).partition(0).payload(value);
        self.0.send(record).map_err(|(error, _)| error).unwrap();
        self.0.flush(WAIT).unwrap();
    }

    pub(crate) fn end(&self, commit: bool) {
        if commit {
            self.0.commit_transaction(WAIT).unwrap();
        } else {
            self.0.abort_transaction(WAIT).unwrap();
        }
    }
}
