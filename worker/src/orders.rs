//! What the operator has ordered, as levels that every slot of the process reads at its commit boundaries.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connectors::turns;
use protocol::admin::{AcquireOrder, ReleaseOrder, SavepointOrder};

/// The newest order of each kind.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Own the shards.
    pub acquire: Option<AcquireOrder>,
    /// Give them up.
    pub release: Option<ReleaseOrder>,
    /// Take a savepoint, or go on after it.
    pub savepoint: Option<SavepointOrder>,
    /// The generation is here to stay.
    pub proven: bool,
    /// Give up everything because the process was told to end (SIGTERM).
    pub terminate: bool,
}

/// Orders shared between the admin port, the signal handler and the slots.
#[derive(Debug, Default)]
pub struct Orders {
    standing: Mutex<Standing>,
    changed: Condvar,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The orders as they stand.
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Changes the orders and wakes who waits.
    pub fn change(&self, apply: impl FnOnce(&mut Standing)) {
        apply(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until the orders change, at most this long.
    pub fn wait(&self, at_most: Duration) {
        if turns::pause(at_most) {
            return;
        }
        let guard = self.lock();
        drop(self.changed.wait_timeout(guard, at_most));
    }
}
