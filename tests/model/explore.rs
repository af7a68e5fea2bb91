//! Breadth first through every state that a model can reach: the first broken promise has the shortest trace.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::hash::Hash;

use super::seen::{NONE, Seen, fingerprint};

/// What can be explored.
pub(crate) trait Model {
    /// Small, and in a form in which states that mean the same are equal.
    type State: Copy + Eq + Hash;
    /// What led from one state to the next.
    type Action: Display;

    fn initial(&self) -> Self::State;
    /// All that can happen next.
    fn next(&self, state: &Self::State, found: &mut Vec<(Self::Action, Self::State)>);
    /// The promise that is broken in this state.
    fn broken(&self, state: &Self::State) -> Option<String>;
    /// Everything is done: it must be possible to come here from every state. None: not asked.
    fn is_goal(&self, state: &Self::State) -> Option<bool>;
    /// Equal for states that mirror each other.
    fn fingerprint(&self, state: &Self::State) -> u64 {
        fingerprint(state)
    }
}

/// What was found.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    pub(crate) depth: usize,
    /// A promise, and how it came to be broken.
    pub(crate) broken: Option<Broken>,
}

pub(crate) struct Broken {
    pub(crate) promise: String,
    pub(crate) trace: Vec<String>,
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.promise)?;
        for (number, step) in self.trace.iter().enumerate() {
            writeln!(f, "  {:2}. {step}", number + 1)?;
        }
        Ok(())
    }
}

/// What is remembered to judge progress: the edges, and which states are goals.
#[derive(Default)]
struct Progress {
    edges: Vec<(u32, u32)>,
    goals: Vec<u32>,
    asked: bool,
}

/// Explores everything, or until a promise is broken. `states_max` is a guard against a model that got out of hand.
pub(crate) fn explore<M: Model>(model: &M, states_max: usize) -> Found {
    let mut seen = Seen::new();
    let mut progress = Progress::default();
    let mut queue = VecDeque::new();
    let mut successors = Vec::new();
    let (mut transitions, mut depth) = (0, 0);
    let initial = model.initial();
    progress.asked = model.is_goal(&initial).is_some();
    seen.insert(model.fingerprint(&initial), NONE);
    queue.push_back((initial, 0u32, 0usize));
    while let Some((state, number, level)) = queue.pop_front() {
        depth = depth.max(level);
        if progress.asked && model.is_goal(&state) == Some(true) {
            progress.goals.push(number);
        }
        successors.clear();
        model.next(&state, &mut successors);
        for (action, next) in successors.drain(..) {
            transitions += 1;
            if let Some(promise) = model.broken(&next) {
                let mut trace = retrace(model, &seen.path(number));
                trace.push(action.to_string());
                let broken = Some(Broken { promise, trace });
                return Found { states: seen.len(), transitions, depth, broken };
            }
            let (at, new) = seen.insert(model.fingerprint(&next), number);
            if progress.asked && at != number {
                progress.edges.push((at, number));
            }
            if new {
                assert!(seen.len() <= states_max, "more than {states_max} states");
                queue.push_back((next, at, level + 1));
            }
        }
    }
    let stuck = if progress.asked { progress.first_without_way(seen.len()) } else { None };
    let broken = stuck.map(|number| Broken {
        promise: "progress: from here no way leads to the end".to_owned(),
        trace: retrace(model, &seen.path(number)),
    });
    Found { states: seen.len(), transitions, depth, broken }
}

impl Progress {
    /// The first state from which no goal can be reached.
    fn first_without_way(mut self, states: usize) -> Option<u32> {
        self.edges.sort_unstable();
        let mut reaches = vec![false; states];
        let mut left = self.goals;
        for goal in &left {
            reaches[*goal as usize] = true;
        }
        while let Some(to) = left.pop() {
            let first = self.edges.partition_point(|(at, _)| *at < to);
            for (_, from) in self.edges[first..].iter().take_while(|(at, _)| *at == to) {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    left.push(*from);
                }
            }
        }
        reaches.iter().position(|reaches| !reaches).map(|number| number as u32)
    }
}

/// What happened on the way to a state.
fn retrace<M: Model>(model: &M, path: &[u64]) -> Vec<String> {
    let mut state = model.initial();
    let mut successors = Vec::new();
    let mut trace = Vec::new();
    for wanted in &path[1..] {
        successors.clear();
        model.next(&state, &mut successors);
        let step = successors.drain(..).find(|(_, next)| model.fingerprint(next) == *wanted);
        let (action, next) = step.expect("a path leads from state to state");
        trace.push(action.to_string());
        state = next;
    }
    trace
}
