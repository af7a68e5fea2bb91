//! Each rule taken away alone, and the smallest bounds within which that shows.

use super::bounds::Bounds;
use super::exchange::Exchange;
use super::explore::{Broken, explore};
use super::ownership::Ownership;
use super::rules::Rule;

const STATES_MAX: usize = 20_000_000;

const ONE: Bounds = Bounds::new("one slot", &[1], 1);
const TWO: Bounds = Bounds::new("two generations", &[1, 1], 1);
const THREE: Bounds = Bounds::new("three generations", &[1, 1, 1], 1);
const PLANNED: Bounds =
    Bounds { planned: true, progress: true, ..Bounds::new("planned", &[1, 2], 2) };

/// Without each of these a promise breaks.
const NEEDED: &[(Rule, Bounds)] = &[
    (Rule::C1BurstAtTheBoundary, ONE),
    (Rule::C2Identity, Bounds { units: 2, crashes: 1, disturbances: 1, ..ONE }),
    (Rule::C4UnknownEnds, Bounds { units: 2, disturbances: 1, readers: false, ..ONE }),
    (Rule::C5UncleanReplaces, Bounds { units: 2, disturbances: 1, ..ONE }),
    (Rule::C6List, Bounds { disturbances: 1, units: 2, ..TWO }),
    (Rule::C6Read, Bounds { units: 2, crashes: 1, disturbances: 1, ..ONE }),
    (Rule::C9SameCommit, Bounds { units: 2, disturbances: 1, ..ONE }),
    (Rule::C9NewProducer, Bounds { units: 2, disturbances: 2, ..ONE }),
    (Rule::C10Cursor, Bounds { units: 3, cut: true, crashes: 1, ..ONE }),
    (Rule::C10OffsetStands, Bounds { units: 3, cut: true, crashes: 1, ..ONE }),
    (Rule::O1IdNamesGeneration, PLANNED),
    (Rule::O1ObjectsStay, Bounds { crashes: 1, ..THREE }),
    (Rule::O2WarmWritesNothing, Bounds { crashes: 1, warms_only: 2, progress: true, ..TWO }),
    (Rule::O3Create, Bounds { disturbances: 1, units: 2, ..TWO }),
    (Rule::O3List, TWO),
    (Rule::O3Fence, TWO),
    (Rule::O3FenceReleased, Bounds { crashes: 1, ..THREE }),
    (Rule::O3FenceSince, THREE),
    (Rule::O3ReadAfterFence, TWO),
    (Rule::O3ReadStable, Bounds { late: true, ..TWO }),
    (Rule::O3ReadFresh, Bounds { cut_off: true, ..TWO }),
    (Rule::O3Muted, Bounds { crashes: 1, units: 2, ..ONE }),
    (Rule::O3Claim, Bounds { progress: true, ..TWO }),
    (Rule::O4Release, PLANNED),
    (Rule::O4AllAtOnce, PLANNED),
    (
        Rule::O5FenceTheDead,
        Bounds { crashes: 1, twins: false, dead_stay: true, progress: true, ..ONE },
    ),
    (Rule::O7OffsetsStay, TWO),
];

/// Without these nothing is found: others cover them.
const COVERED: &[(Rule, Bounds)] = &[
    (Rule::C2Nonce, Bounds { units: 2, crashes: 2, disturbances: 2, ..ONE }),
    (Rule::C2Number, Bounds { units: 2, crashes: 2, disturbances: 2, ..ONE }),
    (Rule::C4UnknownIsNotAborted, Bounds { units: 2, crashes: 2, disturbances: 2, ..ONE }),
];

fn judged(rules: &[(Rule, Bounds)]) -> impl Iterator<Item = (Rule, Option<Broken>)> {
    rules.iter().map(|(rule, bounds)| {
        (*rule, explore(&Ownership::new(*bounds, Some(*rule)), STATES_MAX).broken)
    })
}

pub(crate) fn all() -> impl Iterator<Item = (Rule, Option<Broken>)> {
    let exchange = || explore(&Exchange::new([1, 2, 2], Some(Rule::O6Drained)), STATES_MAX).broken;
    judged(NEEDED).chain(std::iter::once_with(move || (Rule::O6Drained, exchange())))
}

pub(crate) fn covered() -> impl Iterator<Item = (Rule, Option<Broken>)> {
    judged(COVERED)
}
