//! Commits while the network or the broker fails: the outcome is never better than what is true.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::{Burst, Outcome, TransactionTimeouts, Transactions};
use devbroker::Options;
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, WAIT, commit, config, rows};
use crate::proxy::{END_TXN, Fault, Proxy, TXN_OFFSET_COMMIT};

const SHORT: TransactionTimeouts = TransactionTimeouts {
    transaction: Duration::from_secs(3),
    message: Duration::from_secs(2),
    socket: Duration::from_secs(1),
};

/// A broker that clients reach through a proxy.
pub(crate) struct Behind {
    pub(crate) proxy: Proxy,
    pub(crate) cluster: Cluster,
}

impl Behind {
    pub(crate) fn start() -> Self {
        let proxy = Proxy::bind();
        let advertised = Some(("127.0.0.1".to_owned(), proxy.address.port()));
        let topics = vec![("out".to_owned(), 1), ("in".to_owned(), 2)];
        let options = Options { topics, advertised, ..Options::default() };
        let mut cluster = Cluster::start_dev(options);
        proxy.forward_to(cluster.server().local_addr());
        cluster.config = config(proxy.address.to_string());
        Self { proxy, cluster }
    }

    pub(crate) fn open(&self, timeouts: TransactionTimeouts) -> Transactions {
        let mut producer = self.cluster.open_with("slot", timeouts);
        assert_eq!(commit(&mut producer, rows("out", 0, &["warm up"])), CLEAN);
        producer
    }

    /// Starts a commit whose request to end never arrives, and waits until its rows are in the log.
    pub(crate) fn leave_open(&self, producer: &mut Transactions, burst: Burst) {
        let (end, hits) = (self.ends().1, self.proxy.hits());
        self.proxy.fail_next(END_TXN, Fault::Slow(Duration::from_mins(1)));
        assert_eq!(producer.start(&Arc::new(burst)), None);
        let until = Instant::now() + WAIT;
        while self.proxy.hits() == hits {
            assert!(Instant::now() < until, "the commit never got to its end");
            assert_eq!(producer.outcome(Duration::from_millis(5)), None);
        }
        assert!(self.ends().1 > end);
    }

    /// Last stable offset and end of the log, straight from the model.
    pub(crate) fn ends(&self) -> (i64, i64) {
        self.cluster.server().with_broker(|broker| {
            let log = broker.topics().get("out").unwrap().log(0).unwrap();
            (log.last_stable_offset(), log.high_watermark())
        })
    }

    fn values(&self) -> Vec<String> {
        self.cluster.values("out", 0).into_iter().map(|(_, value)| value).collect()
    }
}

#[test]
fn a_broker_that_goes_away_while_it_is_asked_to_commit_leaves_the_outcome_unknown() {
    let behind = Behind::start();
    let mut producer = behind.open(SHORT);
    behind.proxy.fail_next(END_TXN, Fault::BrokerGone);
    let began = Instant::now();
    let outcome = commit(&mut producer, rows("out", 0, &["x"]));
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(behind.proxy.hits(), 1);
    assert!(began.elapsed() < SHORT.transaction + Duration::from_secs(3));
    assert!(!producer.is_ready());
}

#[test]
fn a_commit_whose_answer_was_lost_and_asked_for_again_is_committed_but_unclean() {
    let behind = Behind::start();
    let mut producer = behind.open(TransactionTimeouts::default());
    behind.proxy.fail_next(END_TXN, Fault::AnswerLost);
    let outcome = commit(&mut producer, rows("out", 0, &["x"]));
    assert_eq!(behind.proxy.hits(), 1);
    assert_eq!(outcome, Outcome::Committed { clean: false });
    assert!(!producer.is_ready(), "an unclean producer is replaced before the next begin");
    assert_eq!(behind.values(), ["warm up", "x"]);
}

#[test]
fn offsets_whose_answer_was_lost_make_the_commit_unclean() {
    let behind = Behind::start();
    let mut producer = behind.open(TransactionTimeouts::default());
    behind.proxy.fail_next(TXN_OFFSET_COMMIT, Fault::AnswerLost);
    let mut burst = rows("out", 0, &["x"]);
    burst.push_offset("group", Log::new("in", 0), 5, "m".into());
    let outcome = commit(&mut producer, burst);
    assert_eq!(behind.proxy.hits(), 1);
    assert_eq!(outcome, Outcome::Committed { clean: false });
}

#[test]
fn a_commit_that_takes_over_a_second_is_unclean() {
    let behind = Behind::start();
    let mut producer = behind.open(TransactionTimeouts::default());
    behind.proxy.fail_next(END_TXN, Fault::Slow(Duration::from_millis(1300)));
    let outcome = commit(&mut producer, rows("out", 0, &["x"]));
    assert_eq!(outcome, Outcome::Committed { clean: false });
}

#[test]
fn a_transaction_that_the_broker_gave_up_is_never_reported_as_committed() {
    let behind = Behind::start();
    let timeouts = TransactionTimeouts { socket: Duration::from_secs(3), ..SHORT };
    let mut producer = behind.open(timeouts);
    // Held for longer than the transaction timeout: the broker aborts it, then the request to commit arrives.
    let held = timeouts.transaction + Duration::from_millis(900);
    behind.proxy.fail_next(END_TXN, Fault::Slow(held));
    let outcome = commit(&mut producer, rows("out", 0, &["x"]));
    assert!(matches!(outcome, Outcome::Fenced(_) | Outcome::Unknown(_)), "{outcome:?}");
    let until = Instant::now() + WAIT;
    while behind.ends().0 < behind.ends().1 {
        assert!(Instant::now() < until, "the broker never gave the transaction up");
        std::thread::yield_now();
    }
    assert_eq!(behind.values(), ["warm up"]);
}

#[test]
fn after_an_unclean_commit_a_new_producer_of_the_same_id_commits_clean() {
    let behind = Behind::start();
    let mut producer = behind.open(TransactionTimeouts::default());
    let outcome = commit(&mut producer, rows("out", 0, &["x"]));
    assert_eq!(outcome, CLEAN);
    behind.proxy.fail_next(END_TXN, Fault::AnswerLost);
    assert_eq!(commit(&mut producer, rows("out", 0, &["y"])), Outcome::Committed { clean: false });
    let mut next = behind.open(TransactionTimeouts::default());
    assert_eq!(commit(&mut next, rows("out", 0, &["z"])), CLEAN);
}
