//! A real object store: `MinIO` on one folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

use super::ports;
use super::server::Server;

/// Its user and its password.
pub const CREDENTIAL: &str = "minioadmin";

/// A running store with one bucket; stopped when dropped.
pub struct Minio {
    folder: PathBuf,
    port: u16,
    server: Server,
}

impl Minio {
    /// The one bucket.
    pub const BUCKET: &str = "checkpoints";

    /// Starts one in `folder`.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let [port] = ports::free()?;
        // A folder below the data folder is a bucket.
        let bucket = folder.join("data").join(Self::BUCKET);
        std::fs::create_dir_all(&bucket).context("cannot create the bucket")?;
        let mut minio = Self { folder: folder.to_owned(), port, server: Server::default() };
        minio.start_again()?;
        Ok(minio)
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Starts it again on the same folder and port.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.display().to_string();
        self.server.start("minio.sh", &["start", &folder, &self.port.to_string()], &[])
    }

    /// SIGKILL; the objects stay.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill()
    }

    /// A client of the bucket.
    pub fn client(&self) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let client = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(Self::BUCKET)
            .with_access_key_id(CREDENTIAL)
            .with_secret_access_key(CREDENTIAL)
            .build()
            .context("a client of the object store")?;
        Ok(Arc::new(client))
    }
}
