//! What is measured: the pipelines, the inputs that they read, and who runs them.

use crate::generator::Shape;
use crate::oracle::{Query, Window};

/// Whose processor time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// The engine of this project
    #[value(name = "streamjob")]
    StreamJob,
    /// The bare C client
    Librdkafka,
    /// Flink SQL with its state in `RocksDB`
    FlinkRocksdb,
    /// Flink SQL with its state on the heap
    FlinkHeap,
    /// Kafka Streams
    KafkaStreams,
}

impl System {
    /// As printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::StreamJob => "streamjob",
            Self::Librdkafka => "librdkafka",
            Self::FlinkRocksdb => "flink-rocksdb",
            Self::FlinkHeap => "flink-heap",
            Self::KafkaStreams => "kafka-streams",
        }
    }

    /// The settings that matter, for people.
    pub(super) fn settings(self) -> &'static str {
        match self {
            Self::StreamJob => "1 slot, commits every 100 ms, checkpoints every 10 s",
            Self::Librdkafka => "batch queue, fetch.queue.backoff.ms=5, read_committed",
            Self::FlinkRocksdb | Self::FlinkHeap => {
                "exactly once, parallelism 1, incremental checkpoints every 10 s, object reuse, managed memory 512m, \
                 heap 2g, ParallelGC, only the needed columns declared"
            }
            Self::KafkaStreams => {
                "exactly_once_v2, 1 thread, commits every 100 ms, keyed input, updates, heap 2g, ParallelGC"
            }
        }
    }
}

/// An input, in two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InputKind {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Distinct keys.
    pub(super) keys: u64,
    /// 1: even; larger: few keys have most rows.
    pub(super) skew: u32,
    /// Rows per second of event time, all partitions together.
    pub(super) density: u64,
    /// Rows of the small and of the large run. The small one is long enough for a JVM to have compiled what runs often.
    pub(super) rows: (u64, u64),
}

/// Windows of 10 s have 100,000 rows.
const FLAT: InputKind = InputKind {
    name: "flat",
    shape: Shape::Bids,
    keys: 1_000,
    skew: 1,
    density: 10_000,
    rows: (6_000_000, 18_000_000),
};
/// The first of a thousand keys has a tenth of all rows, the first ten have a fifth.
const SKEWED: InputKind = InputKind { name: "skewed", skew: 3, ..FLAT };
const NEXMARK: InputKind =
    InputKind { name: "nexmark", shape: Shape::Nexmark, rows: (4_000_000, 12_000_000), ..FLAT };
/// Windows of 10 s have five million rows of a million keys.
const WIDE: InputKind = InputKind {
    name: "wide",
    keys: 1_000_000,
    density: 500_000,
    rows: (5_000_000, 10_000_000),
    ..FLAT
};
const WIDER: InputKind = InputKind {
    name: "wider",
    keys: 10_000_000,
    density: 5_000_000,
    rows: (10_000_000, 20_000_000),
    ..FLAT
};
/// Of a million keys each has a row every 8 s on average: in seven of ten cases the next one joins the session.
const SPARSE: InputKind = InputKind { name: "sparse", density: 125_000, ..WIDE };
/// Fifty million keys do not fit into the memory of a worker.
const HUGE: InputKind =
    InputKind { name: "huge", keys: 50_000_000, rows: (50_000_000, 70_000_000), ..WIDER };
/// Few keys, so that a window that ends every second is no flood of output; the small run is as long as the longest
/// window, so that the rows that count are those after all of its panes are there.
const DENSE: InputKind =
    InputKind { name: "dense", keys: 100, rows: (6_000_000, 12_000_000), ..FLAT };

/// What is done with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Read and thrown away.
    Read,
    /// One row in ten passes, with a computed column.
    Filter,
    /// Count and highest price per auction and window.
    Window(Window),
    /// The same per session with that gap, ms.
    Session(i64),
    /// The same per auction since the beginning, an update for every commit that changed it.
    Running,
}

/// The watermark's delay, ms.
pub(super) const DELAY: i64 = 4_000;
const TUMBLE: Work = Work::Window(Window::Tumble { size: 10_000 });

/// One pipeline over one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) id: &'static str,
    pub(super) input: InputKind,
    pub(super) work: Work,
    /// Without an exchange.
    pub(super) claimed: bool,
    /// `ExactlyOnce` or `AtLeastOnce`.
    pub(super) delivery: &'static str,
    pub(super) systems: &'static [System],
    /// Runs only when it is asked for by name.
    pub(super) on_request: bool,
}

use System::{FlinkHeap, FlinkRocksdb, KafkaStreams, Librdkafka, StreamJob};

const ALL: &[System] = &[StreamJob, FlinkRocksdb, FlinkHeap, KafkaStreams];

/// Those that can read and do nothing with it.
const READERS: &[System] = &[Librdkafka, StreamJob];

/// The flagship; the others differ from it in what their names say.
pub(super) const B2: Pipeline = Pipeline {
    id: "b2",
    input: FLAT,
    work: TUMBLE,
    claimed: true,
    delivery: "ExactlyOnce",
    systems: ALL,
    on_request: false,
};

