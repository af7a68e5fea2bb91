//! Logs: JSON lines where a machine reads, text where a person does. Spans carry job, generation and slot.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::thread;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::limits::LOG_FILE_PERIOD;

const DEFAULT_FILTER: &str = "info,hyper=warn,object_store=warn,rdkafka=warn,librdkafka=warn";

/// Puts another filter in force.
type Reload = Box<dyn Fn(EnvFilter) + Send>;

/// Sets up logging to standard error; `STREAMJOB_LOG` takes a filter such as `debug` or `worker=trace`. The file that
/// `STREAMJOB_LOG_FILE` names, where it is there and not empty, holds another one; it is looked at again and again.
pub(crate) fn init() {
    let first = std::env::var("STREAMJOB_LOG").unwrap_or_default();
    let first = if filter(&first).is_ok() { first } else { String::new() };
    let usual = filter(&first).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_writer(stderr).with_span_events(FmtSpan::NONE);
    let (set, reload): (_, Reload) = if stderr().is_terminal() {
        let builder = builder.with_target(false).with_env_filter(usual).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
    } else {
        let builder = builder.json().flatten_event(true).with_current_span(true);
        let builder = builder.with_span_list(false).with_env_filter(usual).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
    };
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "panicked");
    }));
    // A second call in one process (tests) changes nothing.
    if let (Ok(()), Some(path)) = (set, std::env::var_os("STREAMJOB_LOG_FILE")) {
        follow(PathBuf::from(path), first, reload);
    }
}

/// What a text asks for; an empty one asks for what is usual.
fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(if text.is_empty() { DEFAULT_FILTER } else { text })
}

/// Puts in force what the file says, whenever it says something else.
fn follow(path: PathBuf, first: String, reload: Reload) {
    let following = move || {
        let mut said = first.clone();
        loop {
            let says = wanted(&path).unwrap_or_else(|| first.clone());
            if says != said {
                match filter(&says) {
                    Ok(filter) => {
                        reload(filter);
                        tracing::warn!(filter = %says, "another log filter is in force");
                    }
                    Err(error) => tracing::warn!(filter = %says, %error, "no log filter"),
                }
                said = says;
            }
            thread::park_timeout(LOG_FILE_PERIOD);
        }
    };
    if let Err(error) = thread::Builder::new().name("log-filter".into()).spawn(following) {
        tracing::warn!(%error, "the log filter cannot be changed at run time");
    }
}

/// The filter in the file, if there is one.
fn wanted(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_file_is_followed_and_nonsense_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let (send, receive) = mpsc::channel();
        let reload = move |filter: EnvFilter| drop(send.send(filter.to_string()));
        fs::write(&path, "debug\n").expect("written");
        follow(path.clone(), String::new(), Box::new(reload));
        let next = || receive.recv_timeout(LOG_FILE_PERIOD * 20).expect("another filter");
        assert_eq!(next(), "debug");
        assert!(filter("worker=loud").is_err());
        fs::write(&path, "worker=loud").expect("written");
        fs::write(&path, "worker=trace").expect("written");
        assert_eq!(next(), "worker=trace");
        fs::remove_file(&path).expect("removed");
        assert!(next().contains("hyper=warn"), "what is usual is back");
    }
}
