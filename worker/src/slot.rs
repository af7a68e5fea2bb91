//! One processing thread: owns shards, one transactional producer, one local store.
//!
//! `run` is the life of a slot: warm up (writes nothing), acquire, process until it is told to give up, release.
//! Every way out but a release is an error that ends the process; the next start reads what happened (C4).

use std::path::PathBuf;
use std::sync::Arc;

use dataflow::JobPlan;
use protocol::acquire::Stop;
use protocol::generation::Layout;
use protocol::{Generation, Nonce, SlotIndex};
use tokio::runtime::Handle;

use crate::board::Board;
use crate::job::Job;
use crate::orders::Orders;
use crate::world::World;

mod acquire;
mod advance;
mod align;
mod burst;
mod checkpoint;
mod checkpoint_task;
mod clock;
mod committer;
mod context;
mod decode;
mod drain;
mod drift;
mod former;
mod idle;
mod other;
mod pace;
mod process;
mod progress;
mod read_back;
mod release;
mod replace;
mod replay;
mod report;
mod restore;
mod sabotaged;
mod shard;
mod stop;
mod warm;

pub(crate) use stop::{bug, kafka_stop, store_stop};

/// What a slot needs to know.
pub struct SlotTask {
    /// The job.
    pub job: Arc<Job>,
    /// Its plan.
    pub plan: Arc<JobPlan>,
    /// The logs of every stage.
    pub layout: Layout,
    /// The generation that it serves.
    pub generation: Generation,
    /// Its number.
    pub slot: SlotIndex,
    /// Slots of the generation.
    pub slots: u32,
    /// Of this incarnation.
    pub nonce: Nonce,
    /// Folder of the local store.
    pub state_dir: PathBuf,
    /// Bytes that state and buffers of this slot may take.
    pub memory_budget: usize,
    /// Orders to this process.
    pub orders: Arc<Orders>,
    /// Where the slot says how it is.
    pub board: Arc<Board>,
    /// For the object store.
    pub runtime: Handle,
    /// Brokers and store.
    pub world: Arc<dyn World>,
}

/// How a slot came to its end in peace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotEnd {
    /// Gave up its shards.
    Released,
    /// Gave them up and wrote where they rest.
    Sealed,
    /// Was told to end before it owned anything.
    NeverOwned,
}

/// Runs a slot on the calling thread.
pub fn run(task: SlotTask) -> Result<SlotEnd, Stop> {
    let mut context = context::Context::open(task)?;
    let result = live(&mut context);
    if let Err(stop) = &result {
        context.report_blocked(stop);
    }
    result
}

fn live(context: &mut context::Context) -> Result<SlotEnd, Stop> {
    let Some(warmed) = warm::warm_up(context)? else {
        return Ok(SlotEnd::NeverOwned);
    };
    let owned = acquire::acquire(context, warmed)?;
    process::process(context, owned).map_err(|stop| replace::who_else(context, stop))
}
