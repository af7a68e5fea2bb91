//! Finds the store that a location names.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use super::error::{StoreError, StoreErrorKind, full_text};
use crate::limits::{STORE_CONNECT_TIMEOUT, STORE_REQUEST_TIMEOUT};

/// Keys of an S3 account. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials")
    }
}

/// How to reach an S3 bucket. A folder needs none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Options {
    /// URL of the service, `None` for AWS.
    pub endpoint: Option<String>,
    /// Region, `None` for `us-east-1`.
    pub region: Option<String>,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub path_style: bool,
    /// Keys; `None` takes the workload's identity from the environment.
    pub credentials: Option<S3Credentials>,
    /// PEM of the authority that signed the endpoint's certificate, if it is not a public one.
    pub ca_certificate: Option<String>,
}

type Opened = (Arc<dyn ObjectStore>, Path);

pub(crate) fn open(location: &str, options: &S3Options) -> Result<Opened, StoreError> {
    let invalid =
        |detail: String| StoreError::new(StoreErrorKind::Invalid, "open", location, "", detail);
    let failed = |error: object_store::Error| invalid(full_text(&error));
    if let Some(folder) = location.strip_prefix("file://") {
        let folder = PathBuf::from(folder);
        if !folder.is_absolute() {
            return Err(invalid("a folder is given as file:///absolute/path".to_owned()));
        }
        std::fs::create_dir_all(&folder).map_err(|error| invalid(error.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(&folder).map_err(failed)?;
        return Ok((Arc::new(objects), Path::default()));
    }
    let Some(rest) = location.strip_prefix("s3://") else {
        return Err(invalid("s3://bucket/prefix and file:///folder are supported".to_owned()));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(invalid("the bucket is missing".to_owned()));
    }
    let prefix = prefix.trim_end_matches('/');
    let root = Path::parse(prefix).map_err(|error| invalid(error.to_string()))?;
    let builder = builder(bucket, options).map_err(failed)?;
    Ok((Arc::new(builder.build().map_err(failed)?), root))
}

fn builder(bucket: &str, options: &S3Options) -> Result<AmazonS3Builder, object_store::Error> {
    let plain = options.endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
    let mut client = ClientOptions::new()
        .with_timeout(STORE_REQUEST_TIMEOUT)
        .with_connect_timeout(STORE_CONNECT_TIMEOUT)
        .with_allow_http(plain);
    if let Some(pem) = &options.ca_certificate {
        client = client.with_root_certificate(Certificate::from_pem(pem.as_bytes())?);
    }
    let mut builder = match &options.credentials {
        None => AmazonS3Builder::from_env(),
        Some(keys) => AmazonS3Builder::new()
            .with_access_key_id(&keys.access_key_id)
            .with_secret_access_key(&keys.secret_access_key),
    };
    if let Some(token) = options.credentials.as_ref().and_then(|keys| keys.session_token.as_ref()) {
        builder = builder.with_token(token);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    // One place retries: `attempts`. The client's own retries would not know our deadline.
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: STORE_REQUEST_TIMEOUT,
    };
    Ok(builder
        .with_bucket_name(bucket)
        .with_region(options.region.as_deref().unwrap_or("us-east-1"))
        .with_virtual_hosted_style_request(!options.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client)
        .with_retry(retry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_that_name_no_store_are_refused() {
        for location in ["", "bucket", "http://x", "s3://", "s3:///prefix", "file://relative/path"]
        {
            let refused = open(location, &S3Options::default()).err();
            assert_eq!(refused.map(|e| e.kind), Some(StoreErrorKind::Invalid), "{location}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let credentials = Some(S3Credentials {
            access_key_id: "AKIA".into(),
            secret_access_key: "hunter2".into(),
            session_token: None,
        });
        let shown = format!("{:?}", S3Options { credentials, ..S3Options::default() });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
