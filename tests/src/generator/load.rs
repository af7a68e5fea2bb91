//! A generator that writes in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Context as _;

use super::recipe::Recipe;
use super::writer::{self, WriteOptions, Written};

/// Writes on a thread of its own; dropping it stops that.
pub struct Load {
    writing: Option<JoinHandle<anyhow::Result<Written>>>,
    stopped: Arc<AtomicBool>,
}

impl Load {
    /// Starts writing.
    pub fn start(recipe: Recipe, options: WriteOptions) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let writing = std::thread::spawn(move || {
            writer::write(&recipe, &options, &mut |_| !told.load(Ordering::Acquire))
        });
        Self { writing: Some(writing), stopped }
    }

    /// Everything is written, or it has failed.
    pub fn is_done(&self) -> bool {
        self.writing.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it early; the logs are closed all the same.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Waits for its end.
    pub fn written(mut self) -> anyhow::Result<Written> {
        let writing = self.writing.take().context("it is waited for once")?;
        writing.join().ok().context("the generator panicked")?
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}
