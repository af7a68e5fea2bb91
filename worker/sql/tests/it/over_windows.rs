//! What a shard says that makes results for a further window.

use std::sync::Arc;

use dataflow::{EmissionLimit, Shard};
use protocol::registers::UpstreamWatermark;
use protocol::{Log, StageId};

use crate::fixture::job;

const SQL: &str = "CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n \
     FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '4' SECOND) \
     GROUP BY user_id, window_start, window_end, window_time; \
     INSERT INTO out SELECT window_end, max(n) AS n \
     FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE) GROUP BY window_start, window_end";

#[test]
fn behind_an_exchange_a_shard_is_never_idle_and_promises_what_it_can_keep() {
    let plan = Arc::new(sql::plan(&job(SQL)).unwrap());
    let mut shard = Shard::new(plan, StageId(1), 0, Log::new("x", 3)).unwrap();
    let upstream = |partition, watermark| UpstreamWatermark {
        stage: StageId(0),
        topic: "clicks-topic".to_owned(),
        partition,
        watermark: Some(watermark),
        idle: true,
        drained: None,
    };
    shard.process_watermarks(2, &[upstream(0, 30_000), upstream(1, 50_000)]).unwrap();
    assert!(shard.registers().idle);
    let limit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };
    let said = shard.boundary(limit).unwrap().watermark.unwrap();
    // A session that ends at 46 s may come out of it yet.
    assert_eq!((said.stage, said.partition), (StageId(1), 3));
    assert_eq!((said.watermark, said.idle), (Some(46_000), false));
}
