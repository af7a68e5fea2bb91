//! Objects: snapshots, manifests and the small objects that decide who may do what. A bucket or a folder.

mod error;
mod open;
mod retry;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, WriteMultipart,
};

pub use error::{StoreError, StoreErrorKind};
pub use open::{S3Credentials, S3Options};
use retry::attempts;

use crate::limits::{LIST_MAX, PART_BYTES, PARTS_IN_FLIGHT_MAX, STORE_DEADLINE};
use crate::turns;

/// What came of creating an object that must not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It is there and has this content.
    Created,
    /// An object is there, with this content. It may be our own, from an attempt whose answer was lost: the caller
    /// compares its nonce (G1).
    AlreadyExists(Bytes),
}

/// An object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key under the store's location.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When the store says that it was written.
    pub modified: SystemTime,
}

/// Objects under one location. Keys are relative to it, `/` separates their parts.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    location: String,
    deadline: Duration,
}

async fn put_parts(
    upload: Box<dyn MultipartUpload>,
    mut rest: Bytes,
) -> Result<(), object_store::Error> {
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    while !rest.is_empty() {
        if let Err(error) = upload.wait_for_capacity(PARTS_IN_FLIGHT_MAX - 1).await {
            // The parts that arrived cost money until they are given up; that this may fail too changes nothing.
            drop(upload.abort().await);
            return Err(error);
        }
        upload.put(rest.split_to(rest.len().min(PART_BYTES)));
    }
    upload.finish().await.map(drop)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Store {
    /// `s3://bucket/prefix`, or `file:///folder` (made if it is not there; it survives a killed process, not a power
    /// cut). Nothing is asked yet: see [`Store::probe`].
    pub fn open(location: &str, options: &S3Options) -> Result<Self, StoreError> {
        let (objects, root) = open::open(location, options)?;
        Ok(Self { objects, root, location: location.to_owned(), deadline: STORE_DEADLINE })
    }

    /// A store over the objects of a simulation.
    pub fn over(objects: Arc<dyn ObjectStore>, location: &str) -> Self {
        let (root, location) = (Path::default(), location.to_owned());
        Self { objects, root, location, deadline: STORE_DEADLINE }
    }

    /// The same store with another bound of an operation, all its attempts included.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// Where it is.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Creates an object unless there is one of this key. On a conflict the other's content is read back; where none
    /// can be read (the other attempt failed after all), it is tried again.
    pub async fn create(&self, key: &str, content: Bytes) -> Result<Creation, StoreError> {
        let path = self.path("create", key)?;
        let until = self.until();
        let created = attempts("create", &self.location, key, until, || {
            let (path, content) = (path.clone(), content.clone());
            async move {
                let options = PutOptions::from(PutMode::Create);
                match self.objects.put_opts(&path, content.into(), options).await {
                    Ok(_) => Ok(Creation::Created),
                    Err(object_store::Error::AlreadyExists { .. }) => {
                        match self.read(&path, None).await {
                            Ok(existing) => Ok(Creation::AlreadyExists(existing)),
                            Err(object_store::Error::NotFound { source, .. }) => {
                                Err(object_store::Error::Generic { store: "conflict", source })
                            }
                            Err(error) => Err(error),
                        }
                    }
                    Err(error) => Err(error),
                }
            }
        });
        created.await
    }

    /// Writes an object whose key nobody else uses (it holds a nonce); writing it twice does no harm. Large ones go
    /// up in parts.
    pub async fn put(&self, key: &str, content: Bytes) -> Result<(), StoreError> {
        let path = self.path("put", key)?;
        attempts("put", &self.location, key, self.until(), || {
            let (path, content) = (path.clone(), content.clone());
            async move {
                if content.len() <= PART_BYTES {
                    self.objects.put(&path, content.into()).await?;
                    return Ok(());
                }
                let upload = self.objects.put_multipart(&path).await?;
                put_parts(upload, content).await
            }
        })
        .await
    }

    /// The content of an object.
    pub async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let path = self.path("get", key)?;
        attempts("get", &self.location, key, self.until(), || self.read(&path, None)).await
    }

    /// The content of an object, `None` where there is none.
    pub async fn get_if_present(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.get(key).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes of an object, exactly those asked for; an object that ends before them is `Corrupt`.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let path = self.path("read", key)?;
        if range.start >= range.end {
            return Ok(Bytes::new());
        }
        let until = self.until();
        let part = |start: u64| {
            let piece = start..(start + PART_BYTES as u64).min(range.end);
            let path = &path;
            async move {
                let wanted = (piece.end - piece.start) as usize;
                let read = || self.read_piece(path, piece.clone());
                let bytes = attempts("read", &self.location, key, until, read).await?;
                if bytes.len() == wanted {
                    return Ok(bytes);
                }
                let detail = format!("bytes {piece:?} were asked for and {} came", bytes.len());
                Err(self.error(StoreErrorKind::Corrupt, "read", key, detail))
            }
        };
        if range.end - range.start <= PART_BYTES as u64 {
            return part(range.start).await;
        }
        let parts = futures::stream::iter(range.clone().step_by(PART_BYTES)).map(part);
        let mut parts = parts.buffered(PARTS_IN_FLIGHT_MAX);
        let mut content = BytesMut::with_capacity((range.end - range.start) as usize);
        while let Some(bytes) = parts.try_next().await? {
            content.extend_from_slice(&bytes);
        }
        Ok(content.freeze())
    }

    /// All objects whose key starts with whole parts of `prefix` (`generations` or `generations/`), in order of key.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let folder = prefix.trim_end_matches('/');
        let path = if folder.is_empty() { self.root.clone() } else { self.path("list", folder)? };
        let found = attempts("list", &self.location, prefix, self.until(), || async {
            let list = self.objects.list(Some(&path)).take(LIST_MAX + 1);
            list.try_collect::<Vec<_>>().await
        });
        let found = found.await?;
        if found.len() > LIST_MAX {
            let detail = format!("more than {LIST_MAX} objects");
            return Err(self.error(StoreErrorKind::Corrupt, "list", prefix, detail));
        }
        let mut listed: Vec<ObjectInfo> = found
            .into_iter()
            .filter_map(|object| {
                let key: Vec<_> = object.location.prefix_match(&self.root)?.collect();
                let key = key.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
                let modified = object.last_modified.into();
                Some(ObjectInfo { key, size: object.size, modified })
            })
            .collect();
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listed)
    }

    /// Deletes an object; one that is not there is fine.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path("delete", key)?;
        let delete = || self.objects.delete(&path);
        match attempts("delete", &self.location, key, self.until(), delete).await {
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Proves that the store is what the protocol needs: creates `key` (which nobody else uses), sees that a second
    /// creation is refused and that the object is listed and readable at once, and deletes it (O1).
    pub async fn probe(&self, key: &str) -> Result<(), StoreError> {
        let content = Bytes::from(format!("probe {key}"));
        let unfit = |detail: &str| self.error(StoreErrorKind::Unfit, "probe", key, detail);
        match self.create(key, content.clone()).await? {
            Creation::Created => {}
            Creation::AlreadyExists(other) if other == content => {}
            Creation::AlreadyExists(_) => return Err(unfit("another object has this key")),
        }
        if self.create(key, Bytes::from_static(b"second")).await? == Creation::Created {
            return Err(unfit("it overwrites instead of refusing to create twice"));
        }
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.list(folder).await?.iter().any(|object| object.key == key) {
            return Err(unfit("it does not list an object that was just written"));
        }
        if self.get(key).await? != content {
            return Err(unfit("it gives back another content than was written"));
        }
        self.delete(key).await
    }

    /// A piece, or less where the object ends before: stores refuse a piece that begins behind the end like
    /// any other request that fails, and that does not pass by itself.
    async fn read_piece(
        &self,
        path: &Path,
        piece: Range<u64>,
    ) -> Result<Bytes, object_store::Error> {
        let read = self.read(path, Some(piece.clone())).await;
        if let Err(object_store::Error::Generic { .. }) = read
            && self.objects.head(path).await.is_ok_and(|object| object.size <= piece.start)
        {
            return Ok(Bytes::new());
        }
        read
    }

    async fn read(
        &self,
        path: &Path,
        range: Option<Range<u64>>,
    ) -> Result<Bytes, object_store::Error> {
        match range {
            Some(range) => self.objects.get_range(path, range).await,
            None => self.objects.get(path).await?.bytes().await,
        }
    }

    fn until(&self) -> Instant {
        turns::now() + self.deadline
    }

    fn path(&self, operation: &'static str, key: &str) -> Result<Path, StoreError> {
        let sound = |part: &str| !part.is_empty() && part != "." && part != "..";
        let relative = Path::parse(key).ok().filter(|_| key.split('/').all(sound));
        let Some(relative) = relative else {
            let detail = "the key has an empty or a relative part";
            return Err(self.error(StoreErrorKind::Invalid, operation, key, detail));
        };
        Ok(self.root.parts().chain(relative.parts()).collect())
    }

    fn error(
        &self,
        kind: StoreErrorKind,
        operation: &'static str,
        key: &str,
        detail: impl Into<String>,
    ) -> StoreError {
        StoreError::new(kind, operation, &self.location, key, detail)
    }
}
