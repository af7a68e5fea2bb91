//! The object store: objects in memory behind a line that fails, loses answers and is slow, and away now and then.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connectors::turns;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::schedule::Schedule;
use crate::seen::{Seen, Sight};
use crate::setting::Storage;

/// See the module.
pub(crate) struct Objects {
    pub(crate) inner: InMemory,
    schedule: Arc<Schedule>,
    seen: Arc<Seen>,
    storage: Mutex<Storage>,
    away_until: Mutex<Duration>,
    /// Every manifest that was ever written, by its key: most are deleted before the judgement.
    manifests: Mutex<BTreeMap<String, Bytes>>,
}

/// What becomes of one request.
#[derive(PartialEq)]
enum Fate {
    Done,
    Refused,
    AnswerLost,
}

fn failure() -> Error {
    Error::Generic { store: "simulated", source: "no answer".into() }
}

impl Objects {
    pub(crate) fn new(schedule: Arc<Schedule>, seen: Arc<Seen>, storage: Storage) -> Self {
        let (storage, away_until) = (Mutex::new(storage), Mutex::new(Duration::ZERO));
        let manifests = Mutex::default();
        Self { inner: InMemory::new(), schedule, seen, storage, away_until, manifests }
    }

    /// Every manifest that was ever written, by its key.
    pub(crate) fn manifests(&self) -> BTreeMap<String, Bytes> {
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on every request is answered.
    pub(crate) fn heal(&self) {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner).trouble = None;
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
    }

    fn arrive(&self, what: &str, path: &Path) -> Fate {
        turns::pause(self.schedule.millis(1, 20));
        let storage = *self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = self.fate(storage);
        let said = match fate {
            Fate::Done => "",
            Fate::Refused => ": refused",
            Fate::AnswerLost => ": answer lost",
        };
        self.schedule.say(&format!("store: {what} {path}{said}"));
        fate
    }

    fn fate(&self, storage: Storage) -> Fate {
        let now = self.schedule.now();
        let mut away_until = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *away_until {
            self.seen.note(Sight::StoreAway);
            return Fate::Refused;
        }
        let Some(one_in) = storage.trouble else { return Fate::Done };
        if !self.schedule.one_in(one_in) {
            return Fate::Done;
        }
        match self.schedule.below(4) {
            0 => {
                self.seen.note(Sight::StoreRefused);
                Fate::Refused
            }
            1 => {
                self.seen.note(Sight::StoreAnswerLost);
                Fate::AnswerLost
            }
            2 => {
                *away_until = now + self.schedule.millis(1, storage.outage_ms);
                Fate::Refused
            }
            _ => {
                drop(away_until);
                self.seen.note(Sight::StoreSlow);
                turns::pause(self.schedule.millis(100, 8_000));
                Fate::Done
            }
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects")
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated objects")
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fate = self.arrive("put", location);
        if fate == Fate::Refused {
            return Err(failure());
        }
        let manifest = location.as_ref().contains("/manifests/").then(|| payload.clone());
        let done = self.inner.put_opts(location, payload, options).await;
        if let Some(manifest) = manifest.filter(|_| done.is_ok()) {
            let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
            manifests.insert(location.to_string(), manifest.into());
        }
        if fate == Fate::AnswerLost { Err(failure()) } else { done }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if location.as_ref().contains("/runs/") {
            self.seen.note(Sight::Restored);
        }
        match self.arrive("get", location) {
            Fate::Done => self.inner.get_opts(location, options).await,
            Fate::Refused | Fate::AnswerLost => Err(failure()),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.arrive("get", location) {
            Fate::Done => self.inner.get_ranges(location, ranges).await,
            Fate::Refused | Fate::AnswerLost => Err(failure()),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.arrive("list", prefix.unwrap_or(&Path::default())) {
            Fate::Done => self.inner.list(prefix),
            Fate::Refused | Fate::AnswerLost => stream::once(async { Err(failure()) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
