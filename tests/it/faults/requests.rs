//! Single requests of a transaction that are late, repeated, slow, or whose answers are cut, between a real worker
//! and a real Kafka.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use tests::generator::Pace;
use tests::harness::kafka::{RealKafka, Version};
use tests::harness::{Scratch, prometheus, wait};
use tests::kafka::commits::OffsetReader;
use tests::kafka::logs::{self, Isolation};
use tests::kafka::topics;
use tests::oracle::Query;

use crate::kafka_proxy::{Fault, KafkaProxy, Request};
use crate::stage::{Broker, Stage, seed};

const STEP_MAX: Duration = Duration::from_mins(1);
/// Kafka's codes for a producer whose epoch is over.
const EPOCH_IS_OVER: [i16; 2] = [47, 90];
/// Slower than what counts as undisturbed.
const SLOW: Duration = Duration::from_millis(1_200);

/// Everything that can happen to a request which ends a transaction or commits its offsets.
const FAULTS: [(Request, Fault); 12] = [
    (Request::Commit, Fault::Held(1)),
    (Request::Commit, Fault::Held(2)),
    (Request::Commit, Fault::Repeated(1)),
    (Request::Commit, Fault::Repeated(2)),
    (Request::Commit, Fault::AnswerCut),
    (Request::Commit, Fault::Delayed(SLOW)),
    (Request::TxnOffsetCommit, Fault::Held(1)),
    (Request::TxnOffsetCommit, Fault::Held(2)),
    (Request::TxnOffsetCommit, Fault::Repeated(1)),
    (Request::TxnOffsetCommit, Fault::Repeated(2)),
    (Request::TxnOffsetCommit, Fault::AnswerCut),
    (Request::TxnOffsetCommit, Fault::Delayed(SLOW)),
];

/// A planned job whose workers reach Kafka through a proxy; the tests themselves do not.
pub(crate) fn behind_a_proxy(name: &str, query: Query) -> (Stage, KafkaProxy) {
    let properties = [
        "transaction.abort.timed.out.transaction.cleanup.interval.ms=500",
        "transaction.max.timeout.ms=10000",
    ];
    let mut stage = Stage::real_with(name, query, |folder| {
        let kafka = RealKafka::start(folder, Version::Newest, &properties).unwrap();
        (kafka.bootstrap(), Broker::Real(kafka))
    });
    let proxy = KafkaProxy::start(&stage.job.bootstrap);
    stage.job.kafka = Some(json!({"bootstrapServers": proxy.bootstrap()}));
    stage.write_job();
    stage.plan();
    (stage, proxy)
}

/// A2, A4: each time the producer is replaced, and what comes late is refused because its epoch is over.
#[test]
fn requests_that_come_late_are_refused_and_cost_no_row() {
    let (stage, proxy) = behind_a_proxy("late-requests", Query::bids_per_auction(true));
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    stage.until_progress(|| crew.tend().unwrap());
    let mut late = 0;
    for (n, (request, fault)) in FAULTS.into_iter().enumerate() {
        proxy.arm(request, fault);
        wait::until_true(&format!("{request:?} {fault:?}"), STEP_MAX, || {
            crew.tend()?;
            Ok(proxy.faults() > n as u64)
        })
        .unwrap();
        if let Fault::Held(_) | Fault::Repeated(_) = fault {
            late += 1;
            wait::until_true(&format!("{request:?} to arrive late"), STEP_MAX, || {
                crew.tend()?;
                Ok(proxy.late().len() == late)
            })
            .unwrap();
        }
        stage.until_progress(|| crew.tend().unwrap());
    }
    load.stop();
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    for late in proxy.late() {
        assert!(EPOCH_IS_OVER.contains(&late.code), "{late:?} of {:?}", proxy.late());
    }
    // A worker never asks for an abort, so none can be late: it replaces its producer.
    assert_eq!(proxy.seen(Request::Abort), 0);
    let page = crew.worker(0).unwrap().metrics().unwrap();
    let replaced: f64 = prometheus::samples(&page, "streamjob_producer_replacements_total").sum();
    let ended = crew.ended().len();
    assert!(replaced as usize + ended >= FAULTS.len(), "{replaced} replaced, {ended} ended");
    crew.stop().unwrap();
    stage.survived(|figures| figures.faults = FAULTS.len() as u64);
    eprintln!("{replaced} producers replaced, {ended} ended, {late} late requests: {verdict}");
}

