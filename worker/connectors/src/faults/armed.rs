//! The faults that the environment asks for: `STREAMJOB_FAULT` is a list, with commas between its parts.
//!
//! - `kill:<point>:<before|after>[:<n>]` ends the process there, as SIGKILL does, at the n-th time (1);
//! - `freeze:<point>:<before|after>[:<n>]` stops it there until it is told to go on;
//! - `disturb[:<n>]` lets the n-th commit look disturbed (the first is the nonce, the second the claim);
//! - `commit:<sabotage>[:<n>]` breaks the protocol at the n-th occasion.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Point, Sabotage};

/// Asks for faults.
const VARIABLE: &str = "STREAMJOB_FAULT";

/// Counts occasions up to the one that counts.
struct Nth {
    wanted: u32,
    seen: AtomicU32,
}

impl Nth {
    fn parse(text: Option<&str>) -> Option<Self> {
        let wanted = text.map_or(Some(1), |text| text.parse().ok())?;
        Some(Self { wanted, seen: AtomicU32::new(0) })
    }

    fn comes(&self) -> bool {
        self.seen.fetch_add(1, Ordering::AcqRel) + 1 == self.wanted
    }
}

struct Trap {
    signal: Signal,
    point: Point,
    after: bool,
    nth: Nth,
}

#[derive(Default)]
struct Plan {
    traps: Vec<Trap>,
    breach: Option<(Sabotage, Nth)>,
    disturbance: Option<Nth>,
}

impl Plan {
    fn add(&mut self, part: &str) -> Option<()> {
        let words: Vec<&str> = part.split(':').collect();
        let nth = |at: usize| Nth::parse(words.get(at).copied());
        match *words.first()? {
            "disturb" => self.disturbance = Some(nth(1)?),
            "commit" => {
                let breach = Sabotage::ALL.iter().find(|s| Some(&s.name()) == words.get(1))?;
                self.breach = Some((*breach, nth(2)?));
            }
            act => self.traps.push(Trap {
                signal: match act {
                    "kill" => Signal::SIGKILL,
                    "freeze" => Signal::SIGSTOP,
                    _ => return None,
                },
                point: *Point::ALL.iter().find(|p| Some(&p.name()) == words.get(1))?,
                after: match *words.get(2)? {
                    "before" => false,
                    "after" => true,
                    _ => return None,
                },
                nth: nth(3)?,
            }),
        }
        Some(())
    }
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let mut plan = Plan::default();
        let text = std::env::var(VARIABLE).unwrap_or_default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            if plan.add(part).is_none() {
                // A fault that is not committed would pass for one that did no harm.
                tracing::error!("{VARIABLE}: '{part}' is no fault");
                std::process::abort();
            }
        }
        plan
    })
}

fn signal_self(signal: Signal) {
    if let Err(error) = kill(Pid::this(), signal) {
        tracing::error!(%error, "no signal to the own process");
        std::process::abort();
    }
}

fn spring(point: Point, after: bool) {
    for trap in &plan().traps {
        if trap.point == point && trap.after == after && trap.nth.comes() {
            tracing::warn!(point = point.name(), after, signal = %trap.signal, "deliberate fault");
            signal_self(trap.signal);
        }
    }
}

/// The step comes now.
pub fn before(point: Point) {
    spring(point, false);
}

/// The step has had its effect.
pub fn after(point: Point) {
    spring(point, true);
}

/// Is this breach to be committed now? Once in a process.
pub fn due(sabotage: Sabotage) -> bool {
    let comes = plan().breach.as_ref().is_some_and(|(s, nth)| *s == sabotage && nth.comes());
    if comes {
        tracing::warn!(sabotage = sabotage.name(), "deliberate fault");
    }
    comes
}

/// Is this breach the one to commit, whenever there is an occasion?
pub fn is_chosen(sabotage: Sabotage) -> bool {
    plan().breach.as_ref().is_some_and(|(s, _)| *s == sabotage)
}

/// Is a commit to look as if its connection had been disturbed?
pub fn disturbed() -> bool {
    plan().disturbance.as_ref().is_some_and(Nth::comes)
}

/// Ends the process as SIGKILL does.
pub fn end() {
    signal_self(Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_asked_for_by_name() {
        let mut plan = Plan::default();
        for part in ["kill:commit.end:after:3", "freeze:acquire.list:before", "disturb:2"] {
            assert!(plan.add(part).is_some(), "{part}");
        }
        assert!(plan.add("commit:drop-one:5").is_some());
        assert_eq!((plan.traps.len(), plan.traps[0].nth.wanted), (2, 3));
        for part in ["", "kill", "kill:commit.end", "kill:x:after", "commit:x", "commit:drop-one:x"]
        {
            assert!(plan.add(part).is_none(), "{part}");
        }
    }

    #[test]
    fn an_occasion_counts_once() {
        let nth = Nth::parse(Some("2")).expect("a number");
        assert_eq!([nth.comes(), nth.comes(), nth.comes()], [false, true, false]);
    }
}
