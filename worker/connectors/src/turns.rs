//! Time and turns. A thread asks the machine for both, unless it takes part in a simulation: there the threads of all
//! processes take turns, time is what the simulation says it is, and nothing is left to chance. What waits or asks for
//! the time in a slot does it by these functions; none is called per record.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, thread};

/// How often a simulated thread looks whether something was sent to it.
const LOOK: Duration = Duration::from_millis(5);

/// What a simulation gives its threads.
pub trait Turns {
    /// The time that has passed in the simulation, after some instant.
    fn now(&self) -> Instant;
    /// The wall clock, ms since the epoch.
    fn now_ms(&self) -> i64;
    /// Lets others go on; comes back when so much time has passed.
    fn pause(&self, time: Duration);
    /// The next random number.
    fn random(&self) -> u64;
    /// Starts a thread that takes part, too, of the same process.
    fn spawn(&self, name: String, body: Box<dyn FnOnce() + Send>);
}

thread_local! {
    static TURNS: RefCell<Option<Rc<dyn Turns>>> = const { RefCell::new(None) };
}

fn current() -> Option<Rc<dyn Turns>> {
    TURNS.with_borrow(Clone::clone)
}

/// From here on this thread takes part in a simulation.
pub fn take_part(turns: Rc<dyn Turns>) {
    TURNS.set(Some(turns));
}

/// The time.
pub fn now() -> Instant {
    current().map_or_else(Instant::now, |turns| turns.now())
}

/// The time since then.
pub fn since(then: Instant) -> Duration {
    now().saturating_duration_since(then)
}

/// The wall clock, ms since the epoch; 0 on a machine whose clock stands before it.
pub fn now_ms() -> i64 {
    if let Some(turns) = current() {
        return turns.now_ms();
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A random number of the simulation; `None` outside one.
pub fn random() -> Option<u64> {
    current().map(|turns| turns.random())
}

/// Waits within a simulation. `false` outside one: the caller waits by its own means.
pub fn pause(time: Duration) -> bool {
    let turns = current();
    if let Some(turns) = &turns {
        turns.pause(time);
    }
    turns.is_some()
}

/// Starts a thread.
pub fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    if let Some(turns) = current() {
        turns.spawn(name, Box::new(body));
        return Ok(());
    }
    thread::Builder::new().name(name).spawn(body).map(drop)
}

/// What is sent within so much time.
pub fn receive<T>(inbox: &Receiver<T>, at_most: Duration) -> Result<T, RecvTimeoutError> {
    let Some(turns) = current() else { return inbox.recv_timeout(at_most) };
    let until = turns.now() + at_most;
    loop {
        match inbox.try_recv() {
            Ok(received) => return Ok(received),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) if turns.now() >= until => {
                return Err(RecvTimeoutError::Timeout);
            }
            Err(TryRecvError::Empty) => turns.pause(LOOK),
        }
    }
}

/// The answer, if it comes before `until`. A simulated request takes its time before it answers, so it is over then.
pub(crate) async fn within<T>(until: Instant, answer: impl Future<Output = T>) -> Option<T> {
    if current().is_none() {
        return tokio::time::timeout_at(until.into(), answer).await.ok();
    }
    let answer = answer.await;
    (now() <= until).then_some(answer)
}

/// Waits for a time.
pub(crate) async fn sleep_until(at: Instant) {
    if !pause(at.saturating_duration_since(now())) {
        tokio::time::sleep_until(at.into()).await;
    }
}
