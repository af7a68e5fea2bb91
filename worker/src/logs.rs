//! Logs: JSON lines where a machine reads, text where a person does. Spans carry job, generation and slot.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

const DEFAULT_FILTER: &str = "info,hyper=warn,object_store=warn,rdkafka=warn,librdkafka=warn";

/// Sets up logging to standard error; `STREAMJOB_LOG` takes a filter such as `debug` or `worker=trace`.
pub(crate) fn init() {
    let filter = std::env::var("STREAMJOB_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_span_events(FmtSpan::NONE);
    let set = if stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    // A second call in one process (tests) changes nothing.
    drop(set);
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "panicked");
    }));
}
