//! The decisions of the worker's own `protocol` crate, asked with the model's small numbers. Every question is asked
//! once and its answer kept: the code decides, not a paraphrase of it.

use std::cell::RefCell;
use std::collections::HashMap;

use protocol::acquire::{History, OwnCommit, PendingSeal, after_list, after_replacement};
use protocol::acquire::{ids_to_fence, start_point};
use protocol::assignment::{ASSIGNMENT_VERSION, shards_of};
use protocol::generation::{GenerationObject, Layout, Sealed, SealedShard};
use protocol::generation::{StageLogs, TopicPartitions};
use protocol::metadata::{EmissionCursor, OffsetMetadata};
use protocol::reason::Reason;
use protocol::{CommitNumber, Fingerprint, Generation, Nonce, ShardId, SlotIndex, StageId};

use super::bounds::Bounds;
use super::world::{Commit, Entry, Own, SHARDS};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    List { own: u8, objects: u8 },
    Fence { own: u8, shards: u8, named: [Option<u8>; SHARDS], objects: u8 },
    Start { own: (u8, u8), shard: u8, read: Entry },
    Replaced { shard: u8, own: Own, nonce: u8, read: Entry },
}

#[derive(Clone)]
enum Answer {
    Go,
    Ids(Vec<(u8, u8)>),
    Own(Own),
    Stop(Reason),
}

/// The code's decisions.
pub(crate) struct Decisions {
    layout: Layout,
    objects: Vec<GenerationObject>,
    first: PendingSeal,
    cut: bool,
    known: RefCell<HashMap<Question, Answer>>,
}

