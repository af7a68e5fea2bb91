//! How far a model goes: everything within is tried out.

/// Bounds of one exploration.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each switches one kind of fault or promise")]
pub(crate) struct Bounds {
    pub(crate) name: &'static str,
    /// Slots of each generation.
    pub(crate) slots: &'static [u8],
    pub(crate) shards: u8,
    /// Transactions worth of rows in each log, at most 3.
    pub(crate) units: u8,
    /// The first offset's rows take two transactions (C10).
    pub(crate) cut: bool,
    /// Processes that may be killed.
    pub(crate) crashes: u8,
    /// Instead of being killed a process may go on beside a second one of the same identity.
    pub(crate) twins: bool,
    /// Requests that may be delayed, repeated or lost.
    pub(crate) disturbances: u8,
    /// Living slots whose transaction may time out, or whose id somebody may fence (O5).
    pub(crate) fences: u8,
    /// Committed offsets may show later than their markers are written.
    pub(crate) late: bool,
    /// A coordinator may be cut off and answer from memory.
    pub(crate) cut_off: bool,
    /// No fault at all: successors wait for the release, and nobody may be fenced.
    pub(crate) planned: bool,
    /// Pods of this generation warm up, and are taken away again.
    pub(crate) warms_only: u8,
    /// A dead slot stays dead and no timeout has passed: readers must be let go all the same.
    pub(crate) dead_stay: bool,
    /// Nobody may hold readers back between bursts.
    pub(crate) readers: bool,
    /// It must always be possible to come to the end.
    pub(crate) progress: bool,
}

impl Bounds {
    pub(crate) const fn new(name: &'static str, slots: &'static [u8], shards: u8) -> Self {
        Self {
            name,
            slots,
            shards,
            units: 1,
            cut: false,
            crashes: 0,
            twins: true,
            disturbances: 0,
            fences: 0,
            late: false,
            cut_off: false,
            planned: false,
            warms_only: 0,
            dead_stay: false,
            readers: true,
            progress: false,
        }
    }

    pub(crate) fn last_generation(&self) -> u8 {
        self.slots.len() as u8
    }
}

/// In `make test`.
pub(crate) const SMALL: &[Bounds] = &[
    Bounds {
        units: 3,
        cut: true,
        crashes: 1,
        disturbances: 2,
        fences: 1,
        progress: true,
        ..Bounds::new("late requests", &[1], 1)
    },
    Bounds {
        crashes: 1,
        disturbances: 1,
        late: true,
        cut_off: true,
        ..Bounds::new("take-over", &[1, 1], 1)
    },
    Bounds { crashes: 1, progress: true, ..Bounds::new("three generations", &[1, 1, 1], 1) },
    Bounds { planned: true, progress: true, ..Bounds::new("planned rollouts", &[1, 2, 1], 2) },
];

/// In `make model`: 44 million states, four minutes of processor time, the longest two and a half.
pub(crate) const FULL: &[Bounds] = &[
    Bounds {
        crashes: 2,
        disturbances: 1,
        fences: 1,
        ..Bounds::new("three generations, late requests", &[1, 1, 1], 1)
    },
    Bounds {
        crashes: 2,
        disturbances: 1,
        fences: 1,
        late: true,
        cut_off: true,
        ..Bounds::new("take-over from a cut-off coordinator", &[1, 1], 1)
    },
    Bounds { crashes: 1, ..Bounds::new("1, 2, 1 slots", &[1, 2, 1], 2) },
    Bounds::new("2, 1, 2 slots, no fault", &[2, 1, 2], 2),
    Bounds {
        units: 3,
        cut: true,
        crashes: 2,
        disturbances: 2,
        fences: 1,
        progress: true,
        ..Bounds::new("late requests", &[1], 1)
    },
    Bounds { crashes: 1, progress: true, ..Bounds::new("progress", &[1, 1, 1], 1) },
    Bounds { planned: true, progress: true, ..Bounds::new("planned rollouts", &[1, 2, 1], 2) },
];
