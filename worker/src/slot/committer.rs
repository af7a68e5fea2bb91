//! The thread that owns the transactional producer. One commit is under way at a time; the slot reads on meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::{Burst, KafkaConfig, Outcome, PlainProducer, TransactionTimeouts, Transactions};
use protocol::acquire::Stop;
use protocol::limits::{MESSAGE_TIMEOUT, TRANSACTION_TIMEOUT};
use protocol::reason::Reason;

use super::context::Context;
use super::{bug, kafka_stop};

/// A transaction call that takes longer than every timeout together has an unknown outcome (C3).
const WATCHDOG: Duration =
    Duration::from_secs(2 * (TRANSACTION_TIMEOUT.as_secs() + MESSAGE_TIMEOUT.as_secs()));

enum Request {
    Commit { burst: Burst, plain: Option<Burst> },
    Replace,
}

/// What became of a commit, with its rows: an aborted one is sent again unchanged (C9).
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) burst: Burst,
    pub(crate) plain: Option<Burst>,
    pub(crate) took: Duration,
}

enum Reply {
    Ready(Result<(), Stop>),
    Commit(Answer),
}

/// Handle of the thread.
pub(crate) struct Committer {
    requests: SyncSender<Request>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Opens the producer of this slot's id, which fences every older process of the same id.
    pub(crate) fn open(context: &Context) -> Result<Self, Stop> {
        let task = &context.task;
        let kafka = task.job.kafka.for_slot(task.generation, task.slot);
        let id = task.job.names.transactional_id(task.generation, task.slot);
        let plain = !task.job.exactly_once;
        let (requests, inbox) = sync_channel(1);
        let (outbox, replies) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("commit-{}", task.slot))
            .spawn(move || serve(&kafka, &id, plain, &inbox, &outbox))
            .map_err(|e| bug(format!("no thread for commits: {e}")))?;
        let committer = Self { requests, replies, thread: Some(thread) };
        committer.ready()?;
        Ok(committer)
    }

    fn ready(&self) -> Result<(), Stop> {
        match self.reply()? {
            Reply::Ready(result) => result,
            Reply::Commit(_) => Err(bug("an answer to a commit where a producer was expected")),
        }
    }

    fn reply(&self) -> Result<Reply, Stop> {
        self.replies.recv_timeout(WATCHDOG).map_err(|e| match e {
            RecvTimeoutError::Timeout => {
                Stop::new(Reason::UnknownOutcome, "a transaction call hangs")
            }
            RecvTimeoutError::Disconnected => bug("the commit thread is gone"),
        })
    }

    /// Starts a commit; `plain` goes first, outside the transaction (C8).
    pub(crate) fn submit(&self, burst: Burst, plain: Option<Burst>) -> Result<(), Stop> {
        self.requests
            .send(Request::Commit { burst, plain })
            .map_err(|_| bug("the commit thread is gone"))
    }

    /// Waits for the commit under way.
    pub(crate) fn wait(&self) -> Result<Answer, Stop> {
        match self.reply()? {
            Reply::Commit(answer) => Ok(answer),
            Reply::Ready(_) => Err(bug("a producer where an answer to a commit was expected")),
        }
    }

    /// A commit and its answer.
    pub(crate) fn commit(&self, burst: Burst, plain: Option<Burst>) -> Result<Answer, Stop> {
        self.submit(burst, plain)?;
        self.wait()
    }

    /// Opens a new producer on the same id. What follows is an acquire (C6).
    pub(crate) fn replace(&self) -> Result<(), Stop> {
        self.requests.send(Request::Replace).map_err(|_| bug("the commit thread is gone"))?;
        self.ready()
    }

    /// Closes the producer; nothing is under way.
    pub(crate) fn close(mut self) -> Result<(), Stop> {
        let thread = self.thread.take();
        drop(self);
        match thread.map(JoinHandle::join) {
            Some(Err(_)) => Err(bug("the commit thread panicked")),
            _ => Ok(()),
        }
    }
}

struct Producers {
    transactions: Transactions,
    plain: Option<PlainProducer>,
}

fn open(kafka: &KafkaConfig, id: &str, plain: bool) -> Result<Producers, Stop> {
    let stop = |e| kafka_stop(&e);
    let mut transactions =
        Transactions::open(kafka, id, TransactionTimeouts::default()).map_err(stop)?;
    transactions.init().map_err(stop)?;
    let plain = plain.then(|| PlainProducer::open(kafka)).transpose().map_err(stop)?;
    Ok(Producers { transactions, plain })
}

fn serve(
    kafka: &KafkaConfig,
    id: &str,
    plain: bool,
    inbox: &Receiver<Request>,
    outbox: &SyncSender<Reply>,
) {
    let mut producers = match open(kafka, id, plain) {
        Ok(producers) => Some(producers),
        Err(stop) => {
            drop(outbox.send(Reply::Ready(Err(stop))));
            return;
        }
    };
    if outbox.send(Reply::Ready(Ok(()))).is_err() {
        return;
    }
    while let Ok(request) = inbox.recv() {
        let reply = match request {
            Request::Replace => {
                producers = None; // closed before the next one opens
                match open(kafka, id, plain) {
                    Ok(opened) => {
                        producers = Some(opened);
                        Reply::Ready(Ok(()))
                    }
                    Err(stop) => Reply::Ready(Err(stop)),
                }
            }
            Request::Commit { burst, plain } => {
                Reply::Commit(commit(producers.as_mut(), burst, plain))
            }
        };
        if outbox.send(reply).is_err() {
            return;
        }
    }
}

fn commit(producers: Option<&mut Producers>, burst: Burst, plain: Option<Burst>) -> Answer {
    let began = Instant::now();
    let outcome = match producers {
        None => Outcome::Unknown("no producer: the replacement failed".to_owned()),
        Some(producers) => match send_plain(producers, plain.as_ref()) {
            Ok(()) => producers.transactions.commit(&burst),
            Err(why) => Outcome::Unknown(why),
        },
    };
    Answer { outcome, burst, plain, took: began.elapsed() }
}

/// AtLeastOnce: rows first; if that fails the process ends and the rows are made again.
fn send_plain(producers: &Producers, rows: Option<&Burst>) -> Result<(), String> {
    match (&producers.plain, rows) {
        (Some(producer), Some(rows)) => producer.send(rows).map_err(|e| e.to_string()),
        (None, Some(_)) => Err("rows outside the transaction, but no producer".to_owned()),
        (_, None) => Ok(()),
    }
}
