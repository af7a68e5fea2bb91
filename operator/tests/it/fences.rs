//! Slots that are gone are fenced by those that live (O5).

use operator::observed::{Observed, SetView};
use operator::sightings::{Sightings, fences};
use protocol::admin::SlotPhase;

use crate::machine_table::running;
use crate::objects::job;
use crate::orders_table::pod;
use crate::world::World;

const NUMBER: u64 = 7;

/// Two pods that run; the second one is seen, or what is left of it.
fn seen(seconds: i64, second: Option<(&str, Option<SlotPhase>, bool)>) -> Observed {
    let mut seen = running(&job(2));
    seen.now = seen.now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let mut pods = vec![pod(NUMBER, 0, Some(SlotPhase::Running))];
    if let Some((uid, phase, has_address)) = second {
        let mut other = pod(NUMBER, 1, phase);
        uid.clone_into(&mut other.uid);
        other.ip = other.ip.filter(|_| has_address);
        pods.push(other);
    }
    seen.sets.insert(NUMBER, SetView { replicas: Some(2), pods, problem: None });
    seen
}

#[test]
fn a_slot_is_fenced_when_its_pod_is_gone_and_none_is_in_its_place() {
    let cases = [
        ("it does not answer", 60, Some(("first", None, true)), 0),
        ("gone for a second", 1, None, 0),
        ("gone for two", 2, None, 1),
        ("its successor has no address", 2, Some(("second", None, false)), 1),
        ("its successor starts and fences itself", 2, Some(("second", None, true)), 0),
        ("its successor runs", 2, Some(("second", Some(SlotPhase::Running), true)), 0),
    ];
    for (what, seconds, second, want) in cases {
        let sightings = Sightings::default();
        let before = seen(0, Some(("first", Some(SlotPhase::Running), true)));
        let current = before.job.status.current.clone().unwrap();
        sightings.note(&before, &current);
        let now = seen(seconds, second);
        let found = fences(&now, &current, &sightings.note(&now, &current));
        assert_eq!(found.len(), want, "{what}");
        assert!(found.iter().all(|sent| sent.pod == "j-g7-0"), "{what}: by one that lives");
        sightings.fenced(&now.job.uid, &found);
        let again = fences(&now, &current, &sightings.note(&now, &current));
        assert_eq!(again, [], "{what}: once per incarnation");
    }
}

#[tokio::test]
async fn a_pod_that_cannot_come_back_is_fenced_once() {
    let mut world = World::new();
    world.create("streamjobs", job(2));
    world.settle(&mut |_| false).await;
    *world.no_capacity.lock().unwrap() = true;
    world.delete_pod("j-g1-1");
    for _ in 0..10 {
        world.pass().await;
    }
    assert_eq!(world.fleet.lock().unwrap().fenced, [(1, 1)]);
}