impl Decisions {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let topic =
            TopicPartitions { topic: "in".to_owned(), partitions: u32::from(bounds.shards) };
        let layout = Layout { stages: vec![StageLogs { stage: StageId(0), topics: vec![topic] }] };
        let object = |(at, slots): (usize, &u8)| GenerationObject {
            format: 1,
            generation: Generation(at as u64 + 1),
            slots: u32::from(*slots),
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(1),
            layout: layout.clone(),
        };
        let sealed = |shard| SealedShard { shard, offset: 0, manifest: None, clock: None };
        let part = Sealed {
            format: 1,
            generation: Generation(0),
            slot: SlotIndex(0),
            slots: 1,
            job_uid: "job".to_owned(),
            shards: layout.shards().map(sealed).collect(),
        };
        let first = PendingSeal::choose(Generation(1), vec![part], &[]).expect("a whole seal");
        let objects = bounds.slots.iter().enumerate().map(object).collect();
        Self { layout, objects, first, cut: bounds.cut, known: RefCell::default() }
    }

    /// The shards of a slot, as bits.
    pub(crate) fn shards(&self, generation: u8, slot: u8) -> u8 {
        let slots = self.objects[generation as usize - 1].slots;
        let owned = shards_of(&self.layout, slots, SlotIndex(u32::from(slot)));
        owned.iter().fold(0, |all, shard| all | 1 << shard.log.partition)
    }

    /// O3, 3 and C6.
    pub(crate) fn list(&self, own: u8, objects: u8) -> Result<(), Reason> {
        match self.ask(Question::List { own, objects }) {
            Answer::Stop(reason) => Err(reason),
            _ => Ok(()),
        }
    }

    /// O3, 4: (generation, slot) of every id to fence.
    pub(crate) fn fence(
        &self,
        own: u8,
        shards: u8,
        named: [Option<u8>; SHARDS],
        objects: u8,
    ) -> Result<Vec<(u8, u8)>, Reason> {
        match self.ask(Question::Fence { own, shards, named, objects }) {
            Answer::Ids(ids) => Ok(ids),
            Answer::Stop(reason) => Err(reason),
            _ => unreachable!("a question about ids"),
        }
    }

    /// O3, 5: where a shard goes on.
    pub(crate) fn start(&self, own: (u8, u8), shard: u8, read: Entry) -> Result<Own, Reason> {
        match self.ask(Question::Start { own, shard, read }) {
            Answer::Own(own) => Ok(own),
            Answer::Stop(reason) => Err(reason),
            _ => unreachable!("a question about a start"),
        }
    }

    /// C6: may the state in memory be kept?
    pub(crate) fn replaced(
        &self,
        shard: u8,
        own: Own,
        nonce: u8,
        read: Entry,
    ) -> Result<(), Reason> {
        match self.ask(Question::Replaced { shard, own, nonce, read }) {
            Answer::Stop(reason) => Err(reason),
            _ => Ok(()),
        }
    }

    fn ask(&self, question: Question) -> Answer {
        if let Some(answer) = self.known.borrow().get(&question) {
            return answer.clone();
        }
        let answer = self.decide(question);
        self.known.borrow_mut().insert(question, answer.clone());
        answer
    }

    fn decide(&self, question: Question) -> Answer {
        let decided = match question {
            Question::List { own, objects } => {
                let listed: Vec<_> = self.present(objects).map(|o| o.generation).collect();
                after_list(Generation(u64::from(own)), &listed).map(|()| Answer::Go)
            }
            Question::Fence { own, shards, named, objects } => {
                let present: Vec<_> = self.present(objects).cloned().collect();
                let shards: Vec<_> = (0..SHARDS as u8)
                    .filter(|shard| shards >> shard & 1 == 1)
                    .map(|p| (shard(p), named[p as usize].map(|g| Generation(u64::from(g)))))
                    .collect();
                ids_to_fence(Generation(u64::from(own)), &shards, &present).map(|ids| {
                    Answer::Ids(ids.iter().map(|(g, s)| (g.0 as u8, s.0 as u8)).collect())
                })
            }
            Question::Start { own: (generation, slot), shard: number, read } => {
                let own = (Generation(u64::from(generation)), SlotIndex(u32::from(slot)));
                let history = History {
                    job_uid: "job",
                    seal: Some(&self.first),
                    first: Some(&self.first),
                    counted_before: generation > 1,
                };
                let read = read.get().map(|commit| self.written(commit));
                start_point(own, &shard(number), read.as_ref(), history).map(|start| {
                    let number = start.commit.0 as u8;
                    Answer::Own(Own { unit: self.unit(start.offset, start.cursor), number })
                })
            }
            Question::Replaced { shard: number, own, nonce, read } => {
                let own = OwnCommit {
                    shard: shard(number),
                    offset: self.place(own.unit).0,
                    commit: CommitNumber(u64::from(own.number)),
                    nonce: Nonce::from_bits(u64::from(nonce)),
                };
                let read = read.get().map(|commit| self.written(commit));
                after_replacement(&own, read.as_ref()).map(|()| Answer::Go)
            }
        };
        decided.unwrap_or_else(|stop| Answer::Stop(stop.reason))
    }

    fn present(&self, objects: u8) -> impl Iterator<Item = &GenerationObject> {
        self.objects.iter().filter(move |object| objects >> object.generation.0 & 1 == 1)
    }

    /// Offset and cursor of a unit.
    fn place(&self, unit: u8) -> (i64, Option<EmissionCursor>) {
        let cursor = EmissionCursor { operator: 0, window_end: 10, rows: 1 };
        match (self.cut, unit) {
            (false, unit) => (i64::from(unit), None),
            (true, 0) => (0, None),
            (true, 1) => (0, Some(cursor)),
            (true, unit) => (i64::from(unit) - 1, None),
        }
    }

    fn unit(&self, offset: i64, cursor: Option<EmissionCursor>) -> u8 {
        let found = (0..4).find(|unit| self.place(*unit) == (offset, cursor));
        found.expect("an offset of this model")
    }

    /// The committed text.
    fn written(&self, commit: Commit) -> (i64, String) {
        let (offset, cursor) = self.place(commit.unit);
        let metadata = OffsetMetadata {
            generation: Generation(u64::from(commit.generation)),
            slot: SlotIndex(u32::from(commit.slot)),
            commit: CommitNumber(u64::from(commit.number)),
            nonce: Nonce::from_bits(u64::from(commit.nonce)),
            manifest: None,
            released: commit.released,
            cursor,
            clock: None,
        };
        (offset, metadata.encode())
    }
}

fn shard(partition: u8) -> ShardId {
    ShardId { stage: StageId(0), log: protocol::Log::new("in", i32::from(partition)) }
}
