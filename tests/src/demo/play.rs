//! The course of the demo.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::arguments::DemoArguments;
use super::figures::Figures;
use super::interrupt::Interrupt;
use super::scene::{PARTITIONS, SINK, SOURCE, Scene};
use super::screen::{Look, Screen};
use super::tail::Tail;
use crate::checker::{Case, Delivery, Open, Upto, Verdict, settle};
use crate::harness::wait;
use crate::oracle::Query;

/// Time between two looks.
const FRAME: Duration = Duration::from_millis(100);
/// Rates are means over this time.
const RATE_SPAN: Duration = Duration::from_secs(1);
/// The generator may need longer than asked for on a busy machine.
const OVERTIME_MAX: Duration = Duration::from_mins(2);
/// The results are complete within this time after the last row.
const SETTLE_MAX: Duration = Duration::from_mins(1);

/// How the demo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With a verdict.
    Judged(Verdict),
    /// The user stopped it.
    Interrupted,
}

/// Plays the demo. A verdict that is not clean is an `Ok` here; the caller decides about the exit code.
pub fn run(arguments: &DemoArguments) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen()?;
    let mut screen = Screen::new(arguments.no_tty);
    screen.say("starting a broker, a worker and a generator …")?;
    let mut scene = Scene::open()?;
    let mut play = Play::new(arguments);
    let end = play.through(&mut scene, &mut screen, &interrupt);
    match end {
        Ok(end) => {
            if let End::Judged(verdict) = &end {
                screen.say(&format!("\n{verdict}"))?;
            }
            Ok(end)
        }
        Err(error) => Err(error.context(format!("the demo failed; the logs:\n{}", scene.logs()))),
    }
}

struct Play<'a> {
    arguments: &'a DemoArguments,
    start: Instant,
    events: Vec<(Duration, String)>,
    worker: String,
    killed: bool,
    /// Set from the restart to the first commit after it.
    restarted: Option<Instant>,
    rates: [Rate; 2],
    figures: Figures,
}

impl<'a> Play<'a> {
    fn new(arguments: &'a DemoArguments) -> Self {
        Self {
            arguments,
            start: Instant::now(),
            events: Vec::new(),
            worker: "starting".into(),
            killed: false,
            restarted: None,
            rates: [Rate::default(), Rate::default()],
            figures: Figures::default(),
        }
    }

    fn through(
        &mut self,
        scene: &mut Scene,
        screen: &mut Screen,
        interrupt: &Interrupt,
    ) -> anyhow::Result<End> {
        let tail = Tail::start(&scene.bootstrap, SINK, PARTITIONS)?;
        let worker = scene.start_worker()?;
        self.worker = format!("pid {worker}");
        let generator = scene.start_generator(self.arguments)?;
        self.start = Instant::now();
        self.event(format!("worker {worker} and generator {generator} started"));
        let length = Duration::from_secs(self.arguments.seconds);
        while !scene.generator_is_done()? {
            if interrupt.is_set() {
                return Ok(End::Interrupted);
            }
            if self.start.elapsed() > length + OVERTIME_MAX {
                bail!("the generator does not come to its end");
            }
            self.kill_once(scene)?;
            self.look(scene, screen, &tail)?;
            wait::pause(FRAME);
        }
        self.event("all rows are written; waiting for the last windows".into());
        self.look(scene, screen, &tail)?;
        let verdict = settle(&case(&scene.bootstrap), SETTLE_MAX, || {
            self.tend(scene)?;
            self.look(scene, screen, &tail)?;
            Ok(!interrupt.is_set())
        })?;
        let Some(verdict) = verdict else { return Ok(End::Interrupted) };
        self.look(scene, screen, &tail)?;
        scene.stop_worker().context("the worker did not end when asked to")?;
        self.event("judged against a batch run over the same rows".into());
        self.look(scene, screen, &tail)?;
        Ok(End::Judged(verdict))
    }

    /// In the middle, once.
    fn kill_once(&mut self, scene: &mut Scene) -> anyhow::Result<()> {
        let middle = Duration::from_secs(self.arguments.seconds) / 2;
        if self.killed || self.start.elapsed() < middle {
            return self.tend(scene);
        }
        self.killed = true;
        let old = scene.kill_worker()?;
        self.restarted = Some(Instant::now());
        self.figures.commits = 0;
        let new = scene.start_worker()?;
        self.worker = format!("pid {new}");
        self.event(format!("worker {old} killed with SIGKILL, worker {new} started"));
        Ok(())
    }

    /// A worker that ends because an outcome is unknown is started again and reads what happened.
    fn tend(&mut self, scene: &mut Scene) -> anyhow::Result<()> {
        if let Some(new) = scene.tend_worker()? {
            self.worker = format!("pid {new}");
            self.event(format!("the worker ended to read what happened; worker {new} started"));
        }
        Ok(())
    }

    fn look(&mut self, scene: &mut Scene, screen: &mut Screen, tail: &Tail) -> anyhow::Result<()> {
        let results = tail.results();
        if let Some(page) = scene.metrics() {
            self.figures = Figures::read(&page);
        }
        if let Some(restarted) = self.restarted
            && self.figures.commits > 0
        {
            self.restarted = None;
            let took = restarted.elapsed().as_millis();
            self.event(format!("the new worker commits, {took} ms after the kill"));
        }
        let (now, written) = (Instant::now(), scene.written());
        let look = Look {
            elapsed: self.start.elapsed(),
            length: Duration::from_secs(self.arguments.seconds),
            written,
            write_rate: self.rates[0].of(now, written),
            read_rate: self.rates[1].of(now, self.figures.rows),
            worker: self.worker.clone(),
            figures: self.figures,
            now: jiff::Timestamp::now().as_millisecond(),
            results,
            events: self.events.clone(),
        };
        screen.show(&look).context("cannot draw")
    }

    fn event(&mut self, text: String) {
        self.events.push((self.start.elapsed(), text));
    }
}

fn case(bootstrap: &str) -> Case {
    Case {
        bootstrap: bootstrap.into(),
        query: Query { claimed: false, ..Query::clicks_per_user() },
        source: SOURCE.into(),
        sink: SINK.into(),
        stamps: None,
        upto: Upto::End,
        // The example's logs are idle after 30 s, and idle logs close their windows.
        open: Open::Allowed,
        delivery: Delivery::ExactlyOnce,
        groups: None,
    }
}

/// A count over the last moment as a rate.
#[derive(Default)]
struct Rate {
    since: Option<(Instant, u64)>,
    rate: f64,
}

impl Rate {
    fn of(&mut self, now: Instant, count: u64) -> f64 {
        match self.since {
            // A restarted process counts from zero.
            Some((_, before)) if count < before => self.since = Some((now, count)),
            Some((then, before)) if now - then >= RATE_SPAN => {
                self.rate = (count - before) as f64 / (now - then).as_secs_f64();
                self.since = Some((now, count));
            }
            Some(_) => {}
            None => self.since = Some((now, count)),
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_mean_and_survives_a_restart_of_what_it_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::default();
        assert_eq!(rate.of(at(0), 100) as u64, 0);
        assert_eq!(rate.of(at(500), 150) as u64, 0);
        assert_eq!(rate.of(at(2_000), 1_100) as u64, 500);
        assert_eq!(rate.of(at(2_100), 3) as u64, 500);
        assert_eq!(rate.of(at(3_100), 13) as u64, 10);
    }
}
