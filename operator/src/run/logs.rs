//! Logs, and the filter that may be changed while the operator runs.

use std::path::Path;

use tracing_subscriber::EnvFilter;

use crate::limits::LOG_FILE_PERIOD;

/// The filter in force.
pub(super) struct Filter {
    /// What was asked for at the start.
    first: String,
    reload: Box<dyn Fn(EnvFilter) + Send + Sync>,
}

/// Logs to standard error. `RUST_LOG` says what.
pub(super) fn init(json: bool) -> Filter {
    let first = std::env::var("RUST_LOG").unwrap_or_default();
    let first = if EnvFilter::try_new(&first).is_ok() && !first.is_empty() {
        first
    } else {
        "info".to_owned()
    };
    let filter = EnvFilter::new(&first);
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let reload: Box<dyn Fn(EnvFilter) + Send + Sync> = if json {
        let builder = builder.json().with_env_filter(filter).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| drop(handle.reload(filter)))
    } else {
        let builder = builder.with_env_filter(filter).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| drop(handle.reload(filter)))
    };
    Filter { first, reload }
}

impl Filter {
    /// Puts in force what the file says, whenever it says something else; for ever.
    pub(super) async fn follow(&self, path: Option<&Path>) {
        let Some(path) = path else { return std::future::pending().await };
        let mut said = self.first.clone();
        let mut looks = tokio::time::interval(LOG_FILE_PERIOD);
        loop {
            looks.tick().await;
            let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
            let says = if text.trim().is_empty() { &self.first } else { text.trim() };
            if says == said {
                continue;
            }
            match EnvFilter::try_new(says) {
                Ok(filter) => {
                    (self.reload)(filter);
                    tracing::warn!(filter = says, "another log filter is in force");
                }
                Err(error) => tracing::warn!(filter = says, %error, "no log filter"),
            }
            said = says.to_owned();
        }
    }
}