const B2_WIDER: Pipeline = Pipeline {
    id: "b2-wider",
    input: WIDER,
    systems: &[StreamJob, FlinkRocksdb, FlinkHeap],
    on_request: true,
    ..B2
};

/// All of them, those over one input side by side.
pub(super) const PIPELINES: &[Pipeline] = &[
    Pipeline { id: "b0", work: Work::Read, systems: READERS, ..B2 },
    B2,
    Pipeline { id: "b2-at-least-once", delivery: "AtLeastOnce", systems: &[StreamJob], ..B2 },
    Pipeline { id: "b2-exchange", claimed: false, systems: &[StreamJob], ..B2 },
    Pipeline {
        id: "b1",
        work: Work::Filter,
        systems: &[StreamJob, FlinkRocksdb, KafkaStreams],
        ..B2
    },
    Pipeline { id: "b0-nexmark", input: NEXMARK, work: Work::Read, systems: READERS, ..B2 },
    Pipeline { id: "b2-nexmark", input: NEXMARK, ..B2 },
    Pipeline { id: "b2-skewed", input: SKEWED, ..B2 },
    Pipeline { id: "b2-wide", input: WIDE, ..B2 },
    B2_WIDER,
    Pipeline { id: "b6", work: Work::Running, systems: &[StreamJob], ..B2_WIDER },
    Pipeline { id: "b6-50m", input: HUGE, work: Work::Running, systems: &[StreamJob], ..B2_WIDER },
    Pipeline {
        id: "b4",
        input: SPARSE,
        work: Work::Session(10_000),
        systems: &[StreamJob, FlinkRocksdb, FlinkHeap],
        ..B2
    },
    Pipeline { id: "b3-tumble", input: DENSE, systems: &[StreamJob, FlinkRocksdb], ..B2 },
    Pipeline {
        id: "b3-10s-2s",
        input: DENSE,
        work: Work::Window(Window::Hop { size: 10_000, slide: 2_000 }),
        systems: &[StreamJob, FlinkRocksdb, KafkaStreams],
        ..B2
    },
    Pipeline {
        id: "b3-10m-1s",
        input: DENSE,
        work: Work::Window(Window::Hop { size: 600_000, slide: 1_000 }),
        systems: &[StreamJob, FlinkRocksdb],
        ..B2
    },
];

impl Pipeline {
    /// The query of the engine, which the oracle answers too.
    pub(super) fn query(&self) -> Query {
        let flagship = Query { delay: DELAY, ..Query::bids_per_auction(self.claimed) };
        let shape = self.input.shape;
        match self.work {
            Work::Read | Work::Filter => {
                Query { shape, filter: Some("price % 10 = 0".into()), ..Query::bids_filtered() }
            }
            Work::Session(_) | Work::Running => flagship,
            Work::Window(window) => Query {
                shape,
                window: Some(window),
                filter: (shape == Shape::Nexmark).then(|| "event_type = 2".into()),
                ..flagship
            },
        }
    }

    /// The engine's statement, where it is none that the batch engine knows too.
    pub(super) fn sql(&self) -> Option<String> {
        let tallies = "count(*) AS bids, max(price) AS top";
        match self.work {
            Work::Read | Work::Filter | Work::Window(_) => None,
            Work::Session(gap) => Some(format!(
                "INSERT INTO snk SELECT auction, window_start, window_end, {tallies}\n\
                 FROM SESSION(TABLE src, DESCRIPTOR(event_time), INTERVAL '{}' SECOND)\n\
                 GROUP BY auction, window_start, window_end;",
                gap / 1_000
            )),
            Work::Running => Some(format!(
                "INSERT INTO snk SELECT auction, {tallies} FROM src GROUP BY auction\n\
                 EMIT CHANGES STATE TTL NONE;"
            )),
        }
    }

    /// How far the last row of a log lies beyond all others, so that they are all due.
    pub(super) fn closing(&self) -> i64 {
        match self.work {
            // It waits for rows that may still join it.
            Work::Session(gap) => DELAY + 2 * gap,
            _ => self.query().closing(),
        }
    }

    /// What is written at every commit is an update, not a result: so do running aggregates, and Kafka Streams, through
    /// its cache.
    pub(super) fn gives_updates(&self, system: System) -> bool {
        self.work == Work::Running || (system == KafkaStreams && self.work != Work::Filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_have_names_of_their_own_and_those_of_one_input_stand_together() {
        let mut inputs: Vec<&str> = PIPELINES.iter().map(|p| p.input.name).collect();
        inputs.dedup();
        let mut distinct = inputs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(inputs.len(), distinct.len(), "{inputs:?}");
        let mut ids: Vec<&str> = PIPELINES.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PIPELINES.len());
    }

    #[test]
    fn reading_alone_is_for_those_that_need_no_query() {
        for pipeline in PIPELINES {
            assert_eq!(pipeline.work == Work::Read, pipeline.systems == READERS);
        }
    }
}
