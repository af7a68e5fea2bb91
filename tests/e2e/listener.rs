//! The logs of all containers, also of those that are gone: each file is held open from when it is first seen.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tests::harness::wait;

/// No container's log lives for less: its pod is deleted first.
const PAUSE: Duration = Duration::from_millis(500);

type Files = BTreeMap<(u64, u64), (PathBuf, File)>;

/// Listens until it is dropped.
pub(crate) struct Listener {
    heard: Arc<Mutex<Files>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens to the pods of a node; `run` is the folder of the cluster's state.
    pub(crate) fn start(run: &Path, node: &str) -> anyhow::Result<Self> {
        let first = fs::read_to_string(run.join(node).join("init.pid")).context("no such node")?;
        let folder = PathBuf::from(format!("/proc/{}/root/var/log/pods", first.trim()));
        fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let (heard, ended) = (Arc::<Mutex<Files>>::default(), Arc::<AtomicBool>::default());
        let (files, end) = (Arc::clone(&heard), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                find(&folder, &mut files.lock().unwrap());
                wait::pause(PAUSE);
            }
        });
        Ok(Self { heard, ended, thread: Some(thread) })
    }

    /// All that was said: the place of each log and its text.
    pub(crate) fn texts(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut heard = self.heard.lock().unwrap();
        let texts = heard.values_mut().map(|(path, file)| {
            let mut text = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut text)?;
            let place = path.iter().rev().take(3).collect::<Vec<_>>();
            let place: PathBuf = place.into_iter().rev().collect();
            Ok((place.display().to_string(), text))
        });
        texts.collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Opens every log that was not open yet. What goes away meanwhile was seen before, or nothing was in it.
fn find(folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        let Ok(found) = file.metadata() else { continue };
        files.entry((found.dev(), found.ino())).or_insert((path, file));
    }
}
