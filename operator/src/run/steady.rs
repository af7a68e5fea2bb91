//! A watch that begins again by itself, soon, whatever was wrong with it; and never breaks silently.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use kube::runtime::watcher::{self, Event};

use crate::outages::{Outages, Watch};

/// A watch under way.
struct Steady<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    watch: Watch,
    outages: Arc<Outages>,
    /// It failed last.
    broken: bool,
    /// One that fails no more for so long works, though it has nothing to say.
    quiet: Duration,
}

/// What the watch says, without its failures. After each of them it waits, and goes on where it was or with a new
/// listing: what changed meanwhile is told then.
pub(super) fn steady<K: Send + 'static>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    watch: Watch,
    outages: Arc<Outages>,
    quiet: Duration,
) -> impl Stream<Item = Event<K>> + Send + 'static {
    outages.begin(&watch);
    let steady = Steady { events: events.boxed(), watch, outages, broken: false, quiet };
    stream::unfold(steady, |mut steady| async move {
        let event = steady.next().await?;
        Some((event, steady))
    })
}

impl<K> Steady<K> {
    async fn next(&mut self) -> Option<Event<K>> {
        loop {
            let next = if self.broken {
                let next = tokio::time::timeout(self.quiet, self.events.next()).await;
                if next.is_err() {
                    self.works();
                }
                let Ok(next) = next else { continue };
                next
            } else {
                self.events.next().await
            };
            match next? {
                Ok(event) => {
                    // That a listing begins does not say that it succeeds.
                    if !matches!(event, Event::Init) {
                        self.works();
                    }
                    return Some(event);
                }
                Err(error) => {
                    self.broken = true;
                    let (text, forbidden) = (error.to_string(), is_forbidden(&error));
                    let text = format!("{text}{}", cause(&error));
                    let wait = self.outages.failed(&self.watch, &text, forbidden, Instant::now());
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.broken) {
            self.outages.works(&self.watch);
        }
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    use watcher::Error as E;
    match error {
        E::InitialListFailed(error) | E::WatchStartFailed(error) | E::WatchFailed(error) => {
            matches!(error, kube::Error::Api(status) if status.is_forbidden())
        }
        E::WatchError(status) => status.is_forbidden(),
        E::NoResourceVersion => false,
    }
}

/// What the error itself does not say.
fn cause(error: &watcher::Error) -> String {
    let said = error.to_string();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    cause.filter(|cause| !said.contains(cause)).map(|c| format!(": {c}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    type Item = watcher::Result<Event<u8>>;

    fn refused(code: u16) -> Item {
        let status = Status::failure("it may not", "Forbidden").with_code(code).boxed();
        Err(watcher::Error::InitialListFailed(kube::Error::Api(status)))
    }

    #[tokio::test]
    async fn what_comes_after_a_failure_is_told() {
        let outages = Arc::new(Outages::default());
        let watch = ("Pod".to_owned(), None);
        let items = [
            Ok(Event::Init),
            refused(403),
            Ok(Event::Init),
            refused(500),
            Ok(Event::Init),
            Ok(Event::InitApply(1)),
            Ok(Event::InitDone),
        ];
        let events = stream::iter(items).chain(stream::pending());
        let told = steady(events, watch, Arc::clone(&outages), Duration::from_mins(1));
        let mut told = Box::pin(told);
        let long_after = Instant::now() + Duration::from_hours(1);
        assert!(matches!(told.next().await, Some(Event::Init)));
        assert_eq!(outages.long(long_after), "");
        for _ in 0..2 {
            assert!(matches!(told.next().await, Some(Event::Init)));
            assert!(outages.long(long_after).contains("it may not"), "a listing only begins");
        }
        assert!(matches!(told.next().await, Some(Event::InitApply(1))));
        assert_eq!(outages.long(long_after), "");
        assert!(matches!(told.next().await, Some(Event::InitDone)));
    }

    #[tokio::test]
    async fn one_that_fails_no_more_works_though_it_says_nothing() {
        let outages = Arc::new(Outages::default());
        let events = stream::iter([refused(500)]).chain(stream::pending());
        let watch = ("Pod".to_owned(), None);
        let told = steady(events, watch, Arc::clone(&outages), Duration::from_millis(1));
        let long_after = Instant::now() + Duration::from_hours(1);
        let mut told = Box::pin(told);
        // It never says anything; whoever asks for more has it looked after.
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            tokio::select! {
                _ = told.next() => {}
                () = async {
                    while outages.long(long_after).is_empty() {
                        tokio::task::yield_now().await;
                    }
                    while !outages.long(long_after).is_empty() {
                        tokio::task::yield_now().await;
                    }
                } => {}
            }
        });
        assert!(waited.await.is_ok(), "{}", outages.long(long_after));
    }
}
