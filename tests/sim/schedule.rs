//! Turns: the threads of a simulation run one at a time, and which one is next follows from the seed. Time is a number
//! that jumps to whatever is due first.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use connectors::turns::{self, Turns};

use crate::random::Random;

/// A process: its threads are killed and frozen together.
pub(crate) type ProcessId = u32;

/// What a thread unwinds with when its process is killed.
struct Killed;

type Event = Box<dyn FnOnce() + Send>;

struct Thread {
    process: ProcessId,
    wake_at: Duration,
    /// Decides between threads that are due at the same time.
    lot: u64,
    turn: Arc<Condvar>,
    killed: bool,
}

struct State {
    now: Duration,
    random: Random,
    threads: BTreeMap<u64, Thread>,
    /// How far wall clocks of processes are off, ms.
    clocks: BTreeMap<ProcessId, i64>,
    events: BTreeMap<(Duration, u64), Event>,
    running: Option<u64>,
    numbers: u64,
    /// Changes with every step: two runs of a seed must end with the same.
    trace: u64,
    steps: u64,
    panicked: bool,
}

/// The schedule of one seed.
pub(crate) struct Schedule {
    state: Mutex<State>,
    start: Instant,
    start_ms: i64,
    shown: bool,
}

enum Next {
    Event(Event),
    Thread(u64),
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// What is due first; the clock stands there then.
    fn next(&mut self) -> Next {
        let thread = self.threads.iter().min_by_key(|(_, t)| (t.wake_at, t.lot));
        let (number, at) =
            thread.map(|(number, t)| (*number, t.wake_at)).expect("a thread is left");
        let event = self.events.first_key_value().map(|(key, _)| *key);
        if let Some(key) = event.filter(|(due, _)| *due <= at) {
            self.now = self.now.max(key.0);
            return Next::Event(self.events.remove(&key).expect("it was there"));
        }
        self.now = self.now.max(at);
        Next::Thread(number)
    }

    fn note(&mut self, what: &str) {
        self.steps += 1;
        let mut mixed = self.trace ^ self.now.as_nanos() as u64;
        for byte in what.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.trace = mixed.rotate_left(17);
    }
}

impl Schedule {
    /// The calling thread is the first to take part, as process 0.
    pub(crate) fn begin(seed: u64, start_ms: i64, shown: bool) -> Arc<Self> {
        let state = State {
            now: Duration::ZERO,
            random: Random::new(seed),
            threads: BTreeMap::new(),
            clocks: BTreeMap::new(),
            events: BTreeMap::new(),
            running: None,
            numbers: 0,
            trace: seed,
            steps: 0,
            panicked: false,
        };
        let schedule =
            Arc::new(Self { state: Mutex::new(state), start: Instant::now(), start_ms, shown });
        let number = schedule.add(0);
        schedule.lock().running = Some(number);
        schedule.take_part(0, number);
        schedule
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, process: ProcessId) -> u64 {
        let mut state = self.lock();
        let (number, lot, wake_at) = (state.number(), state.random.next(), state.now);
        let turn = Arc::new(Condvar::new());
        state.threads.insert(number, Thread { process, wake_at, lot, turn, killed: false });
        number
    }

    fn take_part(self: &Arc<Self>, process: ProcessId, number: u64) {
        let schedule = Arc::clone(self);
        turns::take_part(Rc::new(Turn { schedule, process, number }));
    }