/// A client that trusts its producer: what a worker must not be.
struct Trusting {
    producer: BaseProducer,
    group: BaseConsumer,
}

impl Trusting {
    fn new(bootstrap: &str, name: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        let group = config.clone().set("group.id", name).create().unwrap();
        let producer: BaseProducer = config.set("transactional.id", name).create().unwrap();
        producer.init_transactions(STEP_MAX).unwrap();
        Self { producer, group }
    }

    /// Begins, and writes a row.
    fn row(&self, row: &str) {
        self.producer.begin_transaction().unwrap();
        let record: BaseRecord<'_, [u8], str> = BaseRecord::to("out").partition(0).payload(row);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(STEP_MAX).unwrap();
    }

    fn offset(&self, offset: i64) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("in", 0, Offset::Offset(offset))?;
        let group = self.group.group_metadata().expect("a group");
        self.producer.send_offsets_to_transaction(&offsets, &group, STEP_MAX)
    }

    fn commit(&self) {
        self.producer.commit_transaction(STEP_MAX).unwrap();
    }
}

fn rows(bootstrap: &str) -> Vec<String> {
    let mut rows = Vec::new();
    logs::read(bootstrap, "out", Isolation::Committed, &mut |record| {
        rows.push(String::from_utf8(record.value.unwrap().to_vec())?);
        Ok(())
    })
    .unwrap();
    rows
}

/// The same requests, and a client without the rules that answer them: an offset that goes back, half a transaction,
/// rows that are lost behind a success. Else the test above would show nothing.
#[test]
fn a_late_request_harms_whoever_keeps_its_producer() {
    let scratch = Scratch::new("trusting").unwrap();
    let kafka = RealKafka::start(&scratch.folder("kafka").unwrap(), Version::Newest, &[]).unwrap();
    let bootstrap = kafka.bootstrap();
    topics::create(&bootstrap, &[("in", 1), ("out", 1)]).unwrap();
    let proxy = KafkaProxy::start(&bootstrap);
    let late = |number: usize| {
        assert_eq!(proxy.late().len(), number, "it arrived");
        assert_eq!(proxy.late()[number - 1].code, 0, "and was taken: {:?}", proxy.late());
    };

    let client = Trusting::new(proxy.bootstrap(), "offset-back");
    proxy.arm(Request::TxnOffsetCommit, Fault::Held(1));
    for offset in [10, 20] {
        client.row(&format!("offset {offset}"));
        client.offset(offset).unwrap();
        client.commit();
    }
    late(1);
    let offsets = OffsetReader::open(&bootstrap, "offset-back").unwrap();
    let committed = offsets.read("in", 1).unwrap()[0].as_ref().map(|committed| committed.offset);
    assert_eq!(committed, Some(10), "the later transaction committed 20");

    let client = Trusting::new(proxy.bootstrap(), "half");
    proxy.arm(Request::Commit, Fault::Held(1));
    client.row("first");
    client.offset(1).unwrap();
    client.commit();
    client.row("half");
    client.offset(2).unwrap();
    late(2);
    client.producer.abort_transaction(STEP_MAX).unwrap();
    assert!(rows(&bootstrap).contains(&"half".to_owned()), "its transaction was aborted");

    let client = Trusting::new(proxy.bootstrap(), "lost");
    proxy.arm(Request::Abort, Fault::Held(1));
    client.row("given up");
    client.producer.abort_transaction(STEP_MAX).unwrap();
    client.row("lost");
    client.offset(1).unwrap();
    client.commit();
    late(3);
    assert!(!rows(&bootstrap).contains(&"lost".to_owned()), "its transaction was committed");
}
