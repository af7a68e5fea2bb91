//! What a seed draws before it begins: the query, sizes, limits, and how bad the world is.

use std::time::Duration;

use tests::oracle::Query;

use crate::random::Random;
use crate::upgrade::Upgrade;

/// How the network and the coordinator behave.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// One way, least and most.
    pub(crate) latency_ms: (usize, usize),
    /// One request in so many has an accident.
    pub(crate) trouble: Option<usize>,
    /// So late a request may arrive.
    pub(crate) late_ms: usize,
    /// Now and then the brokers are away for so long.
    pub(crate) outage_ms: usize,
    /// One read of offsets in so many is answered by a coordinator that has been replaced.
    pub(crate) old_coordinator: Option<usize>,
    /// Between the decision of a transaction and its markers.
    pub(crate) marker_delay_ms: i64,
}

impl Network {
    /// The same without accidents.
    pub(crate) fn calm(&self) -> Self {
        Self { trouble: None, old_coordinator: None, ..self.clone() }
    }
}

/// How the object store behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage {
    /// One request in so many has an accident.
    pub(crate) trouble: Option<usize>,
    /// Now and then it is away for so long.
    pub(crate) outage_ms: usize,
}

/// One seed's world.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) query: Query,
    /// Another query that takes over in between.
    pub(crate) upgrade: Option<Upgrade>,
    /// `watermark.idleTimeout`, for windows over a claim: idle logs close theirs.
    pub(crate) idle_ms: Option<usize>,
    /// `watermark.maxDrift`.
    pub(crate) drift_ms: Option<usize>,
    pub(crate) partitions: u32,
    /// Partitions of an exchange.
    pub(crate) exchange: u32,
    /// Rows of each partition.
    pub(crate) rows: u64,
    pub(crate) keys: u64,
    pub(crate) commit_ms: usize,
    pub(crate) checkpoint_ms: usize,
    pub(crate) network: Network,
    pub(crate) storage: Storage,
    /// For so long accidents happen.
    pub(crate) troubled: Duration,
    /// Between two things that the crew does.
    pub(crate) pause_ms: usize,
    /// One input batch in so many is of a transaction that is aborted.
    pub(crate) aborted_inputs: usize,
}

impl Setting {
    /// Some seeds are about logs that are idle: drawn apart, so that the others stay what they were.
    fn idle(seed: u64) -> Option<(Query, Option<usize>)> {
        let random = &mut Random::new(seed ^ 0x1d1e_1097);
        random.one_in(4).then(|| {
            let query =
                if random.one_in(2) { Query::bids_hopping } else { Query::bids_per_auction }(true);
            (query, Some([150, 1_000, 4_000][random.below(3)]))
        })
    }

    /// In some seeds logs wait for slower ones: drawn apart, too.
    fn drift(seed: u64) -> Option<usize> {
        let random = &mut Random::new(seed ^ 0xa119_2ed5);
        random.one_in(2).then(|| [100, 700, 5_000][random.below(3)])
    }

    /// Some are about processing time, likewise: clocks are wrong in them.
    fn clocked(seed: u64) -> Option<(Query, Option<usize>)> {
        let random = &mut Random::new(seed ^ 0xc10c_77d6);
        random.one_in(5).then(|| {
            let query =
                if random.one_in(2) { Query::bids_hopping } else { Query::bids_per_auction };
            (query(random.one_in(3)).clocked(), None)
        })
    }

    pub(crate) fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed ^ 0x5e77_1269);
        let partitions = 1 + random.below(4) as u32;
        let query = match random.below(5) {
            0 | 1 => Query::bids_filtered(),
            2 => Query::bids_per_auction(true),
            3 => Query::bids_per_auction(false),
            _ => Query::bids_hopping(false),
        };
        let (query, idle_ms) =
            Self::idle(seed).or_else(|| Self::clocked(seed)).unwrap_or((query, None));
        let mut maybe = |n: usize, least: usize, most: usize| {
            (!random.one_in(n)).then(|| least + random.below(most - least))
        };
        let (network_trouble, storage_trouble) = (maybe(6, 4, 80), maybe(3, 3, 40));
        let old_coordinator = maybe(2, 2, 10);
        Self {
            // The clock neither waits nor says which plan has read a row.
            upgrade: Upgrade::draw(seed, &query).filter(|_| !query.clocked),
            drift_ms: Self::drift(seed).filter(|_| !query.clocked),
            query,
            idle_ms,
            partitions,
            exchange: 1 + random.below(4) as u32,
            rows: 50 + random.below(350) as u64,
            keys: 1 + random.below(40) as u64,
            commit_ms: [20, 100, 100, 400][random.below(4)],
            checkpoint_ms: [200, 1_000, 3_000][random.below(3)],
            network: Network {
                latency_ms: [(0, 2), (1, 10), (1, 80), (20, 120)][random.below(4)],
                trouble: network_trouble,
                late_ms: [200, 2_000, 30_000][random.below(3)],
                outage_ms: [1, 4_000, 30_000][random.below(3)],
                old_coordinator,
                marker_delay_ms: [0, 1, 30, 700][random.below(4)],
            },
            storage: Storage {
                trouble: storage_trouble,
                outage_ms: [1, 3_000, 20_000, 150_000][random.below(4)],
            },
            troubled: Duration::from_secs([20, 60, 150][random.below(3)] + random.below(40) as u64),
            pause_ms: [300, 2_000, 8_000][random.below(3)],
            aborted_inputs: 2 + random.below(12),
        }
    }
}
