//! A rollout of a job with two stages (O6): slot 0 reads the source and writes the exchange, slot 1 reads the exchange
//! and writes the sink. Each moves to the next generation by itself; the next generation's exchange may be another.

use std::fmt;

use protocol::names::Names;
use protocol::{Fingerprint, Generation};

use super::explore::Model;
use super::rules::Rule;

/// Rows of the source.
const ROWS: u8 = 3;
/// Generations.
const LAST: u8 = 3;

/// The model, with the rule or without.
pub(crate) struct Exchange {
    pub(crate) removed: Option<Rule>,
    /// Topic number by generation, as the worker's own names say.
    topics: [u8; LAST as usize],
}

/// A state. Every commit is one step: what can happen to one is `ownership`'s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    ordered: u8,
    /// Generation of each stage's slot.
    stages: [u8; 2],
    /// The old stage 0 has stopped for a drained upgrade.
    stopped: bool,
    /// Committed offset in the source.
    source: u8,
    /// Rows in each exchange topic, as bits of source offsets.
    topics: [u8; LAST as usize],
    /// Rows of it that stage 1 has taken.
    taken: [u8; LAST as usize],
    /// Rows in the sink.
    sink: u8,
}

pub(crate) enum Step {
    Order(u8),
    Moves(usize, u8),
    Stops,
    Sends(u8, u8),
    Takes(u8),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(generation) => write!(f, "the operator orders generation {generation}"),
            Self::Moves(stage, generation) => {
                write!(f, "stage {stage} moves to generation {generation}")
            }
            Self::Stops => write!(f, "stage 0 stops, so that the exchange is drained"),
            Self::Sends(row, topic) => {
                write!(f, "stage 0 commits row {row} to exchange topic {topic}")
            }
            Self::Takes(topic) => {
                write!(f, "stage 1 commits the next row of exchange topic {topic}")
            }
        }
    }
}

impl Exchange {
    /// `fingerprints` of format, key and row type of the exchange, by generation.
    pub(crate) fn new(fingerprints: [u64; LAST as usize], removed: Option<Rule>) -> Self {
        let names = Names::new("streamjob", "job").expect("short");
        let topic = |bits: &u64| {
            let name = names.exchange_topic("x", &Fingerprint::from_bits(*bits));
            name.expect("short")
        };
        let names: Vec<String> = fingerprints.iter().map(topic).collect();
        let number = |name: &String| names.iter().position(|other| other == name);
        let topics = std::array::from_fn(|at| number(&names[at]).expect("it is there") as u8);
        Self { removed, topics }
    }

    fn topic(&self, generation: u8) -> u8 {
        self.topics[Generation(u64::from(generation)).0 as usize - 1]
    }

    /// O6: a stage moves on freely when its successor reads the same exchange, else only over a drained one.
    fn may_move(&self, flow: &Flow, stage: usize) -> bool {
        let (old, new) = (flow.stages[stage], flow.stages[stage] + 1);
        if new > flow.ordered {
            return false;
        }
        let same = self.topic(old) == self.topic(new);
        let topic = self.topic(old) as usize;
        // Stage 0 stops first; once its rows are taken it moves on, and its new rows wait for stage 1 to follow.
        let first = if stage == 0 { flow.stopped } else { flow.stages[0] >= new };
        let drained = first && flow.topics[topic] == flow.taken[topic];
        same || drained || self.removed == Some(Rule::O6Drained)
    }
}

impl Model for Exchange {
    type State = Flow;
    type Action = Step;

    fn initial(&self) -> Flow {
        Flow {
            ordered: 1,
            stages: [1, 1],
            stopped: false,
            source: 0,
            topics: [0; LAST as usize],
            taken: [0; LAST as usize],
            sink: 0,
        }
    }

    fn next(&self, flow: &Flow, found: &mut Vec<(Step, Flow)>) {
        let mut add = |step, change: &dyn Fn(&mut Flow)| {
            let mut next = *flow;
            change(&mut next);
            found.push((step, next));
        };
        if flow.ordered < LAST {
            add(Step::Order(flow.ordered + 1), &|f| f.ordered += 1);
        }
        if flow.ordered > flow.stages[0] && !flow.stopped {
            add(Step::Stops, &|f| f.stopped = true);
        }
        for stage in (0..2).filter(|stage| self.may_move(flow, *stage)) {
            add(Step::Moves(stage, flow.stages[stage] + 1), &|f| {
                f.stages[stage] += 1;
                f.stopped &= stage != 0;
            });
        }
        if flow.source < ROWS && !flow.stopped {
            let topic = self.topic(flow.stages[0]);
            add(Step::Sends(flow.source, topic), &|f| {
                f.topics[topic as usize] |= 1 << f.source;
                f.source += 1;
            });
        }
        let topic = self.topic(flow.stages[1]);
        let left = flow.topics[topic as usize] & !flow.taken[topic as usize];
        if left != 0 {
            let row = left & left.wrapping_neg();
            add(Step::Takes(topic), &|f| {
                f.taken[topic as usize] |= row;
                f.sink |= row;
            });
        }
    }

    fn broken(&self, _: &Flow) -> Option<String> {
        None // a row that nobody will ever read shows as an end that cannot be reached
    }

    fn is_goal(&self, flow: &Flow) -> Option<bool> {
        Some(flow.stages == [LAST; 2] && flow.sink == (1 << ROWS) - 1)
    }
}