    /// Starts a thread; its turn comes later.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        process: ProcessId,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) {
        let number = self.add(process);
        let schedule = Arc::clone(self);
        let run = move || {
            schedule.await_turn(number);
            schedule.take_part(process, number);
            let body = || {
                schedule.unwind_if_killed(number);
                body();
            };
            if let Err(thrown) = catch_unwind(AssertUnwindSafe(body))
                && !thrown.is::<Killed>()
            {
                schedule.lock().panicked = true; // its message is out already
            }
            schedule.leave(number);
        };
        thread::Builder::new().name(name).spawn(run).expect("a thread starts");
    }

    fn await_turn(&self, number: u64) {
        let mut state = self.lock();
        let turn = Arc::clone(&state.threads[&number].turn);
        while state.running != Some(number) {
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn unwind_if_killed(&self, number: u64) {
        if self.lock().threads[&number].killed {
            resume_unwind(Box::new(Killed));
        }
    }

    /// Gives the turn to whoever is next, which may be the caller. Events are carried out here.
    fn hand_over(&self, caller: u64) {
        loop {
            let mut state = self.lock();
            state.running = None;
            match state.next() {
                Next::Event(event) => {
                    drop(state);
                    event();
                }
                Next::Thread(number) => {
                    state.running = Some(number);
                    let turn = Arc::clone(&state.threads[&number].turn);
                    drop(state);
                    if number != caller {
                        turn.notify_one();
                    }
                    return;
                }
            }
        }
    }

    fn leave(&self, number: u64) {
        self.lock().threads.remove(&number);
        self.hand_over(number);
    }

    fn pause(&self, number: u64, time: Duration) {
        {
            let mut state = self.lock();
            let lot = state.random.next();
            let wake_at = state.now + time;
            let thread = state.threads.get_mut(&number).expect("it takes part");
            // A process that is frozen is not woken before its time.
            thread.wake_at = thread.wake_at.max(wake_at);
            thread.lot = lot;
        }
        self.hand_over(number);
        self.await_turn(number);
        self.unwind_if_killed(number);
    }

    /// Does something later, whatever has become of the process that asked for it.
    pub(crate) fn later(&self, after: Duration, event: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        let key = (state.now + after, state.number());
        state.events.insert(key, Box::new(event));
    }

    /// Ends a process at once, wherever its threads are.
    pub(crate) fn kill(&self, process: ProcessId) {
        let mut state = self.lock();
        let now = state.now;
        for thread in state.threads.values_mut().filter(|t| t.process == process) {
            thread.killed = true;
            thread.wake_at = now;
        }
    }

    /// Holds a process for so long.
    pub(crate) fn freeze(&self, process: ProcessId, time: Duration) {
        let mut state = self.lock();
        let until = state.now + time;
        for thread in state.threads.values_mut().filter(|t| t.process == process) {
            thread.wake_at = thread.wake_at.max(until);
        }
    }

    /// Does a process have threads?
    pub(crate) fn lives(&self, process: ProcessId) -> bool {
        self.lock().threads.values().any(|t| t.process == process && !t.killed)
    }

    /// Has a thread panicked?
    pub(crate) fn has_panicked(&self) -> bool {
        self.lock().panicked
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Sets the wall clock of a process: so far off, ms.
    pub(crate) fn set_clock(&self, process: ProcessId, off: i64) {
        self.lock().clocks.insert(process, off);
    }

    /// The wall clock of everybody whose clock is right, ms since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.start_ms + self.now().as_millis() as i64
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        self.lock().random.below(bound)
    }

    /// Yes, once in so many times.
    pub(crate) fn one_in(&self, n: usize) -> bool {
        self.lock().random.one_in(n)
    }

    /// A time between two bounds, ms.
    pub(crate) fn millis(&self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.below(most - least + 1)) as u64)
    }

    /// Notes a step: part of the trace, and shown where one seed is run again.
    pub(crate) fn say(&self, what: &str) {
        let mut state = self.lock();
        state.note(what);
        if self.shown {
            crate::say(&format!("{:>10.3} {what}", state.now.as_secs_f64()));
        }
    }

    /// The trace so far, and how many steps it has.
    pub(crate) fn trace(&self) -> (u64, u64) {
        let state = self.lock();
        (state.trace, state.steps)
    }
}

/// A thread's part in it.
struct Turn {
    schedule: Arc<Schedule>,
    process: ProcessId,
    number: u64,
}

impl Turns for Turn {
    fn now(&self) -> Instant {
        self.schedule.start + self.schedule.now()
    }

    fn now_ms(&self) -> i64 {
        let off = self.schedule.lock().clocks.get(&self.process).copied();
        self.schedule.now_ms() + off.unwrap_or(0)
    }

    fn pause(&self, time: Duration) {
        // What is dropped while it unwinds must not wait.
        if !thread::panicking() {
            self.schedule.pause(self.number, time);
        }
    }

    fn random(&self) -> u64 {
        self.schedule.lock().random.next()
    }

    fn spawn(&self, name: String, body: Box<dyn FnOnce() + Send>) {
        self.schedule.spawn(self.process, name, body);
    }
}
