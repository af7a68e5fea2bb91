//! Savepoints that are made by themselves: which one is due, and which are kept no longer. Pure.

use crds::{Savepoints, ScheduleStatus, StreamJobStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::names;
use crate::observed::{Observed, SavepointView};
use crate::validate::Target;

/// Takes the schedule up, and notes that the savepoint that was due is there.
pub fn advance(observed: &Observed, target: &Target, memory: &mut StreamJobStatus) {
    let Some(wanted) = &target.spec.savepoints else {
        memory.schedule = None;
        return;
    };
    let known = memory.schedule.as_ref().map(|schedule| schedule.last.0);
    let last = match known {
        // What was due before there was a schedule is not made up for.
        None => observed.now,
        Some(last) => match wanted.schedule.latest(last, observed.now) {
            Some(due) if is_there(observed, due) => due,
            _ => last,
        },
    };
    let next = wanted.schedule.next(last).map(Time);
    memory.schedule = Some(ScheduleStatus { last: Time(last), next });
}

fn is_there(observed: &Observed, due: Timestamp) -> bool {
    let name = names::scheduled(&observed.job.name, due);
    observed.savepoints.iter().any(|savepoint| savepoint.name == name)
}

/// The time of the savepoint that is to be made now. Times that were missed count as one.
pub fn due(observed: &Observed, target: &Target, memory: &StreamJobStatus) -> Option<Timestamp> {
    let wanted = target.spec.savepoints.as_ref()?;
    let last = memory.schedule.as_ref()?.last.0;
    let runs = memory.current.as_ref().is_some_and(|g| memory.sealed != Some(g.number));
    let stays = observed.job.deleted_at.is_none() && memory.releasing.is_none();
    let due = wanted.schedule.latest(last, observed.now).filter(|_| runs && stays)?;
    (!target.suspended() && !is_there(observed, due)).then_some(due)
}

/// Scheduled savepoints that are kept no longer: beyond the number, or too old. The newest complete savepoint of the
/// job always stays, whoever made it.
pub fn superfluous<'a>(
    savepoints: &'a [SavepointView],
    wanted: &Savepoints,
    now: Timestamp,
) -> Vec<&'a SavepointView> {
    let mut complete: Vec<(Timestamp, &SavepointView)> = savepoints
        .iter()
        .filter(|savepoint| !savepoint.terminating)
        .filter_map(|savepoint| Some((savepoint.completed_at?, savepoint)))
        .collect();
    complete.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| y.name.cmp(&x.name)));
    let newest = complete.first().map(|(_, savepoint)| savepoint.uid.as_str());
    let age = |at: Timestamp| std::time::Duration::try_from(now.duration_since(at));
    let too_old = |at: Timestamp| {
        wanted.max_age.is_some_and(|most| age(at).is_ok_and(|age| age > most.get()))
    };
    complete
        .iter()
        .filter(|(_, savepoint)| savepoint.scheduled)
        .enumerate()
        .filter(|(place, (at, _))| *place >= wanted.retained() as usize || too_old(*at))
        .map(|(_, (_, savepoint))| *savepoint)
        .filter(|savepoint| Some(savepoint.uid.as_str()) != newest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn made(name: &str, completed: Option<&str>, scheduled: bool) -> SavepointView {
        SavepointView {
            name: name.to_owned(),
            uid: name.to_owned(),
            key: name.to_owned(),
            scheduled,
            completed_at: completed.map(at),
            terminating: false,
            in_progress: completed.is_none(),
        }
    }

    fn gone(all: &[SavepointView], retained: u32, max_age: Option<&str>) -> Vec<String> {
        let wanted = Savepoints {
            schedule: "0 * * * *".parse().expect("a schedule"),
            retained: Some(retained),
            max_age: max_age.map(|age| age.parse().expect("a duration")),
        };
        let gone = superfluous(all, &wanted, at("2027-01-10T00:00:00Z"));
        gone.iter().map(|savepoint| savepoint.name.clone()).collect()
    }

    #[test]
    fn as_many_stay_as_are_wanted() {
        let all = [
            made("a", Some("2027-01-01T00:00:00Z"), true),
            made("b", Some("2027-01-02T00:00:00Z"), true),
            made("c", Some("2027-01-03T00:00:00Z"), true),
            made("by-hand", Some("2026-01-03T00:00:00Z"), false),
            made("under-way", None, true),
        ];
        assert_eq!(gone(&all, 2, None), ["a"]);
        assert_eq!(gone(&all, 3, None), Vec::<String>::new());
        assert_eq!(gone(&all, 3, Some("8d")), ["a"]);
    }

    #[test]
    fn the_newest_complete_one_stays_whatever_is_wanted() {
        let all = [
            made("a", Some("2026-01-01T00:00:00Z"), true),
            made("b", Some("2026-01-02T00:00:00Z"), true),
        ];
        assert_eq!(gone(&all, 1, Some("1d")), ["a"]);
        let mut dying = all.to_vec();
        dying[1].terminating = true;
        assert_eq!(gone(&dying, 1, Some("1d")), Vec::<String>::new(), "a is the last one");
        let mut newer = all.to_vec();
        newer.push(made("by-hand", Some("2026-01-03T00:00:00Z"), false));
        assert_eq!(gone(&newer, 1, Some("1d")), ["b", "a"], "the one made by hand is there");
    }
}
