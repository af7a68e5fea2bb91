//! Which generation a whole job in one process takes.

use protocol::generation::{GenerationObject, Layout};
use protocol::{Fingerprint, Generation};

/// What the process is about to run.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Slots.
    pub slots: u32,
    /// The plan.
    pub fingerprint: &'a Fingerprint,
    /// The logs.
    pub layout: &'a Layout,
}

/// A restart is the same act again, so the newest generation goes on if nothing about it has changed and it has not
/// been sealed; everything else is a new one. The first is 1.
pub fn choose(
    newest: Option<&GenerationObject>,
    sealed: &[Generation],
    wanted: Wanted<'_>,
) -> Generation {
    match newest {
        None => Generation(1),
        Some(newest)
            if !sealed.contains(&newest.generation)
                && newest.slots == wanted.slots
                && newest.plan_fingerprint == *wanted.fingerprint
                && newest.layout == *wanted.layout =>
        {
            newest.generation
        }
        Some(newest) => newest.generation.next(),
    }
}

#[cfg(test)]
mod tests {
    use protocol::StageId;
    use protocol::assignment::ASSIGNMENT_VERSION;
    use protocol::generation::{StageLogs, TopicPartitions};

    use super::*;

    fn layout(partitions: u32) -> Layout {
        let topics = vec![TopicPartitions { topic: "t".into(), partitions }];
        Layout { stages: vec![StageLogs { stage: StageId(0), topics }] }
    }

    #[test]
    fn only_the_same_slots_plan_and_logs_go_on() {
        let object = GenerationObject {
            format: 1,
            generation: Generation(4),
            slots: 2,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(7),
            layout: layout(3),
        };
        for (newest, sealed, slots, plan, partitions, expected) in [
            (None, 0, 2, 7, 3, 1),
            (Some(&object), 0, 2, 7, 3, 4),
            (Some(&object), 4, 2, 7, 3, 5),
            (Some(&object), 3, 2, 7, 3, 4),
            (Some(&object), 0, 3, 7, 3, 5),
            (Some(&object), 0, 2, 8, 3, 5),
            (Some(&object), 0, 2, 7, 4, 5),
        ] {
            let fingerprint = Fingerprint::from_bits(plan);
            let layout = layout(partitions);
            let wanted = Wanted { slots, fingerprint: &fingerprint, layout: &layout };
            let chosen = choose(newest, &[Generation(sealed)], wanted);
            assert_eq!(chosen.0, expected, "{sealed} {slots} {plan} {partitions}");
        }
    }
}
